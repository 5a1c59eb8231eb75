"""What `benchmarks.end_of_turn` computes, on spans whose best policy is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks._turn_policies import (
    Outcome,
    Span,
    at_most,
    frontier,
    outcome,
    silence_curve,
    swept_curve,
    with_knobs,
    with_patience,
)
from voicechat.patience import fixed


def span(*, score: float, silence_ms: float | None = None, late_ms: float = 0.0) -> Span:
    """Give a pause of so many milliseconds, or the end."""
    is_end = silence_ms is None
    return Span(is_end, np.inf if silence_ms is None else silence_ms, late_ms, {"heard": score}, (), 0.0)


some_spans = st.tuples(
    st.lists(st.builds(span, score=st.floats(0, 1)), min_size=1, max_size=15),
    st.lists(st.builds(span, score=st.floats(0, 1), silence_ms=st.floats(100, 1500)), min_size=1, max_size=15),
).map(lambda both: [*both[0], *both[1]])


def test_a_pause_is_cut_off_by_a_wait_that_is_no_longer_and_the_end_leaves_the_wait_as_dead_air():
    spans = [span(score=0, silence_ms=400), span(score=0, silence_ms=800), span(score=0, late_ms=30)]

    assert outcome(spans, np.full(3, 500.0)) == Outcome(0.5, 530.0, 530.0)
    assert outcome(spans, np.full(3, 400.0)).cut_off == 1.0


def test_scores_that_know_leave_the_action_delay_and_cut_nothing_off():
    spans = [span(score=1)] * 5 + [span(score=0, silence_ms=ms) for ms in (300, 700, 1400)]

    best = at_most(swept_curve(spans, "heard"), 0.0)

    assert (best.cut_off, best.dead_air_ms) == (0, 160)
    assert at_most(silence_curve(spans), 0.0).dead_air_ms == 1420


@settings(max_examples=25, deadline=None)
@given(some_spans, st.floats(0, 1))
def test_no_score_is_worse_than_a_silence_once_its_knobs_are_turned(spans, cut_off):
    silence = at_most(silence_curve(spans), cut_off)

    if silence.dead_air_ms >= 160:  # before that no score is known
        assert at_most(swept_curve(spans, "heard"), cut_off).dead_air_ms <= silence.dead_air_ms + 1e-6


@settings(max_examples=25, deadline=None)
@given(some_spans)
def test_the_knobs_of_each_point_give_that_point(spans):
    for point in swept_curve(spans, "heard"):
        again = with_knobs(spans, "heard", point.knobs)
        assert again.cut_off == pytest.approx(point.cut_off)
        assert again.dead_air_ms == pytest.approx(point.dead_air_ms)


@given(some_spans, st.integers(5, 80))
def test_a_patience_in_seconds_is_a_point_of_the_silence_curve(spans, n_frames):
    shipped = with_patience(spans, "heard", fixed(20 * n_frames), frame_ms=20)

    assert shipped == outcome(spans, np.full(len(spans), 20.0 * n_frames))


@given(st.lists(st.builds(Outcome, st.floats(0, 1), st.floats(0, 2000)), min_size=1, max_size=20))
def test_a_frontier_beats_or_equals_every_point(points):
    best = frontier(points)

    assert all(any(b.cut_off <= p.cut_off and b.dead_air_ms <= p.dead_air_ms for b in best) for p in points)
    assert [b.dead_air_ms for b in best] == sorted({b.dead_air_ms for b in best}, reverse=True)
