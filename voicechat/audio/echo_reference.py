"""What the speaker really played, sample by sample: the reference that an echo is cancelled against.

Whoever plays hands over what goes into the device's ring, and says where the callback takes it up; the rest is read
from the callback's own counters. So the reference has exactly the samples that the device consumed, in its order, the
zeros of its pauses included, and what an abort threw away is taken back. Knows nothing of microphones or cancelling.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Run(Protocol):
    """A stretch of sound that the callback plays without a gap."""

    @property
    def n_done(self) -> int:
        """How many of the samples that were handed over it has taken so far; only ever grows."""
        ...

    @property
    def begins_at(self) -> int | None:
        """Which of the device's samples is its first; None while that is not known."""
        ...


@dataclass(frozen=True)
class Counts:
    """How far a device has come, read from its callback.

    Attributes:
        n_consumed: samples it has asked for since it was opened.
        n_complete: how many of them are in blocks that the callback is done with.
        n_dry: how often it has reported that it ran dry.
    """

    n_consumed: int
    n_complete: int
    n_dry: int


@dataclass(frozen=True, eq=False)
class Played:
    """News of one stream.

    Attributes:
        stream: which one; they are numbered as they are opened.
        resumed: it goes on where the one before was stopped, on the same device.
        sample_rate: Hz.
        latency_s: what the driver tells of the time from the callback to the ear.
        begins_at: which of the device's samples is the stream's first.
        samples: float32 (n,), n >= 0: what it has consumed since the last news.
        n_unheard: how many of the newest samples, from earlier news, were never heard after all.
        counts: as far as the device has come.
        dry_at: before which of the device's samples it stood still, since the last news; None if it did not.
        heard: (n, `time.monotonic()`) at which its sample n was heard, None if nothing new is known.
        ended: this was the last news of it.
    """

    stream: int
    resumed: bool
    sample_rate: int
    latency_s: float
    begins_at: int
    samples: np.ndarray
    n_unheard: int
    counts: Counts
    dry_at: int | None
    heard: tuple[int, float] | None
    ended: bool


class PlayedSamples:
    """The samples that one device has consumed, from what it was handed and where its runs took it up; pure."""

    def __init__(self, begin: int) -> None:
        """Start with the device's sample `begin`; those before were silence and are left out."""
        self.n = begin  # up to this sample of the device all was given
        self._handed: deque[np.ndarray] = deque()  # not given yet
        self._runs: deque[Run] = deque()  # the first is the one that is being given
        self._n_given = 0  # of the first run

    def hand(self, samples: np.ndarray) -> None:
        """What the runs take next, float32 (n,)."""
        if len(samples):
            self._handed.append(samples)

    def begin_run(self, run: Run) -> None:
        """From here on the device takes what was handed over and is left."""
        self._runs.append(run)

    def take(self, n_complete: int) -> np.ndarray:
        """Give what was consumed up to the device's sample `n_complete`, as far as it is known by now, float32 (n,)."""
        pieces = [np.zeros(0, np.float32)]
        while self.n < n_complete:
            begins_at = self._runs[0].begins_at if self._runs else n_complete
            if begins_at is None:
                break
            if self.n < begins_at:
                piece = np.zeros(min(begins_at, n_complete) - self.n, np.float32)
            elif self._n_given < self._runs[0].n_done:
                piece = self._next_handed(min(self._runs[0].n_done - self._n_given, n_complete - self.n))
                if not len(piece):
                    break  # the device was faster than whoever hands over
                self._n_given += len(piece)
            elif len(self._runs) > 1:
                self._runs.popleft()
                self._n_given = 0
                continue
            else:
                piece = np.zeros(n_complete - self.n, np.float32)  # it has ended: the callback had found the ring dry
            pieces.append(piece)
            self.n += len(piece)
        return np.concatenate(pieces)

    def _next_handed(self, n: int) -> np.ndarray:
        if not self._handed:
            return np.zeros(0, np.float32)
        piece = self._handed.popleft()
        if n < len(piece):
            self._handed.appendleft(piece[n:])
        return piece[:n]


