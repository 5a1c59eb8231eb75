"""How late the echo comes, measured on the sound itself; pure.

What devices tell of their delays is often wrong: a Bluetooth speaker keeps silent about a third of a second, a sound
server is off by up to a second when a stream starts. The generalized cross-correlation with phase transform (Knapp and
Carter, "The generalized correlation method for estimation of time delay", IEEE Trans. ASSP 24(4), 1976) between what
was played and what was captured has its peak at the echo, also far below the noise and while the user speaks. Early
reflections are gathered over some milliseconds, and the peaks of several seconds are averaged.

Once the echo is known, the same correlation tells to a fraction of a sample how it moves: the drift of two clocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voicechat.types import CAPTURE_RATE

LATEST_S = 1.0  # how late an echo is looked for, and
EARLIEST_S = -0.3  # how early: ahead of a reference that was placed too late
WINDOW_S = 2.0  # of the capture, correlated at once
HOP_S = 0.5  # between two correlations
FIRST_S = 1.5  # of the two streams before the first one
SOUNDING_RMS = 1e-3  # of 10 ms of reference; less is a pause
MIN_SOUNDING_S = 0.4  # of reference in the window
BAND_HZ = (200, 5000)
GATHER_S = 0.008  # over which reflections count together
FORGETTING = 0.85  # of the averaged peaks, from hop to hop
SHAPE_S = (-0.004, 0.024)  # around the echo, whose shape tells how it moves
MAX_SHIFT = 48  # samples
SHAPE_FORGETTING = 0.9
MIN_LIKENESS = 0.4  # of two shapes, 0..1, to compare their places

FRAME = CAPTURE_RATE // 100
N_WINDOW = round(WINDOW_S * CAPTURE_RATE)
N_BEFORE = round(LATEST_S * CAPTURE_RATE)
N_AFTER = round(-EARLIEST_S * CAPTURE_RATE)
N_SPAN = N_BEFORE + N_WINDOW + N_AFTER
N_FFT = 1 << (N_SPAN - 1).bit_length()


@dataclass(frozen=True)
class EchoEstimate:
    """What the last seconds say.

    Attributes:
        lag_s: how much later than its reference the echo comes; negative if the reference comes too late.
        certainty: how far the peak stands out, in standard deviations of what is no echo.
        shift: samples by which the echo came later than its long-time place; None if that is not known.
    """

    lag_s: float
    certainty: float
    shift: float | None


class EchoDelay:
    """Measure the lag between two streams that are pushed side by side."""

    def __init__(self) -> None:
        bins = np.fft.rfftfreq(N_FFT, 1 / CAPTURE_RATE)
        self._band = (bins > BAND_HZ[0]) & (bins < BAND_HZ[1])
        self._lags = np.arange(-N_AFTER, N_BEFORE)
        self._near = np.zeros(N_SPAN, np.float32)
        self._far = np.zeros(N_SPAN, np.float32)
        self.forget()

    def forget(self) -> None:
        """Begin anew: the reference was placed elsewhere."""
        self._near[:] = 0
        self._far[:] = 0
        self._pending: list[tuple[np.ndarray, np.ndarray]] = []  # since the last correlation
        self._n_pending = round((HOP_S - FIRST_S) * CAPTURE_RATE)  # samples in it; less than none at the start
        self._peaks = np.zeros(len(self._lags))
        self._shape: np.ndarray | None = None  # of the echo, averaged
        self._shape_at = 0  # the lag, in samples, around which it was taken

    def push(self, near: np.ndarray, far: np.ndarray) -> EchoEstimate | None:
        """Take what was captured and its reference, float (n,) each at 16 kHz; now and then give an estimate."""
        self._pending.append((near, far))
        self._n_pending += len(near)
        if self._n_pending < HOP_S * CAPTURE_RATE:
            return None
        for kept, pieces in zip((self._near, self._far), zip(*self._pending, strict=True), strict=True):
            samples = np.concatenate(pieces)[-N_SPAN:]
            kept[: -len(samples)] = kept[len(samples) :]
            kept[-len(samples) :] = samples
        self._pending, self._n_pending = [], 0
        return self._estimate() if self._sounding_s() >= MIN_SOUNDING_S else None

    def _sounding_s(self) -> float:
        frames = self._far[:-N_AFTER].reshape(-1, FRAME)
        return float(np.count_nonzero((frames**2).mean(axis=1) > SOUNDING_RMS**2)) * FRAME / CAPTURE_RATE

    def _estimate(self) -> EchoEstimate | None:
        correlation = self._correlate()
        power = np.cumsum(np.pad(correlation**2, round(GATHER_S * CAPTURE_RATE / 2)))
        n_gather = len(power) - len(correlation)
        gathered = power[n_gather:] - power[:-n_gather]
        mean = float(gathered.mean())
        if mean <= 0:
            return None
        self._peaks = FORGETTING * self._peaks + gathered / mean
        best = int(np.argmax(self._peaks))
        middle = float(np.median(self._peaks))
        deviation = 1.4826 * float(np.median(np.abs(self._peaks - middle)))  # of a normal distribution
        return EchoEstimate(
            lag_s=float(self._lags[best]) / CAPTURE_RATE,
            certainty=(float(self._peaks[best]) - middle) / deviation,
            shift=self._shift(correlation, int(self._lags[best])),
        )

    def _correlate(self) -> np.ndarray:
        """Give the correlation at each lag, float (n_lags,)."""
        window = self._near[N_BEFORE : N_BEFORE + N_WINDOW]
        cross = np.fft.rfft(window, N_FFT) * np.conj(np.fft.rfft(self._far, N_FFT))
        strength = np.abs(cross)
        cross[~self._band] = 0
        cross /= strength + 1e-9 * float(strength.max()) + 1e-30
        correlation = np.fft.irfft(cross, N_FFT)
        at: np.ndarray = correlation[(self._lags - N_BEFORE) % N_FFT]
        return at

    def _shift(self, correlation: np.ndarray, lag: int) -> float | None:
        """Compare the echo's shape with that of the past, and keep it."""
        if self._shape is None or abs(lag - self._shape_at) > SHAPE_S[1] * CAPTURE_RATE:
            self._shape, self._shape_at = None, lag
        begin = self._shape_at + N_AFTER + round(SHAPE_S[0] * CAPTURE_RATE)
        end = self._shape_at + N_AFTER + round(SHAPE_S[1] * CAPTURE_RATE)
        if begin < MAX_SHIFT or end + MAX_SHIFT > len(correlation):
            return None
        shape = correlation[begin:end]
        if self._shape is None:
            self._shape = shape
            return None
        wide = correlation[begin - MAX_SHIFT : end + MAX_SHIFT]
        likeness = np.correlate(wide, self._shape) / (np.linalg.norm(self._shape) * np.linalg.norm(shape) + 1e-12)
        self._shape = SHAPE_FORGETTING * self._shape + (1 - SHAPE_FORGETTING) * shape
        best = int(np.argmax(likeness))
        if likeness[best] < MIN_LIKENESS or not 0 < best < len(likeness) - 1:
            return None
        before, peak, after = likeness[best - 1 : best + 2]
        return float(best - MAX_SHIFT + (before - after) / (2 * (before - 2 * peak + after)))
