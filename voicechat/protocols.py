"""The roles that a talk is made of. Any object of the right shape fits; nothing inherits from these."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from voicechat.types import (
    AudioChunk,
    CancelToken,
    Loudness,
    Message,
    Notice,
    Pause,
    Recognized,
    ReplyEvent,
    Transcript,
    TurnDone,
)
from voicechat.utterance import Utterance


class AudioSource(Protocol):
    """Where the user's voice comes from: a microphone, files, a socket.

    Attributes:
        latency_s: seconds between a sound and its sample leaving `read()`; 0 for a file.
    """

    @property
    def latency_s(self) -> float: ...

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        """Wait for audio: float32 (n,), n >= 1, mono at 16 kHz. None at the end of the input or once closed.

        Args:
            unhurried: nothing is going on, so that a device may wait for a longer block; many small ones cost more.

        Raises:
            AudioDeviceError: If the device is gone and is not waited for.
            AudioFileError: If the file cannot be read on.
        """
        ...

    def discard(self) -> None:
        """Forget what was captured and not read yet; a file, which waits for its reader, forgets nothing."""
        ...

    def close(self) -> None:
        """Release the device; a blocked `read()` gives None. Idempotent, from any thread."""
        ...


class AudioSink(Protocol):
    """Where the reply goes: a speaker, a file, a socket. It counts in seconds since it was opened.

    Attributes:
        first_heard_at: `time.monotonic()` at which the first sample of the reply was heard, None if none was yet. A
            reply ends with `finish()` or `flush()`; the value stays until the next `write()`.
    """

    @property
    def first_heard_at(self) -> float | None: ...

    def write(self, chunk: AudioChunk, cancel: CancelToken) -> None:
        """Queue a chunk of any rate; block while about 2 s are waiting. Gives up silently once `cancel` is set.

        Raises:
            AudioDeviceError: If the device is gone and is not waited for.
            AudioFileError: If the file cannot be written.
        """
        ...

    def finish(self, cancel: CancelToken) -> None:
        """Wait until all that was written has been heard, or `cancel` is set."""
        ...

    def flush(self) -> None:
        """Stop the sound now and forget what was not heard; what comes next is at full loudness. From any thread."""
        ...

    def set_loudness(self, loudness: Loudness) -> None:
        """Let the reply through in full, quietly, or not at all; nothing of it is lost. From any thread.

        Nobody interrupts a file, so that it need not do anything.
        """
        ...

    def heard_s(self) -> float:
        """Give the seconds of reply heard since the sink was opened; what a flush dropped was not heard."""
        ...

    def close(self) -> None:
        """Release the device or complete the file. Idempotent, from any thread."""
        ...


class VoiceActivityDetector(Protocol):
    """Tells speech from other sound, one frame at a time.

    Attributes:
        frame_samples: how many samples at 16 kHz it takes at once.
    """

    frame_samples: int

    def probability(self, frame: np.ndarray) -> float:
        """Give how likely speech is in `frame`, float32 (frame_samples,) at 16 kHz, between 0 and 1."""
        ...

    def reset(self) -> None:
        """Forget the signal so far, but not what was learnt about the room's noise."""
        ...


class TurnDetector(Protocol):
    """Tells a pause to think from the end of a turn."""

    def probability(self, pause: Pause) -> float:
        """Give how likely it is that the user has said all, between 0 and 1; 0.5 if there is nothing to go by.

        Asked once or a few times in a pause, by the thread that listens: it may take some tens of milliseconds.

        Raises:
            ModelError: If a model fails.
        """
        ...

    def close(self) -> None:
        """Release the model. Idempotent."""
        ...


class Transcriber(Protocol):
    """Turns speech into words; models are loaded once and shared, all state of a call is local to it."""

    def transcribe(self, frames: Iterable[np.ndarray]) -> Iterator[Transcript]:
        """Yield partial transcripts while the frames (float32 (n,) at 16 kHz) come, then exactly one final one."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class BatchTranscriber(Protocol):
    """A recognizer that also takes whole pieces of speech, several at once: for files.

    Attributes:
        max_piece_s: the longest piece it takes, in seconds.
        batch_size: how many pieces at once it works best with.
        tells_words: whether it can tell where each word is spoken.
    """

    max_piece_s: float
    batch_size: int
    tells_words: bool

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:
        """Give the words of each piece, float32 (n,) at 16 kHz, in order.

        Args:
            words: also tell where each word is spoken.

        Raises:
            ModelError: If the model fails.
            RemoteError: If a server does.
        """
        ...


class ChatModel(Protocol):
    """Answers a conversation in text."""

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """Yield the reply to the last message, as it comes; closing the generator stops the work."""
        ...

    def close(self) -> None: ...


class Synthesizer(Protocol):
    """Speaks a text."""

    def synthesize(self, text: str) -> Iterator[AudioChunk]:
        """Yield the speech as it comes; closing the generator stops the work."""
        ...

    def close(self) -> None: ...


class Engine(Protocol):
    """Answers an utterance; one engine serves many sessions."""

    def respond(self, utterance: Utterance, history: Sequence[Message]) -> Generator[ReplyEvent, None, None]:
        """Yield the reply to `utterance`, which is called when speech starts and may still grow.

        Checks `utterance.cancel` at each step; cleans up when the generator is closed.

        Raises:
            ModelError: If a model fails.
            RemoteError: If a server does.
        """
        ...

    def close(self) -> None:
        """Release the models. Idempotent."""
        ...


@runtime_checkable
class Announcer(Protocol):
    """A chat model that may speak up by itself: a timer that has run out."""

    def next_announcement_at(self) -> float | None:
        """Give the `time.monotonic()` at which it has something to say, None if nothing is pending."""
        ...

    def announcement(self) -> str:
        """Give the text that is due now, '' if none is; each is given once."""
        ...


@runtime_checkable
class AnnouncingEngine(Protocol):
    """An engine that may speak up by itself."""

    def next_announcement_at(self) -> float | None:
        """Give the `time.monotonic()` at which it has something to say, None if nothing is pending."""
        ...

    def announce(self) -> Generator[ReplyEvent, None, None]:
        """Speak what is due now; yields nothing if nothing is."""
        ...


@runtime_checkable
class TypedEngine(Protocol):
    """An engine that also answers what the user typed."""

    def respond_to_text(
        self, text: str, history: Sequence[Message], cancel: CancelToken
    ) -> Generator[ReplyEvent, None, None]:
        """Yield the reply to `text`; checks `cancel` at each step.

        Raises:
            ModelError: If a model fails.
            RemoteError: If a server does.
        """
        ...


@runtime_checkable
class NoticingEngine(Protocol):
    """An engine of which the user should know something before the first turn."""

    def notices(self) -> Sequence[Notice]:
        """Give what to show at the start of each talk."""
        ...


class TurnRecorder(Protocol):
    """Keeps each turn as it ends."""

    def record(self, done: TurnDone, user_audio: np.ndarray, reply: Sequence[AudioChunk]) -> TurnDone:
        """Save a turn and give it back with the paths filled in.

        Args:
            user_audio: float32 (n,) at 16 kHz.
            reply: what was heard of the reply, in order.

        Raises:
            AudioFileError: If it cannot be written; nothing that was saved before is harmed.
        """
        ...

    def close(self) -> None: ...
