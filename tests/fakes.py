"""The roles of a talk, played by small objects without devices or models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence

import numpy as np

from voicechat.endpointer import Endpointer
from voicechat.event_stream import EventStream
from voicechat.interruption import Step
from voicechat.listener import Listener
from voicechat.session import Session
from voicechat.types import (
    CAPTURE_RATE,
    AudioChunk,
    AudioDelta,
    CancelToken,
    Loudness,
    Message,
    ReplyEvent,
    TextDelta,
    TurnDone,
    UserTranscript,
)
from voicechat.utterance import Utterance

FRAME = 320  # samples: 20 ms


def silence(duration_s: float) -> np.ndarray:
    return np.zeros(round(duration_s * CAPTURE_RATE), np.float32)


def speech(duration_s: float, value: float = 0.5) -> np.ndarray:
    """What `LoudnessVAD` takes for speech; `value` tells one piece from another."""
    return np.full(round(duration_s * CAPTURE_RATE), value, np.float32)


class LoudnessVAD:
    """Calls every frame above 0.1 speech."""

    frame_samples = FRAME

    def probability(self, frame: np.ndarray) -> float:
        return float(np.abs(frame).max() > 0.1)

    def reset(self) -> None:
        pass


class ArraySource:
    """Gives an array block by block, as a file does: it waits for its reader.

    `before_block(index)` runs before each block, so that a test can act, or wait, at a known place.
    """

    latency_s = 0.0

    def __init__(
        self, samples: np.ndarray, *, block: int = 800, before_block: Callable[[int], None] = lambda _: None
    ) -> None:
        self._samples = samples
        self._block = block
        self._before_block = before_block
        self._position = 0
        self.closed = threading.Event()

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        self._before_block(self._position // self._block)
        if self.closed.is_set() or self._position >= len(self._samples):
            return None
        block = self._samples[self._position : self._position + self._block]
        self._position += len(block)
        return block

    def close(self) -> None:
        self.closed.set()


class EndlessSource(ArraySource):
    """Goes on with silence after its array, as a microphone does, until it is closed."""

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        block = super().read()
        if block is None and not self.closed.wait(0.001):
            return silence(0.02)
        return block


class FedSource:
    """Gives what the test feeds it, and claims that it was captured at its pace, however fast it is fed."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()
        self._n_read = 0
        self._blocks: list[np.ndarray] = []
        self._closed = False
        self._waiting = False
        # Serializes all of the above between the test and the reader.
        self._changed = threading.Condition()

    @property
    def latency_s(self) -> float:
        return time.monotonic() - self._started_at - self._n_read / CAPTURE_RATE

    def feed(self, samples: np.ndarray) -> None:
        """Give samples in blocks of one frame, and wait until the session has handled them all."""
        with self._changed:
            self._blocks += [samples[start : start + FRAME] for start in range(0, len(samples), FRAME)]
            self._waiting = False
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._closed or (self._waiting and not self._blocks), TIMEOUT_S)

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        with self._changed:
            self._waiting = not self._blocks
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._blocks or self._closed)
            self._n_read += FRAME
            return self._blocks.pop(0) if self._blocks else None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class CountingInterruptions:
    """Takes 60 ms of loud frames for likely speech, 160 ms for speech, 500 ms for an interruption; 200 ms end it."""

    history_frames = 40

    def __init__(self) -> None:
        self.speech_frames = 0
        self.reset()

    def push(self, frame: np.ndarray, probability: float) -> Step | None:
        is_speech = probability >= 0.5
        self._n_silent = 0 if is_speech else self._n_silent + 1
        self._n_frames += bool(self._n_frames or is_speech)
        if self._n_silent >= 10 and self._n_frames:
            ducked = self._n_frames - self._n_silent >= 3
            self.reset()
            return Step.RELEASE if ducked else None
        if not is_speech:
            return None
        if self._n_frames == 25:
            self.reset()
            self.speech_frames = 25
            return Step.TAKE
        return {3: Step.DUCK, 8: Step.HOLD}.get(self._n_frames)

    def reset(self) -> None:
        self._n_frames = self._n_silent = 0


