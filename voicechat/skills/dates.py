"""Tell the date and the day of the week, and count the days to a date.

Knows the holidays that have a date of their own, and no calendar of the user's.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta

from voicechat.skills.numerals import ordinal, plural
from voicechat.skills.request import Request

_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONTHS = _MONTH.split("|")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOLIDAYS = {
    r"christmas eve": ("Christmas Eve", 12, 24),
    r"christmas(?: day)?|chris miss|christ miss|xmas": ("Christmas", 12, 25),
    r"new years? eve": ("New Year's Eve", 12, 31),
    r"(?:the )?new years?(?: day)?": ("New Year", 1, 1),
    r"halloween|hollow een|hello ween": ("Halloween", 10, 31),
    r"valentines?(?: day)?|valentine is day": ("Valentine's Day", 2, 14),
    r"(?:saint|st) patricks(?: day)?": ("Saint Patrick's Day", 3, 17),
    r"independence day": ("Independence Day", 7, 4),
    r"april fools(?: day)?": ("April Fools' Day", 4, 1),
}
_UNKNOWN_DATE = "I do not know that date. Ask me with the month and the day."
_DAY = r"(?P<day>[0-9]{1,2}|first|second|third)(?: ?(?P<day_more>first|second|third))?(?:st|nd|rd|th)?"
_YEAR = r"(?: (?:of )?(?P<year>[0-9]{4}|(?:19|20) [0-9]{2}))?"
_DATES = [
    re.compile(pattern)
    for pattern in (
        rf"\b{_DAY} (?:day )?(?:of )?(?P<month>{_MONTH}){_YEAR}\b",
        rf"\b(?P<month>{_MONTH}) (?:the )?{_DAY}{_YEAR}\b",
    )
]
_ORDINALS = {"first": 1, "second": 2, "third": 3}
_COUNT = re.compile(
    r"\bhow (?P<unit>many days|many weeks|long|much longer|far|many sleeps)\b.*\b(?:until|till|til|to|before|for|feel|"
    r"till it is|since|away is|ago)\b|\bdays? (?:until|till|to|before)\b"
)
_WHEN = re.compile(r"\b(?:when|what (?:day|date|weekday)|date (?:of|is|was))\b")
_TODAY = re.compile(
    r"\b(?:what|which|tell me|say|give me|know)\b.*\b(?:day|date|debate|data|weekday|week day)\b"
    r"|^(?:the )?(?:date|day|todays date|date today|current date)$|\b(?:todays date|day is it|is the date|date is it)\b"
    r"|^what is (?:today|tomorrow)$"
)
_NOT_TODAY = re.compile(
    r"\b(?:weather|your day|day going|my day|temperature|plans?|nice day|news|happen\w*|[0-9]+(?:st|nd|rd|th))\b"
)
_PART = re.compile(r"\b(?:what|which|tell me)\b.*\b(?P<part>year|month|century)\b(?: (?:is it|are we|is this|now)|$)")
_IN_DAYS = re.compile(
    r"\b(?:in|after) (?P<n>[0-9]{1,5}|an?) (?P<unit>days?|weeks?)\b|\b(?P<n2>[0-9]{1,5}) (?P<ago>days?|weeks?) ago\b"
)
_RELATIVE = {
    r"day after tomorrow": ("The day after tomorrow", 2),
    r"day before yesterday": ("The day before yesterday", -2),
    r"tomorrow|to morrow": ("Tomorrow", 1),
    r"yesterday": ("Yesterday", -1),
}


def answer(request: Request) -> str | None:
    return _days_until(request) or _is_it(request) or _day_of_date(request) or _part(request) or _relative_day(request)


def _days_until(request: Request) -> str | None:
    asked = _COUNT.search(request.text)
    named = _named_date(request.text, request.now.date(), past=bool(re.search(r"\bsince\b", request.text)))
    if not asked:
        return None
    if not named:
        return _UNKNOWN_DATE if re.search(r"\bdays\b.*\b(?:until|till)\b", request.text) else None
    name, day = named
    days = (day - request.now.date()).days
    if days == 0:
        return f"Today is {name}."
    if days < 0:
        return f"{name} was {-days} {plural(-days, 'day')} ago."
    if re.search(r"\bweeks\b", request.text) and days >= 7:
        weeks, rest = divmod(days, 7)
        more = f" and {rest} {plural(rest, 'day')}" if rest else ""
        return f"It is {weeks} {plural(weeks, 'week')}{more} until {name}."
    return f"It is {days} {plural(days, 'day')} until {name}."


def _day_of_date(request: Request) -> str | None:
    today = request.now.date()
    named = _named_date(request.text, today, past=bool(re.search(r"\bwas\b", request.text)))
    if not named or not _WHEN.search(request.text):
        return None
    name, day = named
    verb = "is" if day >= today else "was"
    if name.startswith(_month_name(day)):
        return f"{name} {verb} a {_weekday(day)}."
    if name == _weekday(day):
        return f"That {verb} {_month_name(day)} {ordinal(day.day)}, {day.year}."
    return f"{name} {verb} on {_full(day)}."


def _is_it(request: Request) -> str | None:
    """Answer "is it monday" and "is it a leap year" by yes or no."""
    today = request.now.date()
    if re.search(r"^is (?:it|this(?: year)?) a leap year\b", request.text):
        leap = calendar.isleap(today.year)
        return f"{'Yes' if leap else 'No'}, {today.year} is {'' if leap else 'not '}a leap year."
    found = re.search(rf"^is (?:it|today) ({'|'.join(_WEEKDAYS)})\b", request.text)
    if not found:
        return None
    return f"{'Yes' if found[1].capitalize() == _weekday(today) else 'No'}, today is {_full(today)}."


def _part(request: Request) -> str | None:
    found = _PART.search(request.text)
    if not found:
        return None
    today = request.now.date()
    century = ordinal((today.year - 1) // 100 + 1)
    return {
        "year": f"It is the year {today.year}.",
        "month": f"It is {_month_name(today)}.",
        "century": f"It is the {century} century.",
    }[found["part"]]


def _relative_day(request: Request) -> str | None:
    text, today = request.text, request.now.date()
    if _NOT_TODAY.search(text):
        return None
    asks = _TODAY.search(text)
    in_days = _IN_DAYS.search(text)
    if asks and in_days:
        n = 1 if (in_days["n"] or "") in ("a", "an") else int(in_days["n"] or in_days["n2"])
        days = n * (7 if (in_days["unit"] or in_days["ago"]).startswith("week") else 1)
        try:
            day = today + timedelta(days=days if in_days["unit"] else -days)
        except OverflowError:
            return "That is further than my calendar goes."
        return f"{'That will be' if day > today else 'That was'} {_full(day)}."
    follow_up = re.match(r"^(?:and|what about|how about) ", text) and request.last_said.startswith(
        ("Today is", "Tomorrow is", "Yesterday was", "The day ")
    )
    if not asks and not follow_up:
        return None
    for pattern, (name, days) in _RELATIVE.items():
        if re.search(rf"\b(?:{pattern})\b", text):
            return f"{name} {'is' if days > 0 else 'was'} {_full(today + timedelta(days=days))}."
    return f"Today is {_full(today)}." if asks else None


def _named_date(text: str, today: date, *, past: bool = False) -> tuple[str, date] | None:
    """Give the date that `text` names and what to call it: the next one, or the last one, if it has no year."""
    for dated in _DATES:
        if match := dated.search(text):
            month = _MONTHS.index(match["month"]) + 1
            day = sum(_ORDINALS.get(part) or int(part) for part in (match["day"], match["day_more"]) if part)
            try:
                if match["year"]:
                    found = date(int(match["year"].replace(" ", "")), month, day)
                    return f"{_month_name(found)} {ordinal(day)}, {found.year},", found
                found = _nearest(month, day, today, past=past)
            except ValueError:  # February 30
                return None
            return f"{_month_name(found)} {ordinal(day)}", found
    for pattern, (name, month, day) in _HOLIDAYS.items():
        if re.search(rf"\b(?:{pattern})\b", text):
            return name, _nearest(month, day, today, past=past)
    for movable, (name, in_year) in _MOVABLE.items():
        if re.search(rf"\b{movable}\b", text):
            days = [in_year(today.year + years) for years in (-1, 0, 1)]
            return name, max(day for day in days if day <= today) if past else min(day for day in days if day >= today)
    text = text.replace("the weekend", "saturday")
    for index, weekday in enumerate(_WEEKDAYS):
        if re.search(rf"\b(?:until|till|to|before|next|(?:date|day) is) (?:next )?{weekday}\b", text):
            return weekday.capitalize(), today + timedelta(days=(index - today.weekday() - 1) % 7 + 1)
    return None


def _nearest(month: int, day: int, today: date, *, past: bool) -> date:
    years = range(today.year, today.year - 9, -1) if past else range(today.year, today.year + 9)
    for year in years:  # February 29 is up to eight years away
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found <= today if past else found >= today:
            return found
    raise ValueError(f"no month {month} has a day {day}")


def _easter(year: int) -> date:
    """Give Easter Sunday by Gauss's rule as completed for the Gregorian calendar (Meeus, Astronomical Algorithms)."""
    golden, century, rest = year % 19, year // 100, year % 100
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _thanksgiving(year: int) -> date:
    """Give the fourth Thursday of November."""
    return date(year, 11, 22 + (3 - date(year, 11, 22).weekday()) % 7)


_MOVABLE: dict[str, tuple[str, Callable[[int], date]]] = {
    "easter": ("Easter", _easter),
    "thanksgiving": ("Thanksgiving", _thanksgiving),
}


def _month_name(day: date) -> str:
    return _MONTHS[day.month - 1].capitalize()


def _weekday(day: date) -> str:
    return _WEEKDAYS[day.weekday()].capitalize()


def _full(day: date) -> str:
    return f"{_weekday(day)}, {_month_name(day)} {ordinal(day.day)}, {day.year}"
