"""Typed values: what fits, what is refused, what a misspelt name could have meant."""

from __future__ import annotations

import math
import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicechat.errors import ConfigError
from voicechat.values import as_text, did_you_mean, parsed, spelled, typed, unknown

VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)


@given(VALUES)
def test_a_value_fits_its_own_type_unchanged(value):
    assert typed(value, type(value), key="k", origin="o") == value


@given(VALUES, st.sampled_from([str, int, float, bool]))
def test_a_value_of_another_type_is_refused_unless_it_is_a_whole_number_for_a_number(value, expected):
    if type(value) is expected or (expected is float and type(value) is int):
        assert type(typed(value, expected, key="k", origin="o")) is expected
    else:
        with pytest.raises(ConfigError):
            typed(value, expected, key="k", origin="o")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, -(10**400), [1], {"a": 1}, None])
def test_no_number_is_infinite_and_no_list_is_a_value(value):
    with pytest.raises(ConfigError, match="must be a number"):
        typed(value, float, key="k", origin="o")


def test_a_refusal_names_key_value_expected_type_and_origin():
    with pytest.raises(ConfigError) as caught:
        typed("soon", int, key="turn.end_silence_ms", origin="/home/x/config.toml")

    assert str(caught.value) == "turn.end_silence_ms must be a whole number, not 'soon' (from /home/x/config.toml)"


def test_a_refusal_of_a_long_value_stays_a_short_line():
    with pytest.raises(ConfigError) as caught:
        typed("x" * 10_000, int, key="k", origin="o")

    assert len(str(caught.value)) < 200


@given(VALUES)
def test_a_value_spelled_as_text_reads_back(value):
    assert parsed(as_text(value), type(value), key="k", origin="o") == value


@given(VALUES)
@example("\x7f")
@example('\u2028\x00"\\')
def test_a_spelled_value_is_toml(value):
    assert tomllib.loads(f"k = {spelled(value)}") == {"k": value}


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), (" on ", True), ("off", False), ("0", False)])
def test_true_and_false_have_the_usual_words(text, value):
    assert parsed(text, bool, key="k", origin="o") is value


@pytest.mark.parametrize(("text", "expected"), [("maybe", bool), ("", bool), ("1.5", int), ("", int), ("nan", float)])
def test_text_that_spells_no_value_of_the_type_is_refused(text, expected):
    with pytest.raises(ConfigError, match="k must be"):
        parsed(text, expected, key="k", origin="VOICECHAT_K")


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    assert str(unknown("vad", "x", ["webrtc", "silero"])) == "no vad is called 'x'; known: silero, webrtc"
    assert did_you_mean("webtrc", ["silero", "webrtc"]) == "; did you mean 'webrtc'?"
