"""Listens to one microphone for `voicechat setup`: to the room, then to the user; tells the levels as they come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from voicechat.audio.dead_microphone import DeadMicrophone, MicrophoneDied
from voicechat.audio.resample import Resampler
from voicechat.doctor.levels import clipped_share, noise_floor_dbfs
from voicechat.doctor.speech_check import SpeechCheck
from voicechat.doctor.timed_recording import WARM_UP_S, TimedRecording
from voicechat.protocols import VoiceActivityDetector
from voicechat.types import CAPTURE_RATE

QUIET_S = 2.0
SPEAK_LIMIT_S = 10.0
LEVEL_S = 0.05  # of sound, per level that is told

Show = Callable[[float], None]  # takes a level in dB of full scale, -inf for digital silence


class Levels:
    """Cuts a stream into short pieces and gives the level of each; pure."""

    def __init__(self, sample_rate: int) -> None:
        self._n = round(LEVEL_S * sample_rate)
        self._pending = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> list[float]:
        """Give the RMS of each whole piece in dB of full scale, -inf for digital silence."""
        self._pending = np.concatenate([self._pending, samples])
        levels = []
        while len(self._pending) >= self._n:
            piece, self._pending = self._pending[: self._n], self._pending[self._n :]
            power = float(np.mean(np.square(piece, dtype=np.float64)))
            levels.append(10 * math.log10(power) if power else -math.inf)
        return levels


class Hearing:
    """What a microphone hears: `listen_to_room`, then `listen_to_user`. The recording stays its owner's."""

    def __init__(self, recording: TimedRecording) -> None:
        self._recording = recording
        self._levels = Levels(recording.sample_rate)
        self._room = np.zeros(0, np.float32)

    def listen_to_room(self, show: Show) -> MicrophoneDied | None:
        """Listen for two seconds; if nothing but one value comes, until the microphone counts as dead, and say so.

        Raises:
            AudioDeviceError: If it stops.
        """
        time.sleep(WARM_UP_S)
        self._recording.begin()
        detector = DeadMicrophone(self._recording.sample_rate)
        until = time.monotonic() + QUIET_S
        while time.monotonic() < until:
            piece = self._recording.poll()
            if isinstance(event := detector.push(piece), MicrophoneDied):
                return event
            for dbfs in self._levels.push(piece):
                show(dbfs)
                if not math.isfinite(dbfs):  # silence is no room: wait for its first sound, or the verdict
                    until = time.monotonic() + QUIET_S
        self._room = self._recording.samples()
        return None

    def listen_to_user(self, vad: VoiceActivityDetector, show: Show) -> SpeechCheck:
        """Listen until there was enough speech, ten seconds at most.

        Raises:
            AudioDeviceError: If the microphone stops.
        """
        check = SpeechCheck(vad)
        resampler = Resampler(self._recording.sample_rate, CAPTURE_RATE)
        check.learn(resampler.push(self._room))
        until = time.monotonic() + SPEAK_LIMIT_S
        while not check.enough and time.monotonic() < until:
            piece = self._recording.poll()
            check.push(resampler.push(piece))
            for dbfs in self._levels.push(piece):
                show(dbfs)
        return check

    @property
    def noise_floor_dbfs(self) -> float:
        """How loud the room is."""
        return noise_floor_dbfs(self._room, self._recording.sample_rate)

    @property
    def clips(self) -> bool:
        """Whether any of what was heard stands at full scale."""
        return clipped_share(self._recording.samples()) > 0
