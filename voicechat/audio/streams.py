"""One open stream to a microphone or speaker: C callback, lock-free ring, and an exact count of what passed.

The callback is rtmixer's, in C: it copies between the device and PortAudio's ring buffer and needs neither the
interpreter lock nor memory. What is read below from its structures (`done_frames`, `actual_time`, `blocks`) are
counters and clocks that only it writes. Knows nothing of resampling, lost devices or turns; mixes channels only.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from voicechat.audio.devices import ROLES, Device
from voicechat.errors import AudioDeviceError

BLOCK_MS = 10
CAPTURE_RING_S = 10.0  # how long nobody may read before audio is lost
PLAYBACK_RING_S = 2.0  # how far `write` may run ahead of the speaker
BYTES_PER_SAMPLE = 4  # float32
COMMON_RATES = (48_000, 44_100, 16_000)  # Hz, tried when the device refuses its own
DEVICE_UNAVAILABLE = -9985  # PortAudio: busy or gone, no other format would help
CLOCK_SLACK_S = 2.0  # a converter time further than this from now is a host API that does not know it
logger = logging.getLogger(__name__)


def callback_backend() -> Any:
    """Give the module whose Recorder, Mixer and RingBuffer are used: rtmixer, or its stand-in where it has no wheel."""
    try:
        import rtmixer
    except ImportError:
        from voicechat.audio import python_callback

        logger.warning("rtmixer is not installed: audio may drop out while a model runs")
        return python_callback
    return rtmixer


def driver_error() -> type[Exception]:
    """Give PortAudio's error. Where it is not loaded no stream is real, and none raises it."""
    sounddevice = sys.modules.get("sounddevice")
    return sounddevice.PortAudioError if sounddevice is not None else AudioDeviceError


def formats_to_try(device: Device, sample_rate: int | None) -> Iterator[tuple[int, int]]:
    """Yield (sample rate, channels), the device's own first.

    A sound server offers dozens of channels, of which the first two are real; a microphone array may insist on all.
    """
    rates = dict.fromkeys((sample_rate or device.sample_rate, device.sample_rate, *COMMON_RATES))
    channels = dict.fromkeys((min(device.channels, 2), 1, device.channels))
    for rate in rates:
        for n_channels in channels:
            yield rate, n_channels


def open_native(make: Any, device: Device, *, sample_rate: int | None, buffer_ms: int) -> Any:
    """Open a Recorder or Mixer at the device's own rate and channel count, else at the next best.

    Raises:
        AudioDeviceError: If the device refuses them all.
    """
    reason = ""
    for rate, n_channels in formats_to_try(device, sample_rate):
        try:
            return make(
                device=device.index,
                samplerate=rate,
                channels=n_channels,
                blocksize=rate * BLOCK_MS // 1000,
                latency=buffer_ms / 1000,
            )
        except driver_error() as exc:
            reason = reason or str(exc.args[0])
            if len(exc.args) > 1 and exc.args[1] == DEVICE_UNAVAILABLE:
                break
    raise AudioDeviceError(f"cannot open the {ROLES[device.kind]} {device.name!r}: {reason}")


def start(stream: Any, device: Device) -> None:
    """Start a stream, and close it if it does not.

    Raises:
        AudioDeviceError: If it does not start.
    """
    try:
        stream.start()
    except driver_error() as exc:
        stream.close()
        raise AudioDeviceError(f"cannot start the {ROLES[device.kind]} {device.name!r}: {exc.args[0]}") from exc


def _ring_size(seconds: float, rate: int) -> int:
    """The next power of two, which PortAudio's ring asks for."""
    return 1 << round(seconds * rate - 1).bit_length()


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
        size = _ring_size(CAPTURE_RING_S, self.sample_rate)
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
        return bool(self._recorder.active)

    @property
    def captured_s(self) -> float:
        """How much audio the device has handed over since it was opened."""
        return float(self.n_blocks * self._block_samples / self.sample_rate)

    def read(self) -> np.ndarray:
        """Take what has come: mono float32 (n,) at the device's rate, n >= 0. Never waits."""
        waiting = np.frombuffer(self._ring.read(), np.float32).reshape(-1, self._channels)
        mono = waiting[:, 0] if self._channels == 1 else waiting.mean(axis=1)
        n_stale = min(self._n_stale, len(mono))
        self._n_stale -= n_stale
        self._n_read += len(mono)
        self._rearm()
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
        starts, and then half the buffer is as good a guess as any.
        """
        read_until = self._action.actual_time + self._n_read / self.sample_rate
        age_s = float(self._recorder.time - read_until)
        buffer_s = float(self._recorder.latency)
        return age_s if 0 <= age_s <= buffer_s else buffer_s / 2

    def _rearm(self) -> None:
        """Count what found the ring full, and make the callback go on: it stops at the first block without room."""
        if self._action not in self._recorder.actions:
            stats = self._action.stats
            self._n_blocks_ended += stats.blocks
            self.n_lost += stats.blocks * self._block_samples - self._action.done_frames
            self._n_read = 0  # the ring was full and has just been emptied, so nothing of the ended action is in it
            self._action = self._recorder.record_ringbuffer(self._ring)
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


class _Run:
    """A stretch of sound that the callback played without a gap, and when it is heard."""

    def __init__(self, action: Any) -> None:
        self.action = action
        self._heard_from: float | None = None  # on the stream's clock

    def heard_from(self, now: float, latency_s: float) -> float | None:
        """When its first sample is heard, on the stream's clock; None while the callback has not taken it."""
        if self._heard_from is None and self.action.done_frames:
            told = self.action.actual_time
            self._heard_from = told if abs(told - now) < CLOCK_SLACK_S else now + latency_s
        return self._heard_from

    def n_heard(self, now: float, rate: int, latency_s: float) -> float:
        """How many of its samples have been heard."""
        n_done = self.action.done_frames
        heard_from = self.heard_from(now, latency_s)
        if heard_from is None:
            return 0.0
        n_heard = (now - heard_from) * rate
        if n_heard > n_done:
            # Nothing is heard before it was handed over: the device had run dry, and all that follows is later.
            self._heard_from = now - n_done / rate
        return float(min(max(n_heard, 0.0), n_done))