class ReferenceTap:
    """Where one stream tells what it plays. Made by `EchoReference.open`; all calls are short and from any thread."""

    def __init__(
        self,
        stream: int,
        lock: threading.Lock,
        sample_rate: int,
        latency_s: float,
        count: Callable[[], Counts],
        *,
        resumed: bool,
    ) -> None:
        self._stream = stream
        self._resumed = resumed
        self._lock = lock
        self._sample_rate = sample_rate
        self._latency_s = latency_s
        self._count = count
        self._seen = count()
        self._dry_at: int | None = None
        self._begins_at = self._seen.n_consumed
        self._played = PlayedSamples(self._begins_at)
        self._heard: tuple[int, float] | None = None
        self._n_end: int | None = None  # the device's sample after the last one that was heard, once it has ended

    def hand(self, samples: np.ndarray) -> None:
        """These went into the device's ring, mono float32 (n,)."""
        with self._lock:
            self._played.hand(samples)

    def begin_run(self, run: Run) -> None:
        """The callback is told to play what is in the ring."""
        with self._lock:
            self._played.begin_run(run)

    def heard(self, n: int, at: float) -> None:
        """The device's sample `n` was, or will be, heard at `time.monotonic()` `at`. To be called often."""
        with self._lock:
            self._heard = (n, at)
            self._look()

    def end(self, n_heard: int | None) -> None:
        """The device was stopped, and forgot what it had not played. Idempotent.

        Args:
            n_heard: its first sample that was not heard; None if all that it consumed was.
        """
        with self._lock:
            if self._n_end is None:
                self._n_end = n_heard if n_heard is not None else self._count().n_consumed

    def news(self) -> Played:
        """Give what there is since the last call. Called under the lock."""
        counts = self._look()
        ended = self._n_end is not None
        n_complete = counts.n_complete if self._n_end is None else max(self._n_end, self._begins_at)
        n_unheard = max(0, self._played.n - n_complete) if ended else 0
        samples = self._played.take(n_complete)
        heard, self._heard = self._heard, None
        dry_at, self._dry_at = self._dry_at, None
        return Played(
            stream=self._stream,
            resumed=self._resumed,
            sample_rate=self._sample_rate,
            latency_s=self._latency_s,
            begins_at=self._begins_at,
            samples=samples,
            n_unheard=n_unheard,
            counts=counts,
            dry_at=dry_at,
            heard=heard,
            ended=ended,
        )

    def _look(self) -> Counts:
        """Read the counters; between the last look and this one lies what the device did."""
        counts = self._count()
        if counts.n_dry != self._seen.n_dry:
            self._dry_at = self._seen.n_consumed  # it tells when it goes on; while it stood still, this did not change
        self._seen = counts
        return counts


class EchoReference:
    """Collects what is played on one stream after another, for one reader."""

    def __init__(self) -> None:
        # Serializes the taps between whoever plays and whoever reads; never held while a driver is called.
        self._lock = threading.Lock()
        self._taps: list[ReferenceTap] = []  # those with news to come
        self._n_streams = 0

    def open(
        self, sample_rate: int, latency_s: float, count: Callable[[], Counts], *, resumed: bool = False
    ) -> ReferenceTap:
        """Give the tap for a stream that was just opened, or has been started again.

        Args:
            resumed: it was started again.
            latency_s: what the driver tells of the time from the callback to the ear.
            count: tells how far the device has come; called from any thread, also when the stream is closed.
        """
        with self._lock:
            tap = ReferenceTap(self._n_streams, self._lock, sample_rate, latency_s, count, resumed=resumed)
            self._n_streams += 1
            self._taps.append(tap)
        return tap

    def take(self) -> list[Played]:
        """Give what was played since the last call, oldest first."""
        with self._lock:
            news = [tap.news() for tap in self._taps]
            self._taps = [tap for tap, last in zip(self._taps, news, strict=True) if not last.ended]
        return news
