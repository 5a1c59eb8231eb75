"""The values that pass between the stages of a talk: audio, the utterance, messages, events.

Knows nothing of devices, models, threads or the terminal. Audio is mono float32 in [-1, 1] everywhere inside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
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


@dataclass(frozen=True, eq=False)
class Pause:
    """A silence within a turn, as far as it has come: perhaps the user has said all.

    Attributes:
        audio: float32 (n,) at 16 kHz, the turn so far, the pause included.
        silence_s: how much at the end of `audio` is pause, as the voice activity detector has it.
        words: what was understood of the turn so far; None if nobody listens to words.
    """

    audio: np.ndarray
    silence_s: float
    words: str | None = None


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


@dataclass(frozen=True)
class Word:
    """A word and where it is spoken, in seconds from the start of the audio it was recognized in."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Recognized:
    """The words of one piece of audio."""

    text: str
    words: tuple[Word, ...] = ()  # where the recognizer tells and was asked
    language: str = ""  # ISO 639-1, where the recognizer tells


@dataclass(frozen=True)
class Segment:
    """A timed piece of a file's transcript; all times are seconds from the start of the file."""

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()  # where they are known
    speaker: str = ""  # where they are told apart
    language: str = ""  # ISO 639-1, where the recognizer tells


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


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True)
class Notice:
    """A line the user should know: which assistant is live, a device that went away, audio that was lost."""

    text: str
    severity: Severity = Severity.INFO


ReplyEvent = UserTranscript | TextDelta | AudioDelta | Notice

# What a session tells --------------------------------------------------------------------------


class Loudness(StrEnum):
    """How much of the reply is let through while it is unclear whether the user interrupts it."""

    FULL = "full"
    DUCKED = "ducked"  # quiet: somebody may be speaking
    HELD = "held"  # silent, and waiting where it was: somebody speaks


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


@dataclass(frozen=True)
class Latency:
    """How long after the user's last speech frame each thing happened, in milliseconds; None if it never did."""

    end_of_turn_ms: float | None = None
    first_text_ms: float | None = None
    first_audio_ms: float | None = None
    first_sound_ms: float | None = None  # heard at the speaker, its own buffer included


class Outcome(StrEnum):
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"  # stopped by the user, or by the end of the talk; reply_text is what was heard
    DROPPED = "dropped"  # no speech after all
    CONTINUED = "continued"  # the user went on before anything was heard; the next turn holds what they said so far
    FAILED = "failed"  # the engine raised, or could not be loaded; the session ends with its error


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
