from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.patience import PATIENCE, Patience, fixed, named

probabilities = st.floats(0, 1)
pauses = st.lists(st.floats(0, 5), max_size=10).map(tuple)
patiences = st.sampled_from(list(PATIENCE.values()))


@given(patiences, probabilities, pauses)
def test_no_score_and_no_habit_waits_outside_the_bounds(patience: Patience, probability, earlier_s):
    wait_ms = patience.wait_ms(probability, earlier_s=earlier_s)

    assert patience.shortest_ms <= wait_ms <= patience.limit_ms


@given(patiences, probabilities, probabilities, pauses)
def test_the_surer_it_is_the_shorter_the_wait(patience: Patience, one, other, earlier_s):
    less, more = sorted((one, other))

    assert patience.wait_ms(less, earlier_s=earlier_s) >= patience.wait_ms(more, earlier_s=earlier_s)


@given(patiences, probabilities, pauses)
def test_a_score_that_jitters_does_not_jump(patience: Patience, probability, earlier_s):
    wait_ms = patience.wait_ms(probability, earlier_s=earlier_s)

    assert abs(wait_ms - patience.wait_ms(min(1.0, probability + 0.01), earlier_s=earlier_s)) <= 61


@pytest.mark.parametrize("name", PATIENCE)
def test_no_score_costs_more_than_a_second(name):
    assert PATIENCE[name].wait_ms(0.0) - PATIENCE[name].wait_ms(1.0) <= 1000


def test_slow_is_more_patient_than_normal_and_normal_than_fast_whatever_the_score():
    for probability in (None, 0.0, 0.3, 0.5, 0.6, 0.7, 1.0):
        waits_ms = [PATIENCE[name].wait_ms(probability) for name in ("fast", "normal", "slow")]
        assert waits_ms == sorted(set(waits_ms))


def test_who_pauses_for_long_is_given_longer_but_only_in_doubt():
    patience = PATIENCE["normal"]

    assert patience.wait_ms(0.1, earlier_s=(1.2,)) > patience.wait_ms(0.1)
    assert patience.wait_ms(0.1, earlier_s=(0.3,)) == patience.wait_ms(0.1)
    assert patience.wait_ms(0.9, earlier_s=(1.2,)) == patience.wait_ms(0.9)


def test_a_habit_is_forgotten_after_some_pauses():
    assert PATIENCE["normal"].wait_ms(0.1, earlier_s=(1.2, *[0.2] * 6)) == PATIENCE["normal"].wait_ms(0.1)


@pytest.mark.parametrize("unknown", [None, math.nan])
@pytest.mark.parametrize("patience", [*PATIENCE.values(), fixed(900)])
def test_where_nobody_can_tell_the_wait_is_the_usual_one(patience: Patience, unknown):
    assert patience.wait_ms(unknown) == patience.usual_ms
    assert patience.shortest_ms <= patience.usual_ms <= patience.longest_ms


@given(probabilities, pauses)
def test_seconds_are_one_silence_whatever_was_said(probability, earlier_s):
    patience = named("0.9")

    assert patience is not None
    assert not patience.judges
    assert patience.wait_ms(probability, earlier_s=earlier_s) == 900


@pytest.mark.parametrize("name", PATIENCE)
def test_a_name_is_itself_and_has_to_be_judged(name):
    assert named(name) == PATIENCE[name]
    assert PATIENCE[name].judges


@pytest.mark.parametrize("text", ["", "patient", "Normal", "0", "0.05", "11", "-1", "nan", "inf", "1 s", "0,9"])
def test_what_is_neither_a_name_nor_a_number_of_seconds_is_nothing(text):
    assert named(text) is None
