from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.skills import numerals


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Fraction(42), "42"),
        (Fraction(-5), "minus 5"),
        (Fraction(0), "0"),
        (Fraction(1, 2), "0.5"),
        (Fraction(1, 3), "about 0.3333"),
        (Fraction(-2, 3), "about minus 0.6667"),
        (Fraction(100000, 3), "about 33333.3333"),
        (Fraction(1, 3000), "about 0.0003333"),
        (Fraction(1, 10000), "0.0001"),
        (Fraction(1, 30000), "about 3.3333 times 10 to the power of minus 5"),
        (Fraction(10**21 - 1), "999999999999999999999"),
        (Fraction(10**21), "1 times 10 to the power of 21"),
        (Fraction(2**100), "about 1.2677 times 10 to the power of 30"),
        (Fraction(999999, 10**5), "about 10"),
    ],
)
def test_numbers_are_said_in_full_as_far_as_a_listener_follows(value: Fraction, said: str):
    assert numerals.say(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Fraction(62137119, 10**7), "about 6.214"),
        (Fraction(3280839895, 10**5), "about 32808"),
        (Fraction(16764, 100), "167.64"),
        (Fraction(86400), "86400"),
    ],
)
def test_four_digits_are_enough_of_what_is_only_roughly_known(value: Fraction, said: str):
    assert numerals.say(value, roughly=True) == said


@settings(deadline=None)
@given(st.fractions(-(10**9), 10**9).filter(lambda value: value == 0 or abs(value) > Fraction(1, 1000)))
def test_a_number_that_is_said_is_near_the_number(value: Fraction):
    said = numerals.say(value)

    heard = numerals.parse(said.removeprefix("about "))

    assert abs(heard - value) <= max(abs(value) / 1000, Fraction(1, 10**4))
    assert (heard == value) != said.startswith("about ")


@pytest.mark.parametrize(
    ("n", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (22, "22nd"), (111, "111th")],
)
def test_ordinals_end_as_english_has_it(n: int, said: str):
    assert numerals.ordinal(n) == said


def test_lists_are_joined_as_they_are_spoken():
    assert numerals.listing([]) == ""
    assert numerals.listing(["tea"]) == "tea"
    assert numerals.listing(["tea", "milk"]) == "tea and milk"
    assert numerals.listing(["tea", "milk", "salt"], "or") == "tea, milk or salt"


def test_articles_follow_the_sound():
    assert [numerals.article(word) for word in ("egg", "pasta", "8", "18", "80", "1", "11", "12")] == [
        "an", "a", "an", "an", "an", "a", "an", "a",
    ]  # fmt: skip
