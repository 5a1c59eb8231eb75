"""The roles of a talk, played by small objects without devices or models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence

import numpy as np

from voicechat.endpointer import Endpointer
from voicechat.event_stream import EventStream
from voicechat.listener import Listener
from voicechat.session import Session
from voicechat.types import (
    CAPTURE_RATE,
    AudioChunk,
    AudioDelta,
    CancelToken,
    Message,
    ReplyEvent,
    TextDelta,
    TurnDone,
    UserTranscript,
    Utterance,
)

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
        self.n_discards = 0

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        self._before_block(self._position // self._block)
        if self.closed.is_set() or self._position >= len(self._samples):
            return None
        block = self._samples[self._position : self._position + self._block]
        self._position += len(block)
        return block

    def discard(self) -> None:
        self.n_discards += 1

    def close(self) -> None:
        self.closed.set()


class EndlessSource(ArraySource):
    """Goes on with silence after its array, as a microphone does, until it is closed."""

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        block = super().read()
        if block is None and not self.closed.wait(0.001):
            return silence(0.02)
        return block


class MemorySink:
    """Hears everything at once and keeps it; with `gate`, a write blocks until the gate opens or it is cancelled."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.chunks: list[AudioChunk] = []
        self.calls: list[str] = []
        self.writing = threading.Event()  # set once a write has begun
        self.closed = False
        self.first_heard_at: float | None = None
        self._gate = gate

    def write(self, chunk: AudioChunk, cancel: CancelToken) -> None:
        self.calls.append("write")
        self.writing.set()
        while self._gate is not None and not self._gate.wait(0.001):
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


def make_listener():
    vad = LoudnessVAD()
    frame_ms = vad.frame_samples / CAPTURE_RATE * 1000
    endpointer = Endpointer(min_speech_ms=200, end_silence_ms=500, max_turn_s=30, frame_ms=frame_ms)
    return Listener(vad, endpointer, pre_roll_ms=300)


class Talk:
    """A session with everything that went through it."""

    def __init__(self, source, *, engine=None, sink=None, recorder=None):
        self.source = source
        self.sink = sink or MemorySink()
        self.engine = engine or EchoEngine()
        self.stream = EventStream()
        self.events = []
        self.session = Session(
            source=source,
            sink=self.sink,
            listener=make_listener(),
            load_engine=self.load_engine,
            events=self.stream,
            recorder=recorder,
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
