"""Bring a microphone to the level that a voice model was made for: no NaN, no DC offset, no whisper-quiet input.

Knows nothing of speech: the loudest sound of the last moments sets the gain, and the noise floor bounds it.
"""

from __future__ import annotations

import math

import numpy as np

from voicechat.types import CAPTURE_RATE
from voicechat.vad._noise_gate import Measured

TARGET_DBFS = -24.0  # RMS of ordinary close speech
NOISE_CEILING_DBFS = -45.0  # the floor is never raised above this: amplified noise sounds like speech to a model
RELEASE_DB_PER_S = 20.0  # how fast a slammed door is forgotten, slowly enough not to pump within a word
DC_S = 0.4  # time constant of the offset's estimate


class Leveller:
    """Clean frames and raise them to speech level. It never attenuates: loud speech needs no help."""

    def __init__(self, *, frame_samples: int, max_gain_db: float) -> None:
        self._frame_s = frame_samples / CAPTURE_RATE
        self._ramp = np.linspace(0.0, 1.0, frame_samples)
        self._max_gain_db = max_gain_db
        self._offset: float | None = None  # None before the first frame
        self._loudest_dbfs = -math.inf
        self._gain: float | None = None

    def clean(self, frame: np.ndarray) -> np.ndarray:
        """Give the frame finite, within [-1, 1] and without its DC offset."""
        frame = np.clip(frame, -1.0, 1.0)  # leaves NaN only
        mean = float(frame.mean())
        if math.isnan(mean):
            frame = np.nan_to_num(frame, nan=0.0)
            mean = float(frame.mean())
        if self._offset is None:
            self._offset = mean
        self._offset += (mean - self._offset) * min(1.0, self._frame_s / DC_S)
        return frame - self._offset

    def raise_level(self, frame: np.ndarray, measured: Measured) -> np.ndarray:
        """Amplify a clean frame; the gain glides over it, as a step would sound like a click."""
        self._loudest_dbfs = max(measured.level_dbfs, self._loudest_dbfs - RELEASE_DB_PER_S * self._frame_s)
        wanted_db = min(TARGET_DBFS - self._loudest_dbfs, NOISE_CEILING_DBFS - measured.floor_dbfs, self._max_gain_db)
        gain = 10 ** (max(0.0, wanted_db) / 20)
        before = gain if self._gain is None else self._gain
        self._gain = gain
        return np.clip(frame * (before + (gain - before) * self._ramp), -1.0, 1.0)

    def forget_signal(self) -> None:
        """Start on a new signal from the same microphone: its offset stays."""
        self._loudest_dbfs = -math.inf
        self._gain = None
