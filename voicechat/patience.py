"""How long to wait in a pause before it counts as the end of the turn.

Knows no audio and no words: how sure a detector is goes in, a silence comes out. Between the shortest and the longest
wait it is a slope, not a step, so that a score near a threshold never decides between an answer at once and a long
silence; and the two lie a second apart, so that no score whatever costs more than that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SLACK = 1.2  # who pauses to think pauses about as long again: a doubtful pause gets this much more than an earlier one
REMEMBERED = 6  # earlier pauses that count
FIXED_S = (0.1, 10.0)  # what a wait given in seconds may be


@dataclass(frozen=True)
class Patience:
    """How long somebody is waited for, in silence after their last sound.

    Attributes:
        shortest_ms: when they have said all, by a probability of `sure` or more.
        longest_ms: when they have not, by one of `unsure` or less.
        limit_ms: then, too, if their own pauses are even longer.
        usual_ms: when nobody can tell.
    """

    shortest_ms: float
    longest_ms: float
    limit_ms: float
    usual_ms: float
    sure: float = 0.6
    unsure: float = 0.4

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
        doubt = min(1.0, max(0.0, (self.sure - probability) / (self.sure - self.unsure)))
        own_ms = 1000 * SLACK * max(earlier_s[-REMEMBERED:], default=0.0)
        longest_ms = min(self.limit_ms, max(self.longest_ms, own_ms))
        return self.shortest_ms + doubt * (longest_ms - self.shortest_ms)


# Chosen on the tuning half of `python -m benchmarks.end_of_turn`: to be patient is to want to be surer, more than to
# wait longer in any case.
PATIENCE = {
    "fast": Patience(shortest_ms=200, longest_ms=1000, limit_ms=1200, usual_ms=400, sure=0.6, unsure=0.3),
    "normal": Patience(shortest_ms=280, longest_ms=1280, limit_ms=1480, usual_ms=500, sure=0.6, unsure=0.4),
    "slow": Patience(shortest_ms=600, longest_ms=1600, limit_ms=1800, usual_ms=900, sure=0.75, unsure=0.5),
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