class PlaybackStream:
    """What one speaker plays. The caller serializes all calls.

    Two streams to the same device, one playing and one in reserve with silence: to stop a sound at once the playing one
    is aborted, and the other, already running, is ready for the next word. (On a sound server a fresh stream can take
    two seconds to its first sample.) A device that cannot be opened twice has no reserve and is started again.

    Attributes:
        sample_rate: Hz, as the device was opened.

    Raises:
        AudioDeviceError: If the device cannot be opened.
    """

    def __init__(self, device: Device, *, buffer_ms: int, sample_rate: int | None = None, backend: Any = None) -> None:
        self._backend = backend or callback_backend()
        self.device = device
        self._mixer = open_native(self._backend.Mixer, device, sample_rate=sample_rate, buffer_ms=buffer_ms)
        self.sample_rate = round(self._mixer.samplerate)
        self.latency_s = float(self._mixer.latency)
        self._channels: int = self._mixer.channels
        start(self._mixer, device)
        self._reserve = self._open_reserve(buffer_ms)
        self._ring = self._new_ring()
        self._runs: list[_Run] = []  # those not yet heard to the end
        self._n_heard_before = 0.0  # in runs that are no longer in the list
        self._first_run: _Run | None = None  # since forget_first
        self._first_heard_at: float | None = None
        self.started_at = time.monotonic()

    @property
    def n_blocks(self) -> int:
        """How often the device has called, the sign that it lives. Private to rtmixer, but only ever counts up."""
        return int(self._mixer._state.stats.blocks)

    @property
    def active(self) -> bool:
        return bool(self._mixer.active)

    def write(self, samples: np.ndarray) -> int:
        """Hand over mono float32 (n,); give how many there was room for. Never waits."""
        room = round(PLAYBACK_RING_S * self.sample_rate) - int(self._ring.read_available)
        n: int = max(0, min(room, len(samples)))
        if n:
            frames = np.repeat(samples[:n, np.newaxis], min(self._channels, 2), axis=1)
            if self._channels > 2:
                frames = np.pad(frames, ((0, 0), (0, self._channels - 2)))
            self._ring.write(np.ascontiguousarray(frames, np.float32))
        self.tend()
        return n

    def tend(self) -> None:
        """See to it that what was written is being played: the callback drops a ring that has run dry."""
        if self._ring.read_available and not (self._runs and self._runs[-1].action in self._mixer.actions):
            run = _Run(self._mixer.play_ringbuffer(self._ring))
            self._runs.append(run)
            self._first_run = self._first_run or run

    def n_heard(self) -> float:
        """How many samples have been heard since it was opened; what an abort dropped is not among them."""
        now = self._mixer.time
        playing = self._mixer.actions
        total = 0.0
        for run in self._runs[:]:
            n_heard = run.n_heard(now, self.sample_rate, self.latency_s)
            if run is self._first_run and self._first_heard_at is None and n_heard > 0:
                self._first_heard_at = time.monotonic() - (now - (run.heard_from(now, self.latency_s) or now))
            if run is self._runs[0] and run.action not in playing and n_heard >= run.action.done_frames:
                self._runs.pop(0)
                self._n_heard_before += n_heard
            else:
                total += n_heard
        return self._n_heard_before + total

    def first_heard_at(self) -> float | None:
        """`time.monotonic()` of the first sample since `forget_first`, None if none was heard yet."""
        self.n_heard()
        return self._first_heard_at

    def forget_first(self) -> None:
        self._first_run = None
        self._first_heard_at = None

    def abort(self) -> None:
        """Silence the speaker at once; what was not heard is forgotten. Playing can go on right away."""
        self._n_heard_before = self.n_heard()
        self._runs.clear()
        self._mixer.abort()
        # The stream is at rest, so its ring may be emptied from here; its action ends when it finds it so. The next
        # words get a ring of their own, which that action knows nothing of.
        self._ring.flush()
        self._ring = self._new_ring()
        stopped = self._mixer
        if self._reserve is not None:
            self._mixer, self._reserve = self._reserve, stopped
        try:
            stopped.start()
        except driver_error() as exc:
            logger.debug("%s: %s", self.device.name, exc)  # not active: whoever keeps this stream will open another

    def close(self) -> None:
        self._mixer.close()
        if self._reserve is not None:
            self._reserve.close()

    def _open_reserve(self, buffer_ms: int) -> Any:
        try:
            reserve = open_native(self._backend.Mixer, self.device, sample_rate=self.sample_rate, buffer_ms=buffer_ms)
            if (round(reserve.samplerate), reserve.channels) != (self.sample_rate, self._channels):
                reserve.close()
                return None
            start(reserve, self.device)
        except AudioDeviceError as exc:
            logger.debug("no reserve stream: %s", exc)
            return None
        return reserve

    def _new_ring(self) -> Any:
        return self._backend.RingBuffer(
            BYTES_PER_SAMPLE * self._channels, _ring_size(PLAYBACK_RING_S, self.sample_rate)
        )
