"""How long to wait in a pause before it counts as the end of the turn.

Knows no audio and no words: how sure a detector is goes in, a silence comes out. Between the shortest and the longest
wait it is a slope, not a step, so that a score near a threshold never decides between an answer at once and a long
silence; and the longest is bounded, so that no score whatever costs more than about a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SURE = 0.65  # from this probability on that all was said, the wait is the shortest
UNSURE = 0.35  # up to this one it is the longest
SLACK = 1.2  # who pauses to think pauses about as long again: a doubtful pause gets this much more than an earlier one
REMEMBERED = 6  # earlier pauses that count
FIXED_S = (0.1, 10.0)  # what a wait given in seconds may be


@dataclass(frozen=True)
class Patience:
    """How long somebody is waited for, in silence after their last sound.

    Attributes:
        shortest_ms: when they have surely said all.
        usual_ms: when nobody can tell.
        longest_ms: when they have surely not.
        limit_ms: when, besides, their own pauses are longer than that.
    """

    shortest_ms: float
    usual_ms: float
    longest_ms: float
    limit_ms: float

    @property
    def judges(self) -> bool:
        """Whether it depends on what was said; else it is one silence, and nothing has to be judged."""
        return self.shortest_ms < self.limit_ms

    def wait_ms(self, probability: float | None, *, earlier_s: Sequence[float] = ()) -> float:
        """Give the silence that ends the turn in this pause.

        Args:
            probability: that all was said; None or NaN if nobody can tell.
            earlier_s: how long the speaker's earlier pauses were that were not the end, the newest last.
        """
        if probability is None or math.isnan(probability):
            return self.usual_ms
        doubt = min(1.0, max(0.0, (SURE - probability) / (SURE - UNSURE)))
        own_ms = 1000 * SLACK * max(earlier_s[-REMEMBERED:], default=0.0)
        longest_ms = min(self.limit_ms, max(self.longest_ms, own_ms))
        return self.shortest_ms + doubt * (longest_ms - self.shortest_ms)


PATIENCE = {
    "fast": Patience(shortest_ms=220, usual_ms=400, longest_ms=800, limit_ms=1000),
    "normal": Patience(shortest_ms=300, usual_ms=500, longest_ms=1200, limit_ms=1400),
    "slow": Patience(shortest_ms=600, usual_ms=900, longest_ms=1500, limit_ms=1700),
}


def fixed(silence_ms: float) -> Patience:
    """Give the patience of a timer."""
    return Patience(silence_ms, silence_ms, silence_ms, silence_ms)


def named(text: str) -> Patience | None:
    """Give what a setting means: a name, or a number of seconds; None for anything else."""
    if text in PATIENCE:
        return PATIENCE[text]
    try:
        seconds = float(text)
    except ValueError:
        return None
    return fixed(1000 * seconds) if FIXED_S[0] <= seconds <= FIXED_S[1] else None
