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


class Draft:
    """An utterance as it was when the user paused: worth working on, and perhaps all of it.

    Attributes:
        audio: float32 (n,) at 16 kHz, from the pre-roll to the pause.
    """

    def __init__(self, audio: np.ndarray, changed: threading.Condition, cancel: CancelToken) -> None:
        self.audio = audio
        self._changed = changed  # the utterance's: guards the two below
        self._cancel = cancel
        self._final = False  # the user said no more
        self._stale = False  # the user went on

    @property
    def stale(self) -> bool:
        """Whether work on this draft is in vain: the user went on, or the utterance was cancelled."""
        return self._stale or self._cancel.cancelled

    @property
    def final(self) -> bool:
        """Whether the turn is over and this is all of it."""
        return self._final

    def wait(self) -> bool:
        """Block until it is known whether this is all: True if it is, False if it is stale."""
        with self._changed:
            self._changed.wait_for(lambda: self._final or self.stale)
            return self._final and not self._cancel.cancelled

    def settle(self, *, final: bool) -> None:
        """Say what became of it; called by its utterance, under the condition."""
        self._final, self._stale = final, not final
        self._changed.notify_all()


class Utterance:
    """What the user is saying: it grows while they speak, then ends, or is dropped (a cough).

    One thread (the listener) pushes; any number of threads read, each from the first frame on.

    Attributes:
        cancel: set by the listener on barge-in, drop or shutdown; it also ends every wait on this utterance.
        started_at: `time.monotonic()` of the first speech frame.
        ended_at: `time.monotonic()` of the last speech frame, None while the user speaks; zero of every latency.
        turn_ended_at: `time.monotonic()` at which the end of the turn was decided, None until then.
        speech_s: from the first speech frame to the last in seconds of audio, however fast it was read.
        words: what an engine has understood so far, '' while it has not, or if it understands no words.
    """

    def __init__(self, *, started_at: float | None = None) -> None:
        self.cancel = CancelToken()
        self.started_at = time.monotonic() if started_at is None else started_at
        self.ended_at: float | None = None
        self.turn_ended_at: float | None = None
        self.speech_s = 0.0
        self.words = ""
        self._earlier_speech_s = 0.0  # in the utterance that this one continues
        self._frames: list[np.ndarray] = []
        self._finished = False
        self._draft: Draft | None = None  # of the pause under way, or of the end
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
            self.speech_s = self._earlier_speech_s + speech_s
            self.turn_ended_at = time.monotonic()
            self._finished = True
            if self._draft is None:
                self._draft = self._new_draft()
            self._draft.settle(final=True)

    def pause(self) -> None:
        """Tell that the user may have said all: from here on engines may begin to work. Called by the listener."""
        with self._changed:
            assert self._draft is None
            self._draft = self._new_draft()
            self._changed.notify_all()

    def resume(self) -> None:
        """Tell that the user goes on after all; what was begun is in vain. Called by the listener."""
        with self._changed:
            assert self._draft is not None
            self._draft.settle(final=False)
            self._draft = None

    def drafts(self) -> Iterator[Draft]:
        """Yield a draft at each pause; the last one, unless the utterance is cancelled, turns out to be final.

        An engine works on a draft as long as it is not stale, and then waits for what becomes of it.
        """
        seen: Draft | None = None
        while True:
            with self._changed:
                while (self._draft is None or self._draft is seen) and not self._finished and not self.cancel.cancelled:
                    self._changed.wait()
                if self.cancel.cancelled or self._draft is None or self._draft is seen:
                    return
                seen = self._draft
            yield seen

    def continues(self, earlier: Utterance) -> None:
        """Put the audio of an earlier utterance in front: the user had only paused. Before anybody reads this one."""
        audio = earlier.so_far()
        with self._changed:
            assert not self._finished
            self._frames.insert(0, audio)
            self._earlier_speech_s = earlier.speech_s
            self.started_at = earlier.started_at

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
            return self._all_frames()

    def so_far(self) -> np.ndarray:
        """Give what there is without waiting, float32 (n,) at 16 kHz."""
        with self._changed:
            return self._all_frames()

    @property
    def finished(self) -> bool:
        return self._finished

    def _all_frames(self) -> np.ndarray:
        return np.concatenate(self._frames) if self._frames else np.zeros(0, np.float32)

    def _new_draft(self) -> Draft:
        return Draft(self._all_frames(), self._changed, self.cancel)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


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
