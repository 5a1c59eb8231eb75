from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.skills.asking import NOW, ask, request, talk
from voicechat.skills import dates

_TODAY = "Today is Sunday, November 22nd, 2026."


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("what day is it today", _TODAY),
        ("what day is it", _TODAY),
        ("what is the date", _TODAY),
        ("what's today's date?", _TODAY),
        ("tell me the date", _TODAY),
        ("what is today", _TODAY),
        ("could you tell me what day it is", _TODAY),
        ("what is the date tomorrow", "Tomorrow is Monday, November 23rd, 2026."),
        ("what day was yesterday", "Yesterday was Saturday, November 21st, 2026."),
        ("what day is the day after tomorrow", "The day after tomorrow is Tuesday, November 24th, 2026."),
        ("how many days until christmas", "It is 33 days until Christmas."),
        ("how many days till new year", "It is 40 days until New Year."),
        ("how many weeks until christmas", "It is 4 weeks and 5 days until Christmas."),
        ("how long until friday", "It is 5 days until Friday."),
        ("how many days until may third", "It is 162 days until May 3rd."),
        ("how many days since christmas", "Christmas was 332 days ago."),
        ("how many days until november twenty second", "Today is November 22nd."),
        ("when is halloween", "Halloween is on Sunday, October 31st, 2027."),
        ("what is the date of christmas", "Christmas is on Friday, December 25th, 2026."),
        ("what day of the week is december twenty fifth", "December 25th is a Friday."),
        ("what day is the thirty first of december", "December 31st is a Thursday."),
        ("what day is february twenty ninth", "February 29th is a Tuesday."),
        ("what day was january first twenty twenty", "January 1st, 2020, was a Wednesday."),
        ("what day of the week was the fourth of july nineteen seventy six", "July 4th, 1976, was a Sunday."),
        ("what day will it be in ten days", "That will be Wednesday, December 2nd, 2026."),
        ("what was the date two weeks ago", "That was Sunday, November 8th, 2026."),
        ("how many days until february thirtieth", "I do not know that date. Ask me with the month and the day."),
        ("how many days until my birthday", "I do not know that date. Ask me with the month and the day."),
        ("when is easter", "Easter is on Sunday, March 28th, 2027."),
        ("how long until thanksgiving", "It is 4 days until Thanksgiving."),
        ("what date is next tuesday", "That is November 24th, 2026."),
        ("is it monday", "No, today is Sunday, November 22nd, 2026."),
        ("is it a leap year", "No, 2026 is not a leap year."),
        ("what year is it", "It is the year 2026."),
        ("what month is it", "It is November."),
        # as a recognizer hears them
        ("what is a debate debate", _TODAY),
        ("how many days i feel christmas", "It is 33 days until Christmas."),
        ("how many days until chris miss", "It is 33 days until Christmas."),
    ],
)
def test_dates_are_told(text: str, reply: str):
    assert ask(dates.answer, text) == reply


def test_a_follow_up_asks_about_another_day():
    replies = talk(dates.answer, "what day is it", "and tomorrow", "what about yesterday")

    assert replies[1:] == ["Tomorrow is Monday, November 23rd, 2026.", "Yesterday was Saturday, November 21st, 2026."]


@pytest.mark.parametrize(
    "text",
    ["how was your day", "what did you do today", "what is the weather tomorrow",
     "and tomorrow", "i may go", "what day is the twenty fifth"],
)  # fmt: skip
def test_what_is_not_about_a_known_date_is_left_to_others(text: str):
    assert ask(dates.answer, text) is None


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (2000, 4, 23),
        (2008, 3, 23),
        (2011, 4, 24),
        (2024, 3, 31),
        (2025, 4, 20),
        (2026, 4, 5),
        (2027, 3, 28),
        (2038, 4, 25),
    ],
)
def test_easter_falls_on_its_sunday(year: int, month: int, day: int):
    assert dates._easter(year) == date(year, month, day)


@settings(deadline=None)
@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(1, 360))
def test_the_days_until_a_date_are_counted_from_any_day(today: date, days: int):
    now = datetime.combine(today, NOW.timetz())
    day = today + timedelta(days=days)

    reply = dates.answer(request(f"how many days until {day:%B} {day.day} {day.year}", now=now))

    assert (reply or "").startswith(f"It is {days} day{'s' if days > 1 else ''} until {day:%B} ")
