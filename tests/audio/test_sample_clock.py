from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.sample_clock import SampleClock

RATE = 16_000
BLOCK = 160


def look_at(clock: SampleClock, *, begin_s: float, end_s: float, lost_s: float = 0.0, drift: float = 0.0) -> None:
    """Look every 23 ms at a device that hands over two blocks at once."""
    at = begin_s
    while at < end_s:
        n_blocks = int((at - lost_s) * RATE * (1 + drift) / (2 * BLOCK)) * 2
        clock.look(n_blocks * BLOCK, at)
        at += 0.023


def test_a_clock_without_a_look_knows_nothing():
    assert SampleClock(RATE).ahead is None
    assert SampleClock(RATE).time_of(100) is None


def test_bursts_do_not_shift_the_clock():
    clock = SampleClock(RATE)
    look_at(clock, begin_s=5, end_s=8)

    assert clock.time_of(7 * RATE) == pytest.approx(7.0, abs=0.003)


def test_a_drift_is_followed():
    clock = SampleClock(RATE)
    look_at(clock, begin_s=0, end_s=600, drift=100e-6)

    assert clock.time_of(600 * RATE * (1 + 100e-6)) == pytest.approx(600, abs=0.003)


def test_a_device_that_stood_still_is_noticed_within_a_third_of_a_second():
    clock = SampleClock(RATE)
    look_at(clock, begin_s=0, end_s=5)
    look_at(clock, begin_s=5, end_s=5.35, lost_s=0.04)

    assert clock.time_of(5 * RATE) == pytest.approx(5.04, abs=0.004)


@given(late_s=st.lists(st.floats(0, 0.05), min_size=1, max_size=40))
def test_no_look_is_earlier_than_the_clock_says(late_s: list[float]):
    clock = SampleClock(RATE)
    at = 0.0
    for late in late_s:
        at = max(at, late + 1e-6)
        clock.look((at - late) * RATE, at)
        assert clock.time_of((at - late) * RATE) <= at + 1e-9
        at += 0.02


def test_after_forgetting_only_what_comes_counts():
    clock = SampleClock(RATE)
    clock.look(1e6, 1.0)
    clock.forget()
    clock.look(0, 1.1)

    assert clock.time_of(0) == pytest.approx(1.1)
