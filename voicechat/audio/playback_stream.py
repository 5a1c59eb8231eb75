"""One open stream to a speaker: what was handed over, what was heard, and how it is silenced at once.

Copies one channel to all; knows nothing of resampling, lost devices or turns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from voicechat.audio.devices import Device
from voicechat.audio.echo_reference import Counts, EchoReference, ReferenceTap
from voicechat.audio.streams import (
    BYTES_PER_SAMPLE,
    callback_backend,
    driver_error,
    is_active,
    open_native,
    ring_size,
    start,
    stream_time,
)

PLAYBACK_RING_S = 2.0  # how far `write` may run ahead of the speaker
CLOCK_EVERY_S = 10.0  # by then two clocks are a millisecond apart, at the worst
CLOCK_S = 0.001
CALLBACK_S = 0.001  # more than a callback takes
CLOCK_SLACK_S = 2.0  # a converter time further than this from now is a host API that does not know it
logger = logging.getLogger(__name__)


class _Run:
    """A stretch of sound that the callback played without a gap, and when it is heard.

    Args:
        blocks: how often the device had called before and after the callback was told of the run.
    """

    def __init__(self, action: Any, blocks: tuple[int, int], block_samples: int, n_blocks: Callable[[], int]) -> None:
        self.action = action
        self._heard_from: float | None = None  # on the stream's clock
        self._earliest_block, self._latest_block = blocks
        self._block_samples = block_samples
        self._n_blocks = n_blocks

    @property
    def n_done(self) -> int:
        return int(self.action.done_frames)

    @property
    def begins_at(self) -> int | None:
        """Which of the device's samples is its first; None while that is not known. It begins with a block."""
        if self._earliest_block < self._latest_block:
            n_own_blocks = int(self.action.stats.blocks)  # read first, so that one block more is the worst
            if not n_own_blocks:
                return None
            begins = max(self._earliest_block, min(self._latest_block, self._n_blocks() - n_own_blocks))
            self._earliest_block = self._latest_block = begins
        return self._earliest_block * self._block_samples

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


