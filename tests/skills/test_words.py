from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from voicechat.skills.words import MAX_CHARS, clean, plain, with_digits


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("What's 2+2?", "what is 2 plus 2"),
        ("Don’t you know?", "do not you know"),
        ("I'm sure you can't.", "i am sure you cannot"),
        ("it's five o'clock", "it is five oclock"),
        ("5² - 3", "5 squared minus 3"),
        ("20°C in °F", "20 degrees celsius in degrees fahrenheit"),
        ("1,234,567 / 3", "1234567 divided by 3"),
        ("3.5 x 2", "3.5 times 2"),
        ("60 km/h", "60 km per h"),
        ("twenty-three", "twenty three"),
        ("-5 + (-3)", "minus 5 plus ( minus 3)"),
        (".5", "0.5"),
        ("um, what time is it please", "what time is it"),
        ("okay hey computer what time is it", "what time is it"),
        ("okay", "okay"),
        ("Café   au\tlait", "cafe au lait"),
        ("7 a.m.", "7 am"),
        ("你好", ""),
    ],
)
def test_typed_text_becomes_what_a_recognizer_would_write(typed: str, words: str):
    assert plain(typed) == words
    assert plain(words) == words


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("what is twenty three plus nineteen", "what is 23 plus 19"),
        ("one plus two", "1 plus 2"),
        ("zero", "0"),
        ("three point one four one five", "3.1415"),
        ("zero point zero five", "0.05"),
        ("point five", "0.5"),
        ("one hundred and one", "101"),
        ("one hundred and one thousand", "101000"),
        ("one thousand and five", "1005"),
        ("seven thousand and five hundred", "7000 and 500"),
        ("add twenty and three", "add 20 and 3"),
        ("a thousand", "1000"),
        ("two point five million", "2500000"),
        ("2.5 million", "2500000"),
        ("3 thousand", "3000"),
        ("a trillion", "1000000000000"),
        ("one trillion five hundred million and two", "1000500000002"),
        ("twenty second timer", "20 second timer"),
        ("the twenty fifth of may", "the 25th of may"),
    ],
)
def test_numbers_in_words_become_digits(words: str, text: str):
    assert with_digits(words) == text


@settings(deadline=None)
@given(st.integers(0, 10**15 - 1))
def test_every_number_in_words_is_read_as_itself(number: int):
    assert with_digits(plain(num2words(number))) == str(number)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.text(string.digits, min_size=1, max_size=6))
def test_every_decimal_in_words_is_read_as_itself(whole: int, decimals: str):
    spoken = f"{num2words(whole)} point {' '.join(num2words(int(digit)) for digit in decimals)}"

    assert with_digits(plain(spoken)) == f"{whole}.{decimals}"


@settings(deadline=None)
@given(st.text())
def test_plain_text_is_lower_case_ascii(text: str):
    assert set(plain(text)) <= set(string.ascii_lowercase + string.digits + " .()")


@settings(deadline=None)
@given(st.text(max_size=2 * MAX_CHARS))
def test_clean_text_is_one_printable_line(text: str):
    cleaned = clean(text)

    assert len(cleaned) <= MAX_CHARS
    assert cleaned.isprintable()
    assert cleaned == cleaned.strip()
