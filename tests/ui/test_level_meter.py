from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from voicechat.ui.level_meter import FLOOR_DBFS, NO_SIGNAL_S, PEAK_HOLD_S, LevelMeter

levels = st.floats(max_value=0.0, allow_nan=False)


@given(st.lists(levels), st.floats(0, 5), st.integers(0, 50))
def test_the_bar_never_leaves_its_cells_and_the_peak_is_never_below_it(pushed: list[float], at: float, n_cells: int):
    meter = LevelMeter()
    for index, dbfs in enumerate(pushed):
        meter.push(dbfs, index * 0.1)

    filled, peak = meter.cells(n_cells, len(pushed) * 0.1 + at)

    assert 0 <= filled <= peak <= n_cells


@given(st.lists(st.tuples(levels, levels)))
def test_what_is_louder_throughout_never_shows_less(pushed: list[tuple[float, float]]):
    louder, softer = LevelMeter(), LevelMeter()
    for index, pair in enumerate(pushed):
        louder.push(max(pair), index * 0.1)
        softer.push(min(pair), index * 0.1)

        assert louder.cells(40, index * 0.1)[0] >= softer.cells(40, index * 0.1)[0]


def test_the_bar_rises_at_once_and_the_peak_holds_before_both_fall():
    meter = LevelMeter()
    meter.push(FLOOR_DBFS, 0.0)
    meter.push(FLOOR_DBFS / 2, 0.1)

    assert meter.cells(20, 0.1) == (10, 10)
    assert meter.cells(20, 0.1 + PEAK_HOLD_S) == (0, 10)
    assert meter.cells(20, 10.0) == (0, 0)


def test_full_scale_fills_the_bar():
    meter = LevelMeter()
    meter.push(0.0, 1.0)

    assert meter.cells(24, 1.0) == (24, 24)


def test_only_digital_silence_for_a_while_is_no_signal():
    meter = LevelMeter()
    meter.push(-math.inf, 0.0)
    assert not meter.no_signal(NO_SIGNAL_S - 0.1)
    assert meter.no_signal(NO_SIGNAL_S)

    meter.push(-90.0, NO_SIGNAL_S)
    assert not meter.no_signal(100.0)