class StreamClock:
    """Tell a stream's time from our own clock, and ask PortAudio for it now and then only."""

    def __init__(self, stream: Any, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._monotonic = monotonic
        self._ahead_s: float | None = None
        self._asked_at = 0.0

    def now(self) -> float:
        """Give the time on the stream's clock in seconds; if its device is gone, what it would be."""
        asked_at = self._monotonic()
        if self._ahead_s is None or asked_at - self._asked_at > CLOCK_EVERY_S:
            told = stream_time(self._stream)
            answered_at = self._monotonic()
            # An answer that took long says little about when it was true.
            if told is not None and (self._ahead_s is None or answered_at - asked_at < CLOCK_S):
                self._ahead_s = told - (asked_at + answered_at) / 2
                self._asked_at = answered_at
        # Without any answer our own clock serves: each run then begins when it is first looked at.
        return self._monotonic() + (self._ahead_s or 0.0)


class PlaybackStream:
    """What one speaker plays. The caller serializes all calls.

    To stop a sound at once the stream is aborted, and started again for the next word.

    Each call into the library lets the interpreter go, and to get it back from a busy model can take 100 ms; so what
    can be reckoned from the callback's counters is not asked for.

    Args:
        reference: gets what the device consumes, sample by sample.
        monotonic: `time.monotonic`, or a simulated clock.

    Attributes:
        sample_rate: Hz, as the device was opened.

    Raises:
        AudioDeviceError: If the device cannot be opened.
    """

    def __init__(
        self,
        device: Device,
        *,
        buffer_ms: int,
        sample_rate: int | None = None,
        backend: Any = None,
        reference: EchoReference | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._backend = backend or callback_backend()
        self.device = device
        self._mixer = open_native(self._backend.Mixer, device, sample_rate=sample_rate, buffer_ms=buffer_ms)
        self.sample_rate = round(self._mixer.samplerate)
        self.latency_s = float(self._mixer.latency)
        self._channels: int = self._mixer.channels
        self._block_samples: int = self._mixer.blocksize
        start(self._mixer, device)
        self._ring = self._new_ring()
        self._n_written = 0  # into this ring
        self._n_ended = 0  # of them, played by runs that have left the list
        self._n_played_before = 0  # of them, when tend() last looked
        self._clock = StreamClock(self._mixer, monotonic)
        self._runs: list[_Run] = []  # those not yet heard to the end
        self._n_heard_before = 0.0  # in runs that are no longer in the list
        self._first_run: _Run | None = None  # since forget_first
        self._first_heard_at: float | None = None
        self._reference = reference
        self._tap = self._open_tap(resumed=False)
        self.started_at = self._monotonic()

    @property
    def n_blocks(self) -> int:
        """How often the device has called, the sign that it lives. Private to rtmixer, but only ever counts up."""
        return int(self._mixer._state.stats.blocks)

    @property
    def active(self) -> bool:
        return is_active(self._mixer)

    def write(self, samples: np.ndarray) -> int:
        """Hand over mono float32 (n,); give how many there was room for. Never waits."""
        n_before = self._n_written
        room = round(PLAYBACK_RING_S * self.sample_rate) - (n_before - self._n_played())
        n: int = max(0, min(room, len(samples)))
        if n:
            n = int(self._ring.write(self._frames(samples[:n])))
            self._n_written += n
            if self._tap is not None:
                self._tap.hand(samples[:n])
        # While more than a block of what was there before is still left, the ring never ran dry, and its run goes on.
        if n_before - self._n_played() > self._block_samples:
            self.tend()
        elif n and not self._arm():
            # It still ran, but the callback may just be leaving a ring that it found dry before we wrote.
            time.sleep(CALLBACK_S)
            self._arm()
        return n

    def tend(self) -> None:
        """See to it that what was written is being played. To be called now and then."""
        n_played = self._n_played()
        if n_played == self._n_played_before and n_played < self._n_written:
            self._arm()
        self._n_played_before = n_played

    def n_heard(self) -> float:
        """How many samples have been heard since it was opened; what an abort dropped is not among them."""
        now = self._clock.now()
        total = 0.0
        for run in self._runs[:]:
            heard_from = run.heard_from(now, self.latency_s)
            if self._tap is not None and heard_from is not None and run.begins_at is not None:
                self._tap.heard(run.begins_at, self._monotonic() - (now - heard_from))
            if run is self._first_run and self._first_heard_at is None and heard_from is not None and heard_from <= now:
                self._first_heard_at = self._monotonic() - (now - heard_from)
            n_heard = run.n_heard(now, self.sample_rate, self.latency_s)
            if run is not self._runs[-1] and n_heard >= run.action.done_frames:  # all but the last have ended
                self._runs.remove(run)
                self._n_ended += run.action.done_frames
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
        with suppress(driver_error()):
            self._mixer.abort()
        self._end_tap()
        self._runs.clear()
        self._n_written = self._n_ended = self._n_played_before = 0
        # The stream is at rest, so its ring may be emptied from here; its action ends when it finds it so. The next
        # words get a ring of their own, which that action knows nothing of.
        self._ring.flush()
        self._ring = self._new_ring()
        try:
            self._mixer.start()
        except driver_error() as exc:
            logger.debug("%s: %s", self.device.name, exc)  # not active: whoever keeps this stream will open another
        self._tap = self._open_tap(resumed=True)

    def _frames(self, samples: np.ndarray) -> np.ndarray:
        """Spread float32 (n,) over the channels, the first two of them if there are more: (n, n_channels)."""
        if self._channels == 1:
            return np.ascontiguousarray(samples, np.float32)
        frames = np.zeros((len(samples), self._channels), np.float32)
        frames[:, :2] = samples[:, np.newaxis]
        return frames

    def _n_played(self) -> int:
        """How much of this ring the callback has taken."""
        return self._n_ended + sum(int(run.action.done_frames) for run in self._runs)

    def _arm(self) -> bool:
        """Begin a new run if the last one has ended: the callback drops a ring that it finds dry."""
        if self._runs and self._runs[-1].action in self._mixer.actions:
            return False
        n_blocks_before = self.n_blocks
        action = self._mixer.play_ringbuffer(self._ring)
        run = _Run(action, (n_blocks_before, self.n_blocks), self._block_samples, lambda: self.n_blocks)
        self._runs.append(run)
        if self._tap is not None:
            self._tap.begin_run(run)
        self._first_run = self._first_run or run
        return True

    def close(self) -> None:
        self._end_tap()
        self._mixer.close()

    def _open_tap(self, *, resumed: bool) -> ReferenceTap | None:
        """From here on tell what the device consumes."""
        if self._reference is None:
            return None
        return self._reference.open(self.sample_rate, self.latency_s, self._count, resumed=resumed)

    def _count(self) -> Counts:
        """Read the callback's counters. From any thread, also when the stream is closed."""
        n_blocks = self.n_blocks  # counted when a block begins; all but the newest are complete
        n_dry = int(self._mixer._state.stats.output_underflows)
        return Counts(n_blocks * self._block_samples, max(0, n_blocks - 1) * self._block_samples, n_dry)

    def _end_tap(self) -> None:
        """Tell that nothing more is heard, also of what the device has got already."""
        if self._tap is None:
            return
        now = self._clock.now()
        n_heard = None
        for run in self._runs:
            n_heard_of_it = run.n_heard(now, self.sample_rate, self.latency_s)
            if run.begins_at is not None and n_heard_of_it < run.n_done:
                n_heard = run.begins_at + int(n_heard_of_it)
                break
        self._tap.end(n_heard)

    def _new_ring(self) -> Any:
        return self._backend.RingBuffer(BYTES_PER_SAMPLE * self._channels, ring_size(PLAYBACK_RING_S, self.sample_rate))
