"""The reference on the microphone's time axis: pieces of one stream after another, read at any rate and shift; pure.

Each stream to a speaker is a stretch of samples at its own rate that begins somewhere on the axis, which counts 16 kHz
samples of the microphone. Reading resamples with a windowed sinc (J. O. Smith, "Digital Audio Resampling Home Page",
CCRMA): rate, fraction of a sample and drift are one thing, and no sample is ever handed out before it came.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from voicechat.types import CAPTURE_RATE

KEEP_S = 3.0  # of each stretch; more than any echo is late
ZERO_CROSSINGS = 24  # of the sinc, on each side
PHASES = 256  # between two samples
PASS_BAND = 0.94  # of what both rates can carry
KAISER_BETA = 7.0  # 70 dB


@cache
def _sinc_table(sample_rate: int) -> np.ndarray:
    """Give the taps for each fraction of a sample, float32 (PHASES + 1, n_taps), each row with a sum of 1."""
    cutoff = PASS_BAND * min(1.0, CAPTURE_RATE / sample_rate)  # of half the stretch's rate
    half = math.ceil(ZERO_CROSSINGS / cutoff)
    fractions = np.arange(PHASES + 1)[:, np.newaxis] / PHASES
    distance = np.arange(1 - half, half + 1)[np.newaxis, :] - fractions  # (PHASES + 1, 2 * half)
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (distance / half) ** 2, 0, None)))
    taps = np.sinc(cutoff * distance) * window
    table: np.ndarray = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return table


class _Stretch:
    """The samples of one stream, as many as are kept, and where on the axis the first of them all lies."""

    def __init__(self, sample_rate: int, start: float) -> None:
        self.sample_rate = sample_rate
        self.start = start
        self.n = 0  # samples so far
        self.ended = False  # no more will come: silence follows
        self.n_sounding = 0  # up to the last sample that is not silence
        self._table = _sinc_table(sample_rate)
        self._half: int = self._table.shape[1] // 2
        self._kept = np.zeros(2 * round(KEEP_S * sample_rate), np.float32)
        self._n_forgotten = 0  # before the first that is kept

    def append(self, samples: np.ndarray) -> None:
        for piece in np.split(samples, range(len(self._kept) // 2, len(samples), len(self._kept) // 2)):
            if self.n - self._n_forgotten + len(piece) > len(self._kept):
                n_kept = len(self._kept) // 2
                self._kept[:n_kept] = self._kept[self.n - self._n_forgotten - n_kept : self.n - self._n_forgotten]
                self._n_forgotten = self.n - n_kept
            begin = self.n - self._n_forgotten
            self._kept[begin : begin + len(piece)] = piece
            if piece.any():
                self.n_sounding = self.n + int(np.flatnonzero(piece)[-1]) + 1
            self.n += len(piece)

    def drop(self, n: int) -> None:
        self.n = max(self.n - n, self._n_forgotten)
        self.n_sounding = min(self.n_sounding, self.n)

    def position(self, at: float) -> float:
        """Give which sample lies at a place on the axis."""
        return (at - self.start) * self.sample_rate / CAPTURE_RATE

    def has(self, at: float) -> bool:
        """Whether all came that is needed to read up to a place on the axis."""
        n_needed = math.floor(self.position(at)) + self._half + 1
        return self.ended or n_needed <= self.n

    def is_silent(self, at: float) -> bool:
        """Whether nothing at or after a place on the axis is anything but silence, as far as it came."""
        return self.n_sounding + self._half <= self.position(at)

    def add_to(self, out: np.ndarray, at: int) -> None:
        """Add what lies from `at` on, as far as it is kept and came."""
        step = self.sample_rate / CAPTURE_RATE
        first = self.position(at)
        last = first + (len(out) - 1) * step
        if last + self._half < self._n_forgotten or first - self._half > self.n_sounding:
            return
        positions = first + step * np.arange(len(out))
        whole = np.floor(positions).astype(np.int64)
        taps = self._table[np.rint((positions - whole) * PHASES).astype(np.int64)]  # (n, 2 * half)
        begin = int(whole[0]) + 1 - self._half
        window = self._span(begin, int(whole[-1]) + 1 + self._half)
        lying = np.lib.stride_tricks.sliding_window_view(window, 2 * self._half)[whole - whole[0]]
        out += np.einsum("nt,nt->n", lying, taps)

    def _span(self, begin: int, end: int) -> np.ndarray:
        """Give the samples from `begin` up to `end`, zeros where there are none, float32 (end - begin,)."""
        span = np.zeros(end - begin, np.float32)
        low, high = max(begin, self._n_forgotten, 0), min(end, self.n)
        if low < high:
            span[low - begin : high - begin] = self._kept[low - self._n_forgotten : high - self._n_forgotten]
        return span


class DelayLine:
    """What the speaker played, to be read beside what the microphone took in."""

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []  # the last one is the stream that plays now

    @property
    def start(self) -> float:
        """Where on the axis the newest stretch begins, in samples of the microphone; it may be anywhere."""
        return self._stretches[-1].start

    def open(self, sample_rate: int, *, start: float) -> None:
        """Begin a new stretch; the one before has ended.

        Args:
            start: where on the axis its first sample lies.
        """
        self.end()
        self._stretches.append(_Stretch(sample_rate, start))

    def split(self) -> None:
        """Begin a new stretch right where the newest one ends; from here on only what comes is moved."""
        newest = self._stretches[-1]
        self.open(newest.sample_rate, start=newest.start + newest.n * CAPTURE_RATE / newest.sample_rate)

    def append(self, samples: np.ndarray) -> None:
        """Add what was played, float32 (n,) at the stretch's rate, n >= 0."""
        self._stretches[-1].append(samples)

    def drop(self, n: int) -> None:
        """Take the newest `n` samples back: they were never heard."""
        for stretch in reversed(self._stretches):  # a split stretch has its tail in the one after it
            n_dropped = min(n, stretch.n)
            stretch.drop(n_dropped)
            n -= n_dropped

    def end(self) -> None:
        """Tell that no more will come for the newest stretch: silence follows."""
        if self._stretches:
            self._stretches[-1].ended = True

    def move(self, start: float) -> None:
        """Say anew where the newest stretch begins."""
        self._stretches[-1].start = start

    def read(self, at: int, n: int, *, whatever: bool = False) -> np.ndarray | None:
        """Give the reference beside `n` samples of the microphone, float32 (n,) at 16 kHz; None if it did not come yet.

        Positions before `at` will not be asked for again.

        Args:
            at: the first of the samples on the axis.
            whatever: take silence for what did not come yet.
        """
        if not whatever and self._stretches and not self._stretches[-1].has(at + n - 1):
            return None
        reference = np.zeros(n, np.float32)
        for stretch in self._stretches:
            stretch.add_to(reference, at)
        while len(self._stretches) > 1 and self._stretches[0].is_silent(at + n):
            del self._stretches[0]
        return reference
