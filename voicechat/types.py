"""The values that pass between the stages of a talk: audio, the utterance, messages, events.

Knows nothing of devices, models, threads or the terminal. Audio is mono float32 in [-1, 1] everywhere inside.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np

CAPTURE_RATE = 16_000  # Hz, of every utterance


@dataclass(frozen=True, eq=False)
class AudioChunk:
    """A piece of audio of any length."""

    samples: np.ndarray  # float32 (n,), in [-1, 1]
    sample_rate: int  # Hz

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate


class CancelToken:
    """Say once, from any thread, that a thing is no longer wanted. It is never reset."""

    def __init__(self) -> None:
        self._event = threading.Event()
        # Serializes registering a callback against cancelling, so that each callback runs exactly once.
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def cancel(self) -> None:
        """Set the token and run its callbacks in this thread. Further calls do nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Run `callback` when the token is cancelled, at once if it is already; it must not block."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until cancelled or for `timeout_s` seconds; give whether it is cancelled."""
        return self._event.wait(timeout_s)


class Utterance:
    """What the user is saying: it grows while they speak, then ends, or is dropped (a cough).

    One thread (the listener) pushes; any number of threads read, each from the first frame on.

    Attributes:
        cancel: set by the listener on barge-in, drop or shutdown; it also ends every wait on this utterance.
        started_at: `time.monotonic()` of the first speech frame.
        ended_at: `time.monotonic()` of the last speech frame, None while the user speaks; zero of every latency.
        turn_ended_at: `time.monotonic()` at which the end of the turn was decided, None until then.
        speech_s: from the first speech frame to the last in seconds of audio, however fast it was read.
    """

    def __init__(self, *, started_at: float | None = None) -> None:
        self.cancel = CancelToken()
        self.started_at = time.monotonic() if started_at is None else started_at
        self.ended_at: float | None = None
        self.turn_ended_at: float | None = None
        self.speech_s = 0.0
        self._frames: list[np.ndarray] = []
        self._finished = False
        # Serializes _frames and _finished between the listener and the readers; notified when either changes.
        self._changed = threading.Condition()
        self.cancel.on_cancel(self._wake)

    def push(self, frame: np.ndarray) -> None:
        """Append audio: float32 (n,) at 16 kHz. Called by the listener only, and never after the end."""
        with self._changed:
            assert not self._finished
            self._frames.append(frame)
            self._changed.notify_all()

    def end(self, *, ended_at: float, speech_s: float) -> None:
        """Declare the turn over.

        Args:
            ended_at: `time.monotonic()` of its last speech frame.
            speech_s: seconds of audio from its first speech frame to its last.
        """
        with self._changed:
            self.ended_at = ended_at
            self.speech_s = speech_s
            self.turn_ended_at = time.monotonic()
            self._finished = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames, float32 (n,) at 16 kHz, as they come; stop at the end of the turn or when cancelled."""
        position = 0
        while True:
            with self._changed:
                while position == len(self._frames) and not self._finished and not self.cancel.cancelled:
                    self._changed.wait()
                if self.cancel.cancelled or position == len(self._frames):
                    return
                frame = self._frames[position]
            position += 1
            yield frame

    def audio(self) -> np.ndarray:
        """Wait for the end and give all of it, float32 (n,) at 16 kHz; when cancelled, what there was."""
        with self._changed:
            self._changed.wait_for(lambda: self._finished or self.cancel.cancelled)
            return np.concatenate(self._frames) if self._frames else np.zeros(0, np.float32)

    @property
    def finished(self) -> bool:
        return self._finished

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


@dataclass(frozen=True)
class Message:
    """One side's words in the history of a talk, as an engine gets them."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class Transcript:
    """What a recognizer has understood so far; the last one of an utterance is final."""

    text: str
    final: bool = False


# What an engine yields -------------------------------------------------------------------------


@dataclass(frozen=True)
class UserTranscript:
    """The user's words as understood so far; each replaces the one before, the final one stays."""

    text: str
    final: bool = False
    turn: int = 0  # filled in by the session; turns count from 1


@dataclass(frozen=True)
class TextDelta:
    """The next words of the reply, spaces included."""

    text: str
    turn: int = 0  # filled in by the session
    at_s: float = 0.0  # where in the reply's audio they begin; filled in by the session


@dataclass(frozen=True, eq=False)
class AudioDelta:
    """The next piece of the reply's audio; it never leaves the session."""

    chunk: AudioChunk


ReplyEvent = UserTranscript | TextDelta | AudioDelta

# What a session tells --------------------------------------------------------------------------


class State(StrEnum):
    """What the assistant is doing right now."""

    LISTENING = "listening"  # waiting for the user to speak
    HEARING = "hearing"  # the user is speaking
    THINKING = "thinking"  # the turn is over, no sound of the reply yet
    SPEAKING = "speaking"


@dataclass(frozen=True)
class StateChanged:
    state: State
    turn: int  # the turn it belongs to; 0 before the first


@dataclass(frozen=True)
class Level:
    """How loud the microphone is, about ten times a second, live talks only."""

    dbfs: float  # RMS against full scale, <= 0; -inf for digital silence
    speech: bool  # whether the VAD hears speech in it


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True)
class Notice:
    """A line the user should know: which assistant is live, a device that went away, audio that was lost."""

    text: str
    severity: Severity = Severity.INFO


@dataclass(frozen=True)
class Latency:
    """How long after the user's last speech frame each thing happened, in milliseconds; None if it never did."""

    end_of_turn_ms: float | None = None
    first_text_ms: float | None = None
    first_audio_ms: float | None = None
    first_sound_ms: float | None = None  # heard at the speaker, its own buffer included


class Outcome(StrEnum):
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"  # stopped by the user; reply_text is what was heard
    DROPPED = "dropped"  # no speech after all, or the talk ended before it began
    FAILED = "failed"  # the engine raised; the session ends with its error


@dataclass(frozen=True)
class TurnDone:
    """The end of a turn; there is exactly one for every utterance and every announcement."""

    turn: int
    user_text: str
    reply_text: str  # only what was heard
    outcome: Outcome
    user_s: float  # how long the user spoke
    reply_s: float  # how long the reply was heard
    latency: Latency = field(default_factory=Latency)
    user_audio: Path | None = None  # where they were saved, with --save
    reply_audio: Path | None = None


SessionEvent = StateChanged | UserTranscript | TextDelta | Level | Notice | TurnDone
