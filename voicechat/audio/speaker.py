"""The speaker as an `AudioSink`: plays at the device's own rate, stops within milliseconds, knows what was heard.

The blocks are copied by a C callback (`playback_stream.py`), the device is kept by `stream_keeper.py`. Every sample
stays in a queue here until it was heard, so that a device that went away and came back goes on where it was. Knows
nothing of replies or turns.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from voicechat.audio.devices import Device
from voicechat.audio.echo_reference import EchoReference
from voicechat.audio.gain import Gain
from voicechat.audio.microphone import ignore_notice
from voicechat.audio.playback_stream import PlaybackStream
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.resample import Resampler
from voicechat.audio.stream_keeper import OWNER_LIMIT_S, StreamKeeper
from voicechat.types import CAPTURE_RATE, AudioChunk, CancelToken, Loudness, Notice

POLL_S = 0.01
FIRST_PIECE_S = 0.1  # of a chunk, so that it starts soon
DUCKED_AHEAD_S = 0.3  # how far the device runs ahead of what is heard, so that it is soon loud again
PIECE_S = 1.0  # of the rest: each piece waits for the interpreter some times, whatever its length


def pieces(chunk: AudioChunk) -> Iterator[np.ndarray]:
    """Cut a chunk into a short piece and long ones, float32 (n,) each."""
    start, end = 0, round(FIRST_PIECE_S * chunk.sample_rate)
    while start < len(chunk.samples):
        yield chunk.samples[start:end]
        start, end = end, end + round(PIECE_S * chunk.sample_rate)


class PlayQueue:
    """The samples that were not heard yet, of which the first part is with the device; pure.

    Pieces are never joined: copying lets the interpreter go, and to get it back from a busy model takes time.
    """

    def __init__(self) -> None:
        self._given: deque[np.ndarray] = deque()  # with the device
        self._waiting: deque[np.ndarray] = deque()
        self._n_given = 0
        self.n_waiting = 0  # samples that the device does not have yet

    def __len__(self) -> int:
        return self._n_given + self.n_waiting

    def append(self, samples: np.ndarray) -> None:
        if len(samples):
            self._waiting.append(samples)
            self.n_waiting += len(samples)

    def next_piece(self) -> np.ndarray:
        """Give the first piece that the device does not have, float32 (n,); there must be one."""
        return self._waiting[0]

    def gave(self, n: int) -> None:
        """The device has taken the first `n` of that piece."""
        if n:
            piece = self._waiting.popleft()
            if n < len(piece):
                self._waiting.appendleft(piece[n:])
            self._given.append(piece[:n])
            self._n_given += n
            self.n_waiting -= n

    def heard(self, n: int) -> None:
        """Forget the first `n`; they were with the device."""
        self._n_given -= n
        while n:
            piece = self._given.popleft()
            if n < len(piece):
                self._given.appendleft(piece[n:])
            n -= min(n, len(piece))

    def rewind(self) -> None:
        """The device has lost all that it had."""
        self._waiting.extendleft(reversed(self._given))
        self._given.clear()
        self.n_waiting += self._n_given
        self._n_given = 0

    def take_all(self) -> np.ndarray:
        """Empty the queue and give what was in it, float32 (n,)."""
        samples = np.concatenate([*self._given, *self._waiting, np.zeros(0, np.float32)])
        self.clear()
        return samples

    def clear(self) -> None:
        self._given.clear()
        self._waiting.clear()
        self._n_given = self.n_waiting = 0


class Speaker:
    """Play replies on a speaker.

    `write()` and `finish()` belong to one thread; `flush()`, `heard_s()` and `close()` to any.

    Args:
        wanted: a name, a part of one or an index; None is the default speaker.
        buffer_ms: how much the device itself holds. Small buffers break up when the machine is busy.
        wait: whether to wait for a speaker that went away; otherwise `write()` and `finish()` raise.
        notify: gets a line for the user: a lost device, or one that is back.
        sample_rate: Hz to open the device at, None for its own.
        backend: what copies the blocks, `callback_backend()` by default.
        reference: gets what the device consumes, for an echo canceller.

    Raises:
        AudioDeviceError: If there is no such speaker or it cannot be opened.
    """

    def __init__(
        self,
        portaudio: PortAudio,
        wanted: str | int | None = None,
        *,
        buffer_ms: int = 100,
        wait: bool = True,
        notify: Callable[[Notice], None] = ignore_notice,
        sample_rate: int | None = None,
        backend: object = None,
        reference: EchoReference | None = None,
    ) -> None:
        # Serializes all that is below, and every use of the stream, between write(), finish(), flush() and heard_s().
        self._lock = threading.Lock()
        self._queue = PlayQueue()
        self._n_flushes = 0  # a write that began before a flush must not go on after it
        self._resampler: Resampler | None = None  # of the reply under way
        self._first_heard_at: float | None = None
        self._between_replies = True  # the next write begins one
        self._heard_before_s = 0.0  # on streams that are gone
        self._stream: PlaybackStream | None = None  # the one that the queue's samples went to
        self._loudness = Loudness.FULL
        self._gain = Gain()
        self._n_heard = 0  # on that stream, as far as it is taken out of the queue

        def open_stream(device: Device) -> PlaybackStream:
            return PlaybackStream(
                device, buffer_ms=buffer_ms, sample_rate=sample_rate, backend=backend, reference=reference
            )

        self._keeper = StreamKeeper(portaudio, "output", wanted, open_stream, lock=self._lock, wait=wait, notify=notify)
        self._rate = 0  # Hz, of the queue
        self._adopt(self._keeper.stream)

    @property
    def device(self) -> Device:
        return self._keeper.device

    @property
    def sample_rate(self) -> int:
        """Hz, at which the device runs."""
        return self._rate

    @property
    def first_heard_at(self) -> float | None:
        """`time.monotonic()` at which the reply's first sample was heard; stays until the next reply's `write()`."""
        with self._lock:
            self._settle()
            return self._first_heard_at

    def heard_s(self) -> float:
        """Give the seconds heard since the speaker was opened, by the clock of its converter."""
        with self._lock:
            self._settle()
            return self._heard_before_s + self._n_heard / self._rate

    def write(self, chunk: AudioChunk, cancel: CancelToken) -> None:
        """Queue a chunk of any rate; block while two seconds are waiting. Gives up silently once `cancel` is set.

        Raises:
            AudioDeviceError: If the speaker went away and is not waited for.
        """
        with self._lock:
            n_flushes = self._n_flushes
        for piece in pieces(chunk):
            queued = False
            while True:
                stream = self._keeper.live_stream(lambda: cancel.cancelled)
                if stream is None:
                    return
                with self._lock:
                    if cancel.cancelled or n_flushes != self._n_flushes:
                        return
                    if not queued:
                        self._queue.append(self._convert(piece, chunk.sample_rate))
                        queued = True
                    self._pump(stream)
                    if not self._queue.n_waiting:
                        break
                cancel.wait(POLL_S)

    def finish(self, cancel: CancelToken) -> None:
        """Wait until all that was written has been heard, or `cancel` is set.

        Raises:
            AudioDeviceError: If the speaker went away and is not waited for.
        """
        with self._lock:
            n_flushes = self._n_flushes
            self._end_signal()
        while True:
            with self._lock:
                self._settle()
                if cancel.cancelled or n_flushes != self._n_flushes:
                    return
                if not len(self._queue):
                    self._between_replies = True
                    return
            stream = self._keeper.live_stream(lambda: cancel.cancelled)
            if stream is None:
                return
            with self._lock:
                if n_flushes != self._n_flushes:
                    return
                self._pump(stream)
                remaining_s = len(self._queue) / self._rate
            cancel.wait(min(remaining_s, POLL_S))

    def flush(self) -> None:
        """Silence the speaker now and forget what was not heard. From any thread.

        The device is aborted: merely emptying our own queue would leave its buffer to be heard.
        """
        with self._lock:
            self._n_flushes += 1
            self._settle()
            stream = self._keeper.stream
            if len(self._queue) and stream is not None and stream is self._stream:
                stream.abort()
            self._queue.clear()
            self._between_replies = True
            self._loudness, self._gain = Loudness.FULL, Gain()

    def set_loudness(self, loudness: Loudness) -> None:
        """Play on in full, quietly, or wait; nothing is lost. From any thread.

        To become quieter at once the device, which is far ahead, is aborted and given again what was not heard.
        """
        with self._lock:
            if loudness is self._loudness:
                return
            self._loudness = loudness
            self._gain.turn_to(loudness, self._rate or CAPTURE_RATE)
            stream = self._keeper.stream
            if stream is None or stream is not self._stream or not len(self._queue):
                return
            if loudness is not Loudness.FULL:
                self._settle()
                stream.abort()
                self._settle()
                self._queue.rewind()
            self._pump(stream)

    def close(self) -> None:
        """Release the device; a blocked `write()` or `finish()` returns. Idempotent, some seconds at most.

        A flush would abort the device, which can hang in the driver; to close it silences it, too, and has a limit.
        """
        if self._lock.acquire(timeout=OWNER_LIMIT_S):
            try:
                self._n_flushes += 1
                self._settle()
                self._queue.clear()
                self._between_replies = True
            finally:
                self._lock.release()
        self._keeper.close()

    def _convert(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Bring a piece to the device's rate; the first of a reply begins a signal of its own."""
        if self._between_replies:
            self._between_replies = False
            self._resampler = None
            self._first_heard_at = None
            if self._stream is not None:
                self._stream.forget_first()
        if self._resampler is None or (self._resampler.from_rate, self._resampler.to_rate) != (sample_rate, self._rate):
            self._end_signal()
            self._resampler = Resampler(sample_rate, self._rate)
        return self._resampler.push(samples)

    def _end_signal(self) -> None:
        """Queue what the resampler still holds, at the device's rate, which may have changed since."""
        if self._resampler is not None:
            tail = self._resampler.flush()
            self._queue.append(_resampled(tail, self._resampler.to_rate, self._rate))

    def _pump(self, stream: PlaybackStream) -> None:
        """Take what was heard out of the queue, and give the stream what it has room for."""
        if stream is not self._keeper.stream:
            return
        if stream is not self._stream:
            self._adopt(stream)
        self._settle()
        stream.tend()
        n_taken = 1
        while self._queue.n_waiting and n_taken and self._loudness is not Loudness.HELD:
            piece = self._queue.next_piece()
            if self._loudness is Loudness.DUCKED:
                n_given = len(self._queue) - self._queue.n_waiting
                piece = piece[: max(0, round(DUCKED_AHEAD_S * self._rate) - n_given)]
            n_taken = stream.write(self._gain.applied(piece))
            self._gain.advance(n_taken)
            self._queue.gave(n_taken)

    def _settle(self) -> None:
        stream = self._stream
        if stream is None or stream is not self._keeper.stream:
            return
        n_heard = min(int(stream.n_heard()), self._n_heard + len(self._queue) - self._queue.n_waiting)
        if n_heard > self._n_heard:
            self._queue.heard(n_heard - self._n_heard)
            self._n_heard = n_heard
        if not self._between_replies and self._first_heard_at is None:
            self._first_heard_at = stream.first_heard_at()

    def _adopt(self, stream: PlaybackStream | None) -> None:
        """Go on with a fresh stream: what the one before had not played is played on this one."""
        if stream is None:
            return
        if self._rate:
            self._heard_before_s += self._n_heard / self._rate
            if stream.sample_rate != self._rate:
                self._queue.append(_resampled(self._queue.take_all(), self._rate, stream.sample_rate))
        self._queue.rewind()
        self._n_heard = 0
        self._stream, self._rate = stream, stream.sample_rate


def _resampled(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Give a whole signal at another rate, float32 (m,)."""
    resampler = Resampler(from_rate, to_rate)
    return np.concatenate([resampler.push(samples), resampler.flush()])
