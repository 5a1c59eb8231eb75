"""Convert what is asked in words: "how many miles is ten kilometers", and then "and in feet".

The factors are pint's; its registry is built on the first conversion (about a quarter of a second), not before. Knows
how units are said, not how much they are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from voicechat.skills import numerals
from voicechat.skills.numerals import NUMBER
from voicechat.skills.request import Request

_MAX_FOLLOW_UPS = 10  # in a row
_LARGEST = 10**30


@dataclass(frozen=True)
class Unit:
    """A unit as it is said, and its name in pint."""

    singular: str
    plural: str
    pint: str
    kind: str


# Kind -> units, each: singular [/ irregular plural] [= pint's name, where it differs] [| other names, abbreviations].
_TABLE: dict[str, tuple[str, ...]] = {
    "length": (
        "millimeter | millimetre mm",
        "centimeter | centimetre cm",
        "meter | metre m",
        "kilometer | kilometre km",
        "inch / inches",
        "foot / feet | ft",
        "yard",
        "mile",
        "nautical mile = nautical_mile",
        "light year = light_year",
    ),
    "mass": (
        "milligram | mg",
        "gram | g",
        "kilogram | kilo kg",
        "tonne = metric_ton | metric_ton",
        "ounce | oz",
        "pound | lb lbs",
        "stone / stone",
        "ton",
    ),
    "temperature": (
        "degree Celsius / degrees Celsius = degC | celsius centigrade degrees_centigrade",
        "degree Fahrenheit / degrees Fahrenheit = degF | fahrenheit",
        "kelvin",
    ),
    "volume": (
        "milliliter | millilitre ml",
        "centiliter | centilitre cl",
        "deciliter | decilitre dl",
        "liter | litre leader l",
        "cubic meter = meter**3 | cubic_metre",
        "cubic centimeter = centimeter**3 | cubic_centimetre",
        "cubic foot / cubic feet = foot**3",
        "cubic inch / cubic inches = inch**3",
        "teaspoon",
        "tablespoon",
        "fluid ounce = fluid_ounce",
        "cup",
        "pint",
        "quart",
        "gallon",
        "imperial gallon = imperial_gallon",
        "imperial pint = imperial_pint",
        "barrel = oil_barrel",
    ),
    "time": (
        "millisecond | ms",
        "second | sec",
        "minute | min",
        "hour | h hr",
        "day",
        "week",
        "fortnight",
        "month",
        "year",
        "century / centuries",
    ),
    "speed": (
        "meter per second / meters per second = meter/second | metres_per_second m_per_s meters_a_second",
        "kilometer per hour / kilometers per hour = kilometer/hour | kilometres_per_hour km_per_h kilometers_an_hour",
        "mile per hour / miles per hour = mile/hour | mph miles_an_hour",
        "foot per second / feet per second = foot/second",
        "knot | nots",
    ),
    "amount of data": (
        "bit",
        "byte",
        "kilobyte | kb",
        "megabyte | mb",
        "gigabyte | gb gig",
        "terabyte | tb",
        "petabyte | pb",
        "kibibyte",
        "mebibyte",
        "gibibyte",
        "tebibyte",
    ),
    "area": (
        "square centimeter = centimeter**2 | square_centimetre",
        "square meter = meter**2 | square_metre",
        "square kilometer = kilometer**2 | square_kilometre",
        "square inch / square inches = inch**2",
        "square foot / square feet = foot**2",
        "square yard = yard**2",
        "square mile = mile**2",
        "acre = international_acre",
        "hectare",
    ),
}


@functools.cache
def _units() -> Mapping[str, Unit]:
    """Map every name that a unit is said by to it."""
    names: dict[str, Unit] = {}
    for kind, row in ((kind, row) for kind, rows in _TABLE.items() for row in rows):
        said, _, others = (part.strip() for part in row.partition(" | "))
        said, _, pint_name = (part.strip() for part in said.partition(" = "))
        singular, _, plural = (part.strip() for part in said.partition(" / "))
        unit = Unit(singular, plural or singular + "s", pint_name or singular.replace(" ", "_"), kind)
        aliases = [other.replace("_", " ") for other in others.split()]
        for name in (unit.singular, unit.plural, *aliases, *(alias + "s" for alias in aliases if len(alias) > 3)):
            names.setdefault(name.lower(), unit)
    return names


@functools.cache
def _unit_pattern() -> str:
    return "(?:" + "|".join(sorted(_units(), key=len, reverse=True)) + ")"


@functools.cache
def _questions() -> list[re.Pattern[str]]:
    """Give the ways to ask; each catches what is to be converted as `amount` and the unit as `target`."""
    unit = _unit_pattern()
    amount = rf"(?P<amount>(?:{NUMBER}|half an?|an?) {unit}(?: (?:and )?{NUMBER} {unit})*)"
    target = rf"(?P<target>{unit})"
    to = "(?:to|too|2|in|into|and|an|as|is|are|equals)"
    patterns = (
        rf"\bhow (?:many|much|money) {target} (?:there )?(?:is|are|in|and|an|makes?|equals?|do|does|will be)"
        rf"(?: there)?(?: in)? {amount}\b",
        rf"\bconver\w* {amount} {to} {target}\b",
        rf"\b(?:what|how|is|are|and|tell me)\b.*? {amount} (?:{to} )?(?:how many )?{target}$",
        rf"^{amount} (?:{to} )?(?:how many )?{target}$",
        rf"\bhow (?:many|much) {target} (?:is|are|in) (?P<bare>{unit})\b",
    )
    return [re.compile(pattern) for pattern in patterns]


def answer(request: Request) -> str | None:
    asked = _asked(request.text) or _continued(request)
    return None if asked is None else _converted(*asked)


def answer_in_part(request: Request) -> str | None:
    """Ask again where a conversion was begun but not understood whole."""
    unit = _unit_pattern()
    found = re.search(rf"\bhow many ({unit}) (?:is|are|in)\b|\bconvert\b.*?\b({unit})\b", request.text)
    if not found or re.search(r"\b(?:until|till|since|left|ago)\b", request.text):
        return None
    plural = _units()[found[1] or found[2]].plural
    return request.vary(
        (
            f"I heard a conversion with {plural}, but not all of it. Please say the number and both units again.",
            f"I caught {plural}, but not the rest. Try it like this: how many miles is 10 kilometers?",
        )
    )


def convert(value: Fraction, source: str, target: str) -> Fraction | None:
    """Give `value` of the unit named `source` in the unit named `target`, None if they measure different things."""
    source_unit, target_unit = _units()[source], _units()[target]
    if source_unit.kind != target_unit.kind:
        return None
    converted = _registry().Quantity(float(value), source_unit.pint).to(target_unit.pint)
    return Fraction(f"{converted.magnitude:.14g}")  # what a float has after 14 digits is noise


def _asked(text: str) -> tuple[str, str] | None:
    """Give what is to be converted and the unit to convert it to, as they were said."""
    text = re.sub(r"\b([0-9]+) (?:foot|feet) ([0-9]+)(?= (?:in|to|into|as)\b)", r"\1 feet \2 inches", text)
    # Degrees are those of the scale that they are not converted to.
    text = re.sub(r"(?<=[0-9] )degrees? (?=(?:to|in|into) (?:degrees )?fahrenheit)", "celsius ", text)
    text = re.sub(
        r"(?<=[0-9] )degrees? (?=(?:to|in|into) (?:degrees )?(?:celsius|centigrade|kelvin))", "fahrenheit ", text
    )
    for pattern in _questions():
        if match := pattern.search(text):
            groups = match.groupdict()
            return groups.get("amount") or f"1 {groups['bare']}", groups["target"]
    return None


def _continued(request: Request, depth: int = 1) -> tuple[str, str] | None:
    """Read "and in feet" or "what about twenty miles" as a change to the conversion before."""
    unit = _unit_pattern()
    found = re.fullmatch(
        rf"(?:(?:and|now|or|what about|how about|what is that|what is it) ?)*(?:in|into|to|too)? ?"
        rf"(?P<amount>{NUMBER}(?: {unit})?)?(?P<target>{unit})?",
        request.text,
    )
    if not found or not (found["amount"] or found["target"]) or not request.asked or depth > _MAX_FOLLOW_UPS:
        return None
    previous = request.previous()
    before = _asked(previous.text) or _continued(previous, depth + 1)
    if before is None:
        return None
    amount, target = found["amount"] or before[0], found["target"] or before[1]
    if re.fullmatch(NUMBER, amount):
        amount = f"{amount} {_amount_parts(before[0])[-1][1]}"
    return amount, target


def _converted(amount: str, target: str) -> str:
    parts = _amount_parts(amount)
    if any(abs(value) > _LARGEST for value, _ in parts):
        return "That number is too big for me."
    unit = _units()[target]
    total = Fraction(0)
    for value, name in parts:
        converted = convert(value, name, target)
        if converted is None:
            source = _units()[name]
            return (
                f"I cannot turn {source.plural} into {unit.plural}. "
                f"The first measure {source.kind}, the others {unit.kind}."
            )
        total += converted
    said = " and ".join(_said(value, _units()[name]) for value, name in parts)
    if unit.kind == "temperature" and (convert(total, target, "kelvin") or 0) < 0:
        return f"There is no such temperature: {said} is below absolute zero."
    verb = "is" if len(parts) == 1 else "are"
    return f"{said[0].upper()}{said[1:]} {verb} {_said(total, unit, roughly=True)}."


def _amount_parts(amount: str) -> list[tuple[Fraction, str]]:
    """Split "5 feet 6 inches" into numbers and names of units."""
    values = {"half a": Fraction(1, 2), "half an": Fraction(1, 2), "a": Fraction(1), "an": Fraction(1)}
    found = re.findall(rf"({NUMBER}|half an?|an?) ({_unit_pattern()})\b", amount)
    return [(values[number] if number in values else numerals.parse(number), name) for number, name in found]


def _said(value: Fraction, unit: Unit, *, roughly: bool = False) -> str:
    return f"{numerals.say(value, roughly=roughly)} {unit.singular if value == 1 else unit.plural}"


@functools.cache
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry()
    registry.define("international_acre = 4840 * yard ** 2")  # pint's own acre is that of old US surveys
    return registry
