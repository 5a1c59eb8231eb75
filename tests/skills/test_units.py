from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.skills.asking import ask, talk
from voicechat.skills import units

_ALIKE = [
    ("mile", "kilometer"),
    ("inch", "centimeter"),
    ("pound", "kilogram"),
    ("celsius", "fahrenheit"),
    ("kelvin", "celsius"),
    ("gallon", "liter"),
    ("hour", "second"),
    ("mph", "kilometer per hour"),
    ("gigabyte", "bit"),
    ("acre", "square meter"),
]


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("how many miles is ten kilometers", "10 kilometers is about 6.214 miles."),
        ("how many feet are in a mile", "1 mile is 5280 feet."),
        ("how many seconds in an hour", "1 hour is 3600 seconds."),
        ("how many seconds are there in a day", "1 day is 86400 seconds."),
        ("convert five pounds to kilograms", "5 pounds is about 2.268 kilograms."),
        ("convert one point five liters into milliliters", "1.5 liters is 1500 milliliters."),
        ("what is twenty degrees celsius in fahrenheit", "20 degrees Celsius is 68 degrees Fahrenheit."),
        ("minus forty celsius in fahrenheit", "Minus 40 degrees Celsius is minus 40 degrees Fahrenheit."),
        ("what is minus ten celsius in kelvin", "Minus 10 degrees Celsius is 263.15 kelvins."),
        ("ten kilometers in miles", "10 kilometers is about 6.214 miles."),
        ("100 km to miles", "100 kilometers is about 62.14 miles."),
        ("60 mph in km/h", "60 miles per hour is about 96.56 kilometers per hour."),
        ("how many megabytes in a gigabyte", "1 gigabyte is 1000 megabytes."),
        ("how many acres in a square mile", "1 square mile is 640 acres."),
        ("how many cups in a gallon", "1 gallon is 16 cups."),
        ("how many ounces in half a pound", "0.5 pounds is 8 ounces."),
        ("how far is a mile in feet", "1 mile is 5280 feet."),
        ("five feet six inches in centimeters", "5 feet and 6 inches are 167.64 centimeters."),
        ("six foot two in centimeters", "6 feet and 2 inches are 187.96 centimeters."),
        ("how many hectares is one square kilometer", "1 square kilometer is 100 hectares."),
        ("ten knots in miles per hour", "10 knots is about 11.51 miles per hour."),
        ("how many days is two weeks", "2 weeks is 14 days."),
        ("convert thirty degrees to fahrenheit", "30 degrees Celsius is 86 degrees Fahrenheit."),
        ("convert five hundred and seventy pounds to grams", "570 pounds is about 258548 grams."),
        # as a recognizer hears them
        ("what is twenty degrees celsius and fahrenheit", "20 degrees Celsius is 68 degrees Fahrenheit."),
        ("convert ten kilometers too miles", "10 kilometers is about 6.214 miles."),
        ("how many leaders is a gallon", "1 gallon is about 3.785 liters."),
    ],
)
def test_conversions_are_understood_and_answered(question: str, reply: str):
    assert ask(units.answer, question) == reply


def test_units_of_different_things_are_explained():
    reply = ask(units.answer, "how many kilograms are in three miles")

    assert reply == "I cannot turn miles into kilograms. The first measure length, the others mass."


def test_a_number_that_is_too_big_is_refused():
    assert ask(units.answer, f"{'9' * 400} miles in feet") == "That number is too big for me."


def test_there_is_nothing_below_absolute_zero():
    assert "below absolute zero" in (ask(units.answer, "what is minus four hundred celsius in fahrenheit") or "")
    assert ask(units.answer, "zero kelvin in celsius") == "0 kelvins is minus 273.15 degrees Celsius."


@pytest.mark.parametrize(
    "text",
    ["i am two meters tall", "wait a minute", "how long is a minute", "two feet and a mile to go", "five minutes",
     "how many people are there", "set a timer for five minutes", "one second"],
)  # fmt: skip
def test_what_is_no_conversion_is_left_to_others(text: str):
    assert ask(units.answer, text) is None


def test_a_follow_up_changes_the_unit_or_the_amount():
    replies = talk(
        units.answer, "how many miles is ten kilometers", "and in feet", "what about five miles", "and seven"
    )

    assert replies[1:] == ["10 kilometers is about 32808 feet.", "5 miles is 26400 feet.", "7 miles is 36960 feet."]


def test_a_follow_up_without_a_conversion_before_it_is_left_to_others():
    assert ask(units.answer, "hello", "and in feet") is None


def test_a_conversion_that_was_half_understood_is_asked_for_again():
    assert "miles" in (ask(units.answer_in_part, "how many miles is the key loggers") or "")
    assert ask(units.answer_in_part, "how many roads must a man walk down") is None


@settings(deadline=None)
@given(st.sampled_from(_ALIKE), st.integers(-(10**6), 10**6))
def test_there_and_back_again_is_where_one_was(pair: tuple[str, str], amount: int):
    one, other = pair

    there = units.convert(Fraction(amount), one, other)
    assert there is not None
    back = units.convert(there, other, one)

    assert back is not None
    assert float(back) == pytest.approx(amount, rel=1e-9, abs=1e-6)


def test_every_unit_is_known_to_the_library_and_of_the_kind_it_stands_under():
    registry = units._registry()
    standards = {}
    for unit in units._units().values():
        standard = standards.setdefault(unit.kind, unit)
        assert registry.Quantity(1.0, unit.pint).is_compatible_with(standard.pint), unit
