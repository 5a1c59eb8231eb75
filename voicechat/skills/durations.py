"""Find how long something shall take in what was said, and say it back.

Knows nothing of timers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from voicechat.skills.numerals import count, listing, plural

_SECONDS = {"hour": 3600, "minute": 60, "second": 1}
# Units as they are said, heard and abbreviated.
_UNITS = {
    "hour": "hours?|ours?|hrs?|h",
    "minute": "minutes?|minuets?|minute is|mins?|units",
    "second": "seconds?|secs?",
}
_UNIT = "|".join(f"(?P<{name}>{forms})" for name, forms in _UNITS.items())
_AMOUNT = r"(?P<number>[0-9]+(?:\.[0-9]+)?|to|too|for|fore|won|ate|tin)(?P<more> and (?:a |1 )?half)?"
_PART = re.compile(
    rf"\b(?:{_AMOUNT}|(?P<half>(?:a )?half(?: an?| of an?)?)|(?P<quarter>(?:a )?quarter (?:of )?an)|(?P<one>an?)) "
    rf"(?:{_UNIT})\b(?P<after> and (?:a |1 )?half)?"
)
_COUNT_DOWN = re.compile(r"\bcount ?down from ([0-9]{1,6})$")
_SOUND_ALIKES = {"to": 2, "too": 2, "for": 4, "fore": 4, "won": 1, "ate": 8, "tin": 10}


@dataclass(frozen=True)
class Duration:
    seconds: Fraction
    name: str  # as in "5 minute", in digits

    @property
    def spoken_name(self) -> str:
        """Give `name` with its small numbers in words, as in "five minute"."""
        return re.sub(r"\b[0-9]+\b", lambda match: count(int(match[0])), self.name)


def find_duration(text: str) -> Duration | None:
    """Give the sum of the times named in `text`, whose numbers are in digits; None if there is none."""
    parts = [_part(match) for match in _PART.finditer(text)]
    if counted := _COUNT_DOWN.search(text):
        parts.append((Fraction(counted[1]), "second"))
    if not parts:
        return None
    seconds = sum((number * _SECONDS[unit] for number, unit in parts), Fraction(0))
    number, unit = parts[0]
    if len(parts) == 1 and number.denominator == 1:
        return Duration(seconds, f"{number} {unit}")
    return Duration(seconds, " ".join(f"{n} {unit}" for n, unit in _split(round(seconds))))


def say_duration(seconds: float | Fraction) -> str:
    """Give a whole number of seconds as "one minute and 30 seconds"."""
    return listing([f"{count(n)} {plural(n, unit)}" for n, unit in _split(round(seconds))]) or "no time"


def _part(match: re.Match[str]) -> tuple[Fraction, str]:
    unit = next(name for name in _SECONDS if match[name])
    if match["number"]:
        number = Fraction(_SOUND_ALIKES.get(match["number"]) or match["number"])
    else:
        number = Fraction(1, 2) if match["half"] else Fraction(1, 4) if match["quarter"] else Fraction(1)
    return number + Fraction(1, 2) * bool(match["more"] or match["after"]), unit


def _split(seconds: int) -> list[tuple[int, str]]:
    """Cut seconds into hours, minutes and seconds, without those that are zero."""
    parts = []
    for unit, length_s in _SECONDS.items():
        n, seconds = divmod(seconds, length_s)
        if n:
            parts.append((n, unit))
    return parts
