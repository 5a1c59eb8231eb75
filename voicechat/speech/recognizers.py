"""Who recognizes the pieces of a recording: one recognizer in this process; others, elsewhere, have the same shape.

Batches are handed in and come back when they are done, in any order. Knows nothing of recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from voicechat.errors import ConfigError, VoiceChatError
from voicechat.protocols import BatchTranscriber, Transcriber
from voicechat.types import Recognized

ONE_BY_ONE_S = 30.0  # the longest piece for a recognizer that does not say what it takes

Result = list[Recognized] | VoiceChatError


class Recognizers(Protocol):
    """Recognizers, wherever they run.

    Attributes:
        max_piece_s: the longest piece they take, in seconds.
        batch_size: how many pieces at once they work best with.
        n_at_once: how many batches may be under way.
    """

    max_piece_s: float
    batch_size: int
    n_at_once: int

    def submit(self, key: int, pieces: Sequence[np.ndarray]) -> None:
        """Hand in a batch.

        Args:
            key: told with the result.
            pieces: float32 (n,) at 16 kHz each.
        """
        ...

    def take(self, *, wait: bool) -> tuple[int, Result] | None:
        """Give the key and the result of a batch that is done, or the error that it ended with.

        Args:
            wait: for the next one; only while one is under way. Else None if none is done.

        Raises:
            ConfigError: If no recognizer can be made.
            ModelError: Likewise.
        """
        ...

    def close(self) -> None:
        """End all work at once. Idempotent."""
        ...


class OneByOne:
    """Gives a recognizer that knows no pieces the shape of one that does; it tells no word times."""

    max_piece_s = ONE_BY_ONE_S
    batch_size = 1
    tells_words = False

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:  # noqa: ARG002
        """Give the words of each piece, float32 (n,) at 16 kHz, in order."""
        texts = []
        for piece in pieces:
            text = ""
            for transcript in self._transcriber.transcribe([piece]):
                text = transcript.text
            texts.append(Recognized(text))
        return texts

    def close(self) -> None:
        self._transcriber.close()


def batch_transcriber(transcriber: Transcriber) -> BatchTranscriber:
    """Give a recognizer as one that takes pieces."""
    return transcriber if isinstance(transcriber, BatchTranscriber) else OneByOne(transcriber)


class OneRecognizer:
    """A recognizer in this process: it works while its result is waited for."""

    n_at_once = 1

    def __init__(self, transcriber: Transcriber, *, words: bool) -> None:
        """Take over a recognizer: it is closed with this object.

        Args:
            words: ask for the times of words, of a recognizer that tells them.
        """
        self._close = transcriber.close
        self._batch = batch_transcriber(transcriber)
        self.max_piece_s = self._batch.max_piece_s
        self.batch_size = self._batch.batch_size
        self._words = words and self._batch.tells_words
        self._waiting: list[tuple[int, Sequence[np.ndarray]]] = []

    def submit(self, key: int, pieces: Sequence[np.ndarray]) -> None:
        self._waiting.append((key, pieces))

    def take(self, *, wait: bool) -> tuple[int, Result] | None:
        if not wait or not self._waiting:
            return None
        key, pieces = self._waiting.pop(0)
        return key, recognize(self._batch, pieces, words=self._words)

    def close(self) -> None:
        self._waiting.clear()
        self._close()


def recognize(transcriber: BatchTranscriber, pieces: Sequence[np.ndarray], *, words: bool) -> Result:
    """Recognize a batch; an error that a file can have, and not the whole run, is a result.

    Raises:
        ConfigError: If a setting turns out to be one that cannot be.
    """
    try:
        return transcriber.transcribe_pieces(pieces, words=words)
    except ConfigError:
        raise
    except VoiceChatError as error:
        return error
