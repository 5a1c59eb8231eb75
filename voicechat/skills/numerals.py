"""Say numbers, counts and lists so that a listener follows them.

Knows nothing of what is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

NUMBER = r"(?:(?:minus |negative )?[0-9]+(?:\.[0-9]+)?)"  # in text that went through words.with_digits

LARGEST_IN_FULL = 10**21  # from here on a number is said as a power of ten
DECIMALS = 4
_MOST_DECIMALS = 2 * DECIMALS

# Words that a recognizer writes for a number that sounds the same, usable only where a number must stand.
SOUND_ALIKES = {
    "won": 1,
    "to": 2,
    "too": 2,
    "tree": 3,
    "free": 3,
    "for": 4,
    "fore": 4,
    "forth": 4,
    "sex": 6,
    "ate": 8,
    "tin": 10,
    "then": 10,
}

_SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def parse(text: str) -> Fraction:
    """Give the value of a NUMBER."""
    sign = -1 if text.startswith(("minus", "negative")) else 1
    return sign * Fraction(text.rpartition(" ")[2])


def say(value: Fraction, *, roughly: bool = False) -> str:
    """Give `value` in digits; "about" in front says that it was rounded.

    Args:
        roughly: whether four digits are enough of what has many; otherwise four decimals.
    """
    sign = "minus " if value < 0 else ""
    magnitude = abs(value)
    if magnitude >= LARGEST_IN_FULL or 0 < magnitude < Fraction(1, 10**DECIMALS):
        return _in_powers_of_ten(sign, magnitude)
    rounded = round(magnitude, DECIMALS)
    inexact = rounded != magnitude and (roughly or magnitude < Fraction(1, 10))
    unwieldy = roughly and rounded.denominator > 1 and rounded >= 10_000
    if inexact or unwieldy:
        rounded = round(magnitude, max(0, DECIMALS - 1 - _exponent(magnitude)))
    return f"{'' if rounded == magnitude else 'about '}{sign}{_decimal(rounded)}"


def _decimal(value: Fraction) -> str:
    """Write a number that has few decimals; exactly, which a float would not."""
    whole, part = divmod(value * 10**_MOST_DECIMALS, 10**_MOST_DECIMALS)
    return f"{whole}.{round(part):0{_MOST_DECIMALS}d}".rstrip("0").rstrip(".")


def _exponent(magnitude: Fraction) -> int:
    """Give the power of ten of the first digit."""
    exponent = len(str(magnitude.numerator)) - len(str(magnitude.denominator))
    return exponent if magnitude >= Fraction(10) ** exponent else exponent - 1


def _in_powers_of_ten(sign: str, magnitude: Fraction) -> str:
    exponent = _exponent(magnitude)
    mantissa = round(magnitude / Fraction(10) ** exponent, DECIMALS)
    about = "" if mantissa * Fraction(10) ** exponent == magnitude else "about "
    power = f"minus {-exponent}" if exponent < 0 else str(exponent)
    return f"{about}{sign}{_decimal(mantissa)} times 10 to the power of {power}"


def count(n: int) -> str:
    """Give a count in words up to twelve, in digits above."""
    return _SMALL[n] if 0 <= n < len(_SMALL) else str(n)


def ordinal(n: int) -> str:
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def plural(n: int | Fraction, noun: str) -> str:
    """Give the English noun in the number that `n` asks for."""
    return noun if n == 1 else noun + ("es" if re.search(r"(?:s|x|ch|sh)$", noun) else "s")


def article(word: str) -> str:
    """Give "an" before a word or number that begins with a vowel's sound, else "a"."""
    return "an" if re.match(r"(?!one\b|uni|eu)(?:[aeiou]|8|11\b|18\b)", word) else "a"


def listing(items: Sequence[str], joiner: str = "and") -> str:
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joiner} {items[-1]}"
