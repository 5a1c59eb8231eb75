"""How far a frame stands above the room's noise, and whether it moves: what a detector needs besides a voice model.

The floor is learnt per frequency band as the minimum of the smoothed power over a window of seconds (minimum
statistics: R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum statistics",
IEEE Trans. Speech and Audio Processing 9(5), 2001). Even without a pause, speech lets every band fall back to the
noise between two sounds, so the floor needs no calibration and follows a fan that switches on. Each band is measured
against its own floor: a hum fills its few bands and leaves the others open.

Nothing is compared with a fixed loudness: every figure is relative to the floor. Knows nothing of turns or models.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from voicechat.types import CAPTURE_RATE

# Hz; the edges of the bands, about equally important to speech. Below lies hum, above mostly hiss.
BAND_EDGES = (100, 250, 450, 700, 1050, 1500, 2200, 3200, 4500)
SMOOTHING = 0.6  # of the band powers from frame to frame; less lets the minimum dive under the true floor
SETTLING_FRAMES = 3  # until the smoothing is about as smooth as ever
MINIMUM_BIAS_DB = 3.0  # the mean of a smoothed noise lies this much above its minimum over the window (measured)
MOVEMENT_MS = 140.0  # the stretch over which movement is measured; a step stays in it for less than the shortest turn
# The first sound may be speech, and then its own quietest moment passes for the floor. So the floor is trusted once
# something was heard this far above it; until then it is taken for as much less, at the most this long.
SURE_DB = 30.0
UNSURE_S = 1.5
RESOLUTION_DBFS = -95.0  # about what 16 bits resolve: digital silence counts as a room this quiet


@dataclass(frozen=True)
class Measured:
    """One frame against the noise."""

    above_floor_db: float  # over the noise, each band against its own; about -1 for the noise itself
    movement_db: float  # how much the bands have changed lately: noise and tones < 1, speech mostly > 2
    level_dbfs: float  # power within the bands
    floor_dbfs: float  # the noise's power within the bands, as far as it is known


class NoiseGate:
    """Measure frames against a noise floor that is learnt from the very same frames."""

    def __init__(self, *, frame_samples: int, floor_window_s: float) -> None:
        """Learn the floor over `floor_window_s` seconds: as long, a steady sound may pass for more than noise."""
        frames_per_s = CAPTURE_RATE / frame_samples
        window = np.hanning(frame_samples)
        self._window = window / math.sqrt(float(np.mean(window**2)))
        frequencies = np.fft.rfftfreq(frame_samples, 1 / CAPTURE_RATE)
        edges = itertools.pairwise(BAND_EDGES)
        in_band = [(low <= frequencies) & (frequencies < high) for low, high in edges]
        self._to_bands = np.array(in_band, np.float64) * 2 / frame_samples**2  # (n_bands, n_bins), to mean square
        n_bands = len(in_band)
        self._resolution = 10 ** (RESOLUTION_DBFS / 10) / n_bands
        self._bias = 10 ** (MINIMUM_BIAS_DB / 10)
        self._unsure_frames = UNSURE_S * frames_per_s
        # Rings, one row of bands per frame; their order does not matter to a minimum or a spread.
        self._powers = np.full((max(1, round(floor_window_s * frames_per_s)), n_bands), np.inf)
        self._levels_db = np.zeros((max(2, round(MOVEMENT_MS / 1000 * frames_per_s)), n_bands))
        self._smoothed: np.ndarray | None = None  # (n_bands,), None before the first frame
        self._loudest_dbfs = -math.inf  # while the floor is not sure
        self._n_learnt = 0  # frames in the floor
        self._n_moved = 0  # frames in the movement

    def push(self, frame: np.ndarray) -> Measured:
        """Measure the next frame, finite float (frame_samples,) at 16 kHz."""
        spectrum = np.fft.rfft(frame * self._window)
        power = self._to_bands @ (spectrum.real**2 + spectrum.imag**2)  # (n_bands,)
        if self._smoothed is None:
            self._smoothed = power
        else:
            self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * power
        # The first frames, hardly smoothed, would dive under the floor: each overwrites the one before.
        self._powers[max(0, self._n_learnt - SETTLING_FRAMES) % len(self._powers)] = self._smoothed
        self._n_learnt += 1
        floor = np.maximum(self._powers.min(axis=0) * self._bias, self._resolution)
        level_dbfs, floor_dbfs = _db(float(power.sum())), _db(float(floor.sum()))
        unsure_db = self._unsure_db(level_dbfs, floor_dbfs)
        return Measured(
            above_floor_db=_db(float(np.mean(power / floor))) + unsure_db,
            movement_db=self._movement_db(self._smoothed),
            level_dbfs=level_dbfs,
            floor_dbfs=floor_dbfs - unsure_db,
        )

    def forget_signal(self) -> None:
        """Start on a new signal in the same room: the floor stays."""
        self._n_moved = 0

    def _unsure_db(self, level_dbfs: float, floor_dbfs: float) -> float:
        """Give how far below what it seems the floor may be."""
        unlearnt = 1 - self._n_learnt / self._unsure_frames
        if unlearnt <= 0:
            return 0.0
        self._loudest_dbfs = max(self._loudest_dbfs, level_dbfs)
        return max(0.0, min(SURE_DB * unlearnt, SURE_DB - (self._loudest_dbfs - floor_dbfs)))

    def _movement_db(self, smoothed: np.ndarray) -> float:
        """Give the standard deviation of the bands' levels over the last frames, averaged over the bands."""
        self._levels_db[self._n_moved % len(self._levels_db)] = 10 * np.log10(smoothed + self._resolution / 10)
        self._n_moved += 1
        levels_db = self._levels_db[: self._n_moved]
        deviation = levels_db - levels_db.mean(axis=0)
        return float(np.sqrt((deviation**2).mean(axis=0)).mean())


def _db(power: float) -> float:
    return 10 * math.log10(power + 1e-15)
