"""A file on its way to a transcript: its sound, and the journal that a later run goes on from."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

from voicechat.audio.file_decoder import FileDecoder
from voicechat.audio.file_input import STDIN, check_stdin, input_label, may_wait, open_input
from voicechat.audio.pipe_reader import PipeReader
from voicechat.speech.assembly import Piece
from voicechat.transcripts.journal import Journal, Key
from voicechat.types import Notice, Recognized


class FileRecording:
    """One input of `transcribe-file`.

    Attributes:
        path: as it was given; '-' is standard input.
        live: it is a pipe.
        split: its channels are different speakers.
        duration_s: how long it says it is, None if it does not or was not opened yet.
    """

    def __init__(
        self,
        path: str,
        *,
        split: bool = False,
        raw_rate: int | None = None,
        notify: Callable[[Notice], None],
        journal: Path | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Set up; nothing is opened yet.

        Args:
            raw_rate: Hz of standard input if it is raw 16-bit mono PCM.
            notify: gets what the user should know: a damaged place, samples that were no numbers.
            journal: where to keep what is recognized; None for nowhere.
            settings: what decides on the result besides the file, as JSON can hold it.
        """
        self.path = path
        self.live = False
        self.split = split
        self.duration_s: float | None = None
        self._raw_rate = raw_rate if path == STDIN else None
        self._notify = notify
        self._journal_path = journal
        self._settings = settings or {}
        self._journal: Journal | None = None

    def check(self) -> None:
        """Look whether this is audio, before anything that takes long.

        Raises:
            AudioFileError: If it is not.
        """
        if self.path == STDIN:
            check_stdin()
        elif not may_wait(self.path):
            FileDecoder(open_input(self.path), label=input_label(self.path), notify=self._notify).close()

    def blocks(self) -> Generator[tuple[float, np.ndarray], None, None]:
        """Yield its sound: seconds from the start, and float32 (n_channels, n) at 16 kHz.

        Raises:
            AudioFileError: If it cannot be read, or read on, or its journal cannot be opened.
        """
        if self.path == STDIN:
            check_stdin()
        file = open_input(self.path)
        self.live = isinstance(file, PipeReader)
        label = input_label(self.path)
        with closing(FileDecoder(file, label=label, notify=self._notify, raw_rate=self._raw_rate)) as decoder:
            self.duration_s = decoder.duration_s
            if self._journal_path is not None and not self.live:
                self._journal = Journal(self._journal_path, {**self._settings, "recording": self._identity()})
            for block in decoder.blocks(split=self.split):
                yield block.at_s, block.channels

    def recall(self, piece: Piece) -> Recognized | None:
        """Give what an earlier run has recognized of a piece; None if none has."""
        return None if self._journal is None else self._journal.recall(_key(piece))

    def keep(self, piece: Piece, recognized: Recognized) -> None:
        """Keep what was recognized of a piece.

        Raises:
            AudioFileError: If it cannot be written.
        """
        if self._journal is not None:
            self._journal.keep(_key(piece), recognized)

    def forget(self) -> None:
        """Delete the journal: the transcript is written."""
        if self._journal is not None:
            self._journal.remove()

    def close(self) -> None:
        """Close the journal, which stays for a later run. Idempotent."""
        if self._journal is not None:
            self._journal.close()

    def _identity(self) -> list[int]:
        """Give what changes when the file does."""
        status = os.stat(self.path)
        return [status.st_size, status.st_mtime_ns]


def _key(piece: Piece) -> Key:
    return piece.channel, piece.stretch.start, len(piece.stretch.samples)
