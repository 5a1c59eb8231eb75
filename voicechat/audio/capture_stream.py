"""One open stream from a microphone: what came, what was lost, and how old it is.

Mixes the channels to one; knows nothing of resampling, lost devices or turns.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from voicechat.audio.devices import Device
from voicechat.audio.streams import (
    BYTES_PER_SAMPLE,
    callback_backend,
    is_active,
    open_native,
    ring_size,
    start,
    stream_time,
)

CAPTURE_RING_S = 10.0  # how long nobody may read before audio is lost


class CaptureStream:
    """What one microphone delivers. One thread at a time calls it.

    Attributes:
        sample_rate: Hz, as the device was opened.
        n_lost: samples (per channel) that found the ring full.

    Raises:
        AudioDeviceError: If the device cannot be opened.
    """

    def __init__(self, device: Device, *, buffer_ms: int, sample_rate: int | None = None, backend: Any = None) -> None:
        backend = backend or callback_backend()
        self._recorder: Any = open_native(backend.Recorder, device, sample_rate=sample_rate, buffer_ms=buffer_ms)
        self.device = device
        self.sample_rate = round(self._recorder.samplerate)
        self.n_lost = 0
        self._channels: int = self._recorder.channels
        self._block_samples: int = self._recorder.blocksize
        self._mix = np.full(self._channels, 1 / self._channels, np.float32)
        size = ring_size(CAPTURE_RING_S, self.sample_rate)
        self._ring = backend.RingBuffer(BYTES_PER_SAMPLE * self._channels, size)
        self._action = self._recorder.record_ringbuffer(self._ring)
        self._n_read = 0  # of the current action
        self._n_blocks_ended: int = 0  # that the actions before the current one saw
        self._n_blocks_missed = 0  # between two actions, as far as already counted in n_lost
        self._n_blocks_unseen = 0  # what the last look suggested
        self._n_stale = 0  # samples to come that were captured before the last discard
        start(self._recorder, device)
        self.started_at = time.monotonic()

    @property
    def n_blocks(self) -> int:
        """How often the device has called, the sign that it lives. Private to rtmixer, but only ever counts up."""
        return int(self._recorder._state.stats.blocks)

    @property
    def n_overflows(self) -> int:
        """How often the device itself has reported lost input."""
        return int(self._recorder._state.stats.input_overflows)

    @property
    def active(self) -> bool:
        return is_active(self._recorder)

    @property
    def captured_s(self) -> float:
        """How much audio the device has handed over since it was opened."""
        return float(self.n_blocks * self._block_samples / self.sample_rate)

    def read(self) -> np.ndarray:
        """Take what has come: mono float32 (n,) at the device's rate, n >= 0. Never waits."""
        if not self._ring.read_available:
            self._count_missed()
            return np.zeros(0, np.float32)
        waiting = np.frombuffer(self._ring.read(), np.float32).reshape(-1, self._channels)
        mono = waiting[:, 0] if self._channels == 1 else waiting @ self._mix
        n_stale = min(self._n_stale, len(mono))
        self._n_stale -= n_stale
        self._n_read += len(mono)
        if len(mono) > len(self._ring) - self._block_samples:
            self._rearm()
        self._count_missed()
        fresh: np.ndarray = mono[n_stale:]
        return fresh

    def discard(self) -> None:
        """Forget all that was captured before this moment, also what is still on its way, and what found no room."""
        n_lost = self.n_lost
        self.read()
        self.n_lost = n_lost
        self._n_blocks_missed = max(self._n_blocks_missed, self._n_blocks_between_actions())
        self._n_blocks_unseen = self._n_blocks_missed
        self._n_stale = round(self.age_s() * self.sample_rate)

    def close(self) -> None:
        self._recorder.close()

    def age_s(self) -> float:
        """Seconds since the newest sample that was read met the converter.

        From the converter's clock where that makes sense; a sound server's is off by up to a second when the stream
        starts, a pulled device has none, and then half the buffer is as good a guess as any.
        """
        buffer_s = float(self._recorder.latency)
        now = stream_time(self._recorder)
        if now is None:
            return buffer_s / 2
        age_s = now - float(self._action.actual_time) - self._n_read / self.sample_rate
        return age_s if 0 <= age_s <= buffer_s else buffer_s / 2

    def _rearm(self) -> None:
        """Count what found the ring full, and make the callback go on: it stops at the first block without room."""
        if self._action in self._recorder.actions:
            return
        stats = self._action.stats
        self._n_blocks_ended += stats.blocks
        self.n_lost += stats.blocks * self._block_samples - self._action.done_frames
        self._n_read = 0  # the ring was full and has just been emptied, so nothing of the ended action is in it
        self._action = self._recorder.record_ringbuffer(self._ring)

    def _count_missed(self) -> None:
        """Count the blocks that came while the ring was full."""
        # The callback counts the stream's block a moment before the action's, so one look may see one too many; two
        # looks in a row do not.
        n_unseen = self._n_blocks_between_actions()
        n_missed = min(n_unseen, self._n_blocks_unseen)
        self._n_blocks_unseen = n_unseen
        if n_missed > self._n_blocks_missed and self._action.done_frames:
            self.n_lost += (n_missed - self._n_blocks_missed) * self._block_samples
            self._n_blocks_missed = n_missed

    def _n_blocks_between_actions(self) -> int:
        """Blocks that came while no action ran; while none runs this still grows."""
        n_seen = self._n_blocks_ended + int(self._action.stats.blocks)
        return max(0, self.n_blocks - n_seen)
