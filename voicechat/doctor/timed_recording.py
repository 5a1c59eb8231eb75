"""Records a microphone for some seconds and knows when each sample met the converter. Knows nothing of speech or echo.

A stream's clock can be off by a second while it starts, so recording begins on a stream that runs already.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from voicechat.audio.devices import Device
from voicechat.audio.playback_stream import StreamClock
from voicechat.audio.priority import clients_first
from voicechat.audio.streams import BYTES_PER_SAMPLE, callback_backend, is_active, open_native, ring_size, start
from voicechat.errors import AudioDeviceError

WARM_UP_S = 0.8  # a sound server's clock has settled by then, and so has the pop that some converters begin with
LONGEST_S = 12.0
POLL_S = 0.02


class TimedRecording:
    """A microphone that is being recorded. One thread calls it.

    Attributes:
        sample_rate: Hz, the device's own.

    Raises:
        AudioDeviceError: If the device cannot be opened.
    """

    def __init__(self, device: Device, *, buffer_ms: int, backend: Any = None) -> None:
        backend = backend or callback_backend()
        self._device = device
        with clients_first():
            self._recorder = open_native(backend.Recorder, device, sample_rate=None, buffer_ms=buffer_ms)
            start(self._recorder, device)
        self.sample_rate = round(self._recorder.samplerate)
        self._channels: int = self._recorder.channels
        self._ring = backend.RingBuffer(BYTES_PER_SAMPLE * self._channels, ring_size(LONGEST_S, self.sample_rate))
        self._clock = StreamClock(self._recorder)
        self._action: Any = None
        self._pieces: list[np.ndarray] = []
        self._ages_s: list[float] = []

    def begin(self) -> None:
        """Forget what came before; what comes from now on is recorded."""
        self._action = self._recorder.record_ringbuffer(self._ring)

    def poll(self) -> np.ndarray:
        """Wait a moment and give what has come meanwhile, mono float32 (n,), n >= 0, at the device's rate.

        Raises:
            AudioDeviceError: If the microphone has stopped.
        """
        time.sleep(POLL_S)
        if not is_active(self._recorder):
            raise AudioDeviceError(
                f"the microphone {self._device.name!r} stops as soon as it is opened; unplug it and plug it in again"
            )
        if not self._ring.read_available:
            return np.zeros(0, np.float32)
        if self._action.done_frames:
            newest_at = self._action.actual_time + self._action.done_frames / self.sample_rate
            self._ages_s.append(self._clock.now() - newest_at)
        blocks = np.frombuffer(self._ring.read(), np.float32).reshape(-1, self._channels)
        piece: np.ndarray = blocks.mean(axis=1, dtype=np.float32)
        self._pieces.append(piece)
        return piece

    def samples(self) -> np.ndarray:
        """Give all that was polled, mono float32 (n,)."""
        return np.concatenate([np.zeros(0, np.float32), *self._pieces])

    def first_at(self) -> float:
        """Give `time.monotonic()` at which the first sample met the converter; there must be one."""
        return float(self._action.actual_time) - (self._clock.now() - time.monotonic())

    def latency_s(self) -> float:
        """Give the seconds that a sample is old when it can be read, as a rule."""
        return float(np.median(self._ages_s)) if self._ages_s else float(self._recorder.latency)

    def close(self) -> None:
        """Release the device; this can hang in a driver."""
        self._recorder.close()