class MemorySink:
    """Hears everything at once and keeps it.

    With `gate`, all writes but the first `n_free` block until the gate opens or they are cancelled.
    """

    def __init__(self, gate: threading.Event | None = None, *, n_free: int = 0) -> None:
        self.chunks: list[AudioChunk] = []
        self.calls: list[str] = []
        self.writing = threading.Event()  # set once a write has begun
        self.closed = False
        self.first_heard_at: float | None = None
        self._gate = gate
        self._n_free = n_free

    def write(self, chunk: AudioChunk, cancel: CancelToken) -> None:
        self.calls.append("write")
        if self._n_free == 0:
            self.writing.set()
        self._n_free = max(0, self._n_free - 1)
        while self.writing.is_set() and self._gate is not None and not self._gate.wait(0.001):
            if cancel.cancelled:
                return
        if cancel.cancelled:
            return
        self.first_heard_at = self.first_heard_at or time.monotonic()
        self.chunks.append(chunk)

    def finish(self, cancel: CancelToken) -> None:
        self.calls.append("finish")

    def flush(self) -> None:
        self.calls.append("flush")

    def set_loudness(self, loudness: Loudness) -> None:
        self.calls.append(loudness)

    def heard_s(self) -> float:
        return sum(chunk.duration_s for chunk in self.chunks)

    def close(self) -> None:
        self.closed = True


class EchoEngine:
    """Waits for the whole utterance, reports it as text, and replies with `n_chunks` of 0.1 s each."""

    def __init__(self, words: Iterable[str] = (), *, n_chunks: int = 2, fail: BaseException | None = None) -> None:
        self._words = iter(words)
        self._n_chunks = n_chunks
        self._fail = fail
        self.heard: list[np.ndarray] = []
        self.histories: list[tuple[Message, ...]] = []
        self.n_closed_replies = 0

    def respond(self, utterance: Utterance, history: Sequence[Message]) -> Generator[ReplyEvent, None, None]:
        self.histories.append(tuple(history))
        try:
            audio = utterance.audio()
            if utterance.cancel.cancelled:
                return
            self.heard.append(audio)
            if self._fail is not None:
                raise self._fail
            yield UserTranscript(next(self._words, f"{len(audio)} samples"), final=True)
            for index in range(self._n_chunks):
                yield TextDelta(f"word{index} ")
                yield AudioDelta(AudioChunk(np.full(2400, 0.1 * (index + 1), np.float32), 24_000))
        finally:
            self.n_closed_replies += 1

    def close(self) -> None:
        pass


TIMEOUT_S = 10.0


def make_listener(**options):
    vad = LoudnessVAD()
    frame_ms = vad.frame_samples / CAPTURE_RATE * 1000
    endpointer = Endpointer(min_speech_ms=200, end_silence_ms=500, max_turn_s=30, frame_ms=frame_ms)
    return Listener(vad, endpointer, pre_roll_ms=300, **options)


class Talk:
    """A session with everything that went through it."""

    def __init__(self, source, *, engine=None, sink=None, recorder=None, **listener):
        self.source = source
        self.sink = sink or MemorySink()
        self.engine = engine or EchoEngine()
        self.stream = EventStream()
        self.events = []
        self.session = Session(
            source=source,
            sink=self.sink,
            listener=make_listener(**listener),
            load_engine=self.load_engine,
            events=self.stream,
            recorder=recorder,
            turn_by_turn=type(source) is ArraySource,
        )

    def load_engine(self):
        return self.engine

    def run(self):
        self.session.start()
        self.drain()
        self.session.close()
        return self

    def drain(self):
        while not self.stream.ended:
            event = self.stream.next(TIMEOUT_S)
            assert event is not None or self.stream.ended, "the talk hangs"
            if event is not None:
                self.events.append(event)

    def next_of(self, kind, condition=lambda event: True):
        """Wait for an event of this kind."""
        while True:
            event = self.stream.next(TIMEOUT_S)
            assert event is not None, f"no {kind.__name__} came"
            self.events.append(event)
            if isinstance(event, kind) and condition(event):
                return event

    @property
    def done(self):
        return [event for event in self.events if isinstance(event, TurnDone)]
