"""What a way of waiting makes of the pauses in turns: how often it cuts somebody off, how long it keeps them waiting.

Knows no audio: pauses that were judged go in, curves come out. A policy is a wait for each pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from voicechat.patience import Patience

ACTION_DELAYS_MS = np.arange(160.0, 1800.0, 20.0)  # and timeouts; nothing is judged before the first
SILENCES_MS = np.arange(100.0, 1800.0, 20.0)
N_THRESHOLDS = 60


@dataclass(frozen=True)
class Span:
    """A pause as it was judged."""

    is_end: bool
    silence_ms: float  # as the voice activity detector has it; of the end, for ever
    late_ms: float  # of the detector's last speech after the true last sound
    scores: dict[str, float]  # that the turn is over, by what was known
    earlier_s: tuple[float, ...]  # the pauses before it in its turn
    judged_cpu_s: float


@dataclass(frozen=True)
class Outcome:
    """What a policy makes of some spans."""

    cut_off: float  # share of the pauses that were not the end
    dead_air_ms: float  # mean
    median_ms: float = np.nan
    knobs: tuple[float, float, float] = (np.inf, 0.0, 0.0)  # threshold, action delay and timeout in ms


def outcome(spans: Sequence[Span], waits_ms: np.ndarray) -> Outcome:
    """Tell what comes of waiting so long in each span."""
    is_end, silence_ms = _ends(spans), np.array([span.silence_ms for span in spans])
    dead_ms = (waits_ms + np.array([span.late_ms for span in spans]))[is_end]
    cut = silence_ms[~is_end] >= waits_ms[~is_end]
    return Outcome(float(cut.mean()) if len(cut) else 0.0, float(dead_ms.mean()), float(np.median(dead_ms)))


def silence_curve(spans: Sequence[Span]) -> list[Outcome]:
    """Sweep a fixed silence."""
    return frontier(outcome(spans, np.full(len(spans), silence_ms)) for silence_ms in SILENCES_MS)


def swept_curve(spans: Sequence[Span], score: str) -> list[Outcome]:
    """Sweep threshold, action delay and timeout."""
    scores, is_end = _scores(spans, score), _ends(spans)
    silence_ms = np.array([span.silence_ms for span in spans])
    late_ms = float(np.mean([span.late_ms for span in spans if span.is_end]))
    grid_ms = ACTION_DELAYS_MS
    later = np.nonzero(grid_ms[None, :] >= grid_ms[:, None])  # action delay, timeout
    found: list[Outcome] = []
    for threshold in [*np.unique(np.quantile(scores, np.linspace(0, 1, N_THRESHOLDS))), np.inf]:
        above = scores >= threshold
        # How many pauses each delay cuts off, of those above the threshold and of the others.
        acted, timed_out = (
            (silence_ms[~is_end & chosen][:, None] >= grid_ms).sum(axis=0) for chosen in (above, ~above)
        )
        cut_off = ((acted[:, None] + timed_out[None, :]) / max(1, int((~is_end).sum())))[later]
        share = float(above[is_end].mean())
        dead_ms = (share * grid_ms[:, None] + (1 - share) * grid_ms[None, :] + late_ms)[later]
        found += frontier(
            Outcome(float(cut), float(dead), knobs=(float(threshold), float(grid_ms[i]), float(grid_ms[j])))
            for cut, dead, i, j in zip(cut_off, dead_ms, *later, strict=True)
        )
    return frontier(found)


def with_knobs(spans: Sequence[Span], score: str, knobs: tuple[float, float, float]) -> Outcome:
    """Tell what knobs that were chosen elsewhere make of the scores."""
    threshold, action_ms, timeout_ms = knobs
    return outcome(spans, np.where(_scores(spans, score) >= threshold, action_ms, timeout_ms))


def with_patience(spans: Sequence[Span], score: str, patience: Patience, *, frame_ms: float) -> Outcome:
    """Tell what the product's own patience makes of the scores, rounded up to frames as the endpointer does it."""
    waits_ms = [patience.wait_ms(span.scores[score], earlier_s=span.earlier_s) for span in spans]
    return outcome(spans, np.ceil(np.array(waits_ms) / frame_ms - 1e-9) * frame_ms)


def frontier(points: Iterable[Outcome]) -> list[Outcome]:
    """Give the points that no other one beats both ways, by rising cut-offs."""
    best: list[Outcome] = []
    for point in sorted(points, key=lambda point: (point.cut_off, point.dead_air_ms)):
        if not best or point.dead_air_ms < best[-1].dead_air_ms:
            best.append(point)
    return best


def at_most(curve: Sequence[Outcome], cut_off: float) -> Outcome:
    """Give the least dead air at no more cut-offs than this; that of the fewest, if all have more."""
    return next((point for point in reversed(curve) if point.cut_off <= cut_off + 1e-9), curve[0])


def _ends(spans: Sequence[Span]) -> np.ndarray:
    return np.array([span.is_end for span in spans])


def _scores(spans: Sequence[Span], score: str) -> np.ndarray:
    return np.array([span.scores[score] for span in spans])
