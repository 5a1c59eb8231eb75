"""Is what comes from the microphone speech, and does it stand out of the room? Samples in, a verdict out; pure."""

from __future__ import annotations

import math

import numpy as np

from voicechat.protocols import VoiceActivityDetector
from voicechat.types import CAPTURE_RATE

ENOUGH_S = 0.8  # of speech: a few words
SPEECH = 0.5  # probability from which a frame is speech
FAINT_DB = 10.0  # above the noise; what stands out less is often missed


class SpeechCheck:
    """Follow what the user says until it was enough."""

    def __init__(self, vad: VoiceActivityDetector) -> None:
        self._vad = vad
        self._pending = np.zeros(0, np.float32)  # less than a frame
        self._n_speech = 0  # frames
        self._energy = 0.0  # of them, per sample and frame

    def learn(self, room: np.ndarray) -> None:
        """Let the detector know the room's noise first, float32 (n,) at 16 kHz; nothing of it counts as speech."""
        n_frame = self._vad.frame_samples
        for start in range(0, len(room) - n_frame + 1, n_frame):
            self._vad.probability(room[start : start + n_frame])

    def push(self, samples: np.ndarray) -> None:
        """Take the next samples, float32 (n,) at 16 kHz."""
        n_frame = self._vad.frame_samples
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= n_frame:
            frame, self._pending = self._pending[:n_frame], self._pending[n_frame:]
            if self._vad.probability(frame) >= SPEECH:
                self._n_speech += 1
                self._energy += float(np.mean(np.square(frame, dtype=np.float64)))

    @property
    def enough(self) -> bool:
        """Whether there was enough speech to judge it."""
        return self._n_speech * self._vad.frame_samples >= ENOUGH_S * CAPTURE_RATE

    @property
    def speech_dbfs(self) -> float | None:
        """How loud the speech was, in dB of full scale; None if there was none."""
        return 10 * math.log10(self._energy / self._n_speech) if self._energy else None


def is_faint(speech_dbfs: float, noise_dbfs: float) -> bool:
    """Whether speech hardly stands out of the room's noise."""
    return speech_dbfs - noise_dbfs < FAINT_DB
