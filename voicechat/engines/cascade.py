"""Three parts in a row: a recognizer, a chat model that answers its words, and a voice that speaks the answer.

Knows the roles of the three, and no particular one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from voicechat.protocols import Announcer, ChatModel, Synthesizer, Transcriber
from voicechat.sentences import sentences
from voicechat.types import AudioDelta, CancelToken, Message, ReplyEvent, TextDelta, UserTranscript
from voicechat.utterance import Utterance

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """None of its own: its parts have theirs."""


class CascadeEngine:
    """Recognize while the user speaks, then answer sentence by sentence. It owns its three parts."""

    def __init__(self, transcriber: Transcriber, chat_model: ChatModel, synthesizer: Synthesizer) -> None:
        self._transcriber = transcriber
        self._chat_model = chat_model
        self._synthesizer = synthesizer

    def respond(self, utterance: Utterance, history: Sequence[Message]) -> Generator[ReplyEvent, None, None]:
        """Yield what the user says as it is understood, then each sentence of the reply: its text, its audio.

        If no words were understood, the chat model is asked all the same, with "": what to say then is its to know.

        Raises:
            ModelError: If a part fails.
            RemoteError: If a server does.
        """
        words = ""
        with _closed(self._transcriber.transcribe(utterance)) as transcripts:
            for transcript in transcripts:
                if utterance.cancel.cancelled:
                    return
                words = transcript.text
                yield UserTranscript(words, final=transcript.final)
        if utterance.cancel.cancelled:
            return
        yield from self.respond_to_text(words, history, utterance.cancel)

    def respond_to_text(
        self, text: str, history: Sequence[Message], cancel: CancelToken
    ) -> Generator[ReplyEvent, None, None]:
        """Yield the reply to typed words, as to spoken ones.

        Raises:
            ModelError: If a part fails.
            RemoteError: If a server does.
        """
        with _closed(self._chat_model.stream([*history, Message("user", text)])) as deltas:
            yield from self._spoken(deltas, cancel)

    def next_announcement_at(self) -> float | None:
        """Give the `time.monotonic()` at which the chat model has something to say by itself, None if never."""
        return self._chat_model.next_announcement_at() if isinstance(self._chat_model, Announcer) else None

    def announce(self) -> Generator[ReplyEvent, None, None]:
        """Speak what the chat model has to say by itself; yields nothing if that is nothing."""
        if isinstance(self._chat_model, Announcer) and (text := self._chat_model.announcement()):
            yield from self._spoken([text], CancelToken())

    def close(self) -> None:
        """Close the three parts, the last in the flow first, all of them even if one cannot be. Idempotent."""
        with ExitStack() as parts:
            for part in (self._transcriber, self._chat_model, self._synthesizer):
                parts.callback(part.close)

    def _spoken(self, deltas: Iterable[str], cancel: CancelToken) -> Iterator[ReplyEvent]:
        separator = ""
        for sentence in sentences(_until_cancelled(deltas, cancel)):
            if cancel.cancelled:
                return
            yield TextDelta(separator + sentence)
            separator = " "
            with _closed(self._synthesizer.synthesize(sentence)) as chunks:
                for chunk in chunks:
                    if cancel.cancelled:
                        return
                    yield AudioDelta(chunk)


def load(backend: Callable[[str], Any], _options: Options = Options()) -> CascadeEngine:
    """Make the engine of the configured parts.

    Args:
        backend: gives the loaded part of a kind: "asr", "llm" or "tts".

    Raises:
        ConfigError: If an option of a part cannot be.
        ModelError: If a part cannot be loaded; those that were are closed.
    """
    with ExitStack() as loaded:
        parts = []
        for kind in ("asr", "llm", "tts"):
            parts.append(backend(kind))
            loaded.callback(parts[-1].close)
        loaded.pop_all()
    return CascadeEngine(*parts)


@contextmanager
def _closed(stream: Iterator[T]) -> Iterator[Iterator[T]]:
    """Close a generator when its reader stops early; the protocols promise no more than an iterator."""
    try:
        yield stream
    finally:
        if isinstance(stream, Generator):
            stream.close()


def _until_cancelled(deltas: Iterable[str], cancel: CancelToken) -> Iterator[str]:
    """Pass deltas on, so that a model that writes a long sentence is not waited for in vain."""
    for delta in deltas:
        if cancel.cancelled:
            return
        yield delta
