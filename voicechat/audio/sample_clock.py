"""When a device's samples passed its callback, told from looks at its counter; pure.

A device hands its blocks over in bursts, and we look now and then, so each look by itself is late by some
milliseconds. But never early: over a second the least late look tells the device's own clock. Knows nothing of audio.
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 1.0  # of looks: long enough for several bursts, short enough for a drift of 100 ppm to be followed
GAP_S = 0.012  # all looks of GAP_WINDOW_S are this much later than before: the device stood still meanwhile
GAP_WINDOW_S = 0.3


class SampleClock:
    """Follow one counter.

    Args:
        sample_rate: Hz, what the device calls its rate; its true one may drift from that.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._looks: deque[tuple[float, float]] = deque()  # (when, how far the counter was ahead of the time)

    @property
    def ahead(self) -> float | None:
        """How far the counter is ahead of `sample_rate * time`, in samples; None before the first look."""
        return max(ahead for _at, ahead in self._looks) if self._looks else None

    def look(self, n: float, at: float) -> None:
        """Take note that `n` samples had passed at the time `at`, in seconds; times never go back."""
        self._looks.append((at, n - self._rate * at))
        while at - self._looks[0][0] > WINDOW_S:
            self._looks.popleft()
        if self._looks[0][0] <= at - GAP_WINDOW_S:
            recent = max(ahead for looked_at, ahead in self._looks if looked_at > at - GAP_WINDOW_S)
            if recent < max(ahead for _at, ahead in self._looks) - GAP_S * self._rate:
                self._looks = deque(look for look in self._looks if look[0] > at - GAP_WINDOW_S)

    def time_of(self, n: float) -> float | None:
        """Give when the sample after the first `n` passed, in seconds; None before the first look."""
        ahead = self.ahead
        return None if ahead is None else (n - ahead) / self._rate

    def forget(self) -> None:
        """Begin anew: the counter or the device was interrupted."""
        self._looks.clear()
