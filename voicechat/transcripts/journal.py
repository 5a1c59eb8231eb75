"""What was recognized of a recording so far, kept beside its transcript so that a run that was broken off can go on.

One JSON line per piece, on the disk before the next piece begins; above them the settings that they were made with. A
journal of other settings, or of a recording that has changed, is begun anew. The lines are ours alone and may change.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.errors import AudioFileError
from voicechat.transcripts.outputs import beside, unwritable
from voicechat.types import Recognized, Word

FORMAT = 1
ENDING = ".voicechat-part.jsonl"

Key = tuple[int, int, int]  # of a piece: channel, position of its first sample, number of samples


def journal_path(output: Path) -> Path:
    """Give the journal of a transcript: .talk.voicechat-part.jsonl for talk.srt."""
    return beside(output.with_suffix(""), ENDING)


class Journal:
    """The journal of one recording. It is locked: no two runs transcribe one recording to the same place."""

    def __init__(self, path: Path, settings: Mapping[str, object]) -> None:
        """Open a journal, or begin it.

        Args:
            settings: all that decides what is recognized, as JSON can hold it.

        Raises:
            AudioFileError: If it cannot be read or written, or another run holds it.
        """
        self._path = path
        self._known: dict[Key, Recognized] = {}
        head = _line({"format": FORMAT, "settings": settings})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what did not fit on the disk must not be tried again when the file is closed.
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 (closed by close())
        except OSError as exc:
            raise unwritable(path, exc) from exc
        try:
            _lock(self._file)
            self._file.seek(0)
            first, *lines = self._file.read().splitlines(keepends=True) or [b""]
            if first == head:
                self._begin_after(len(first) + self._learn(lines))
            else:
                self._begin_after(0)
                self._write(head)
        except OSError as exc:
            self._file.close()
            if isinstance(exc, BlockingIOError):
                raise AudioFileError(f"another voicechat is at it: {path.name!r} is locked") from exc
            raise unwritable(path, exc) from exc

    def recall(self, key: Key) -> Recognized | None:
        """Give what an earlier run has recognized of a piece; None if none has."""
        return self._known.get(key)

    def keep(self, key: Key, recognized: Recognized) -> None:
        """Write down what was recognized of a piece.

        Raises:
            AudioFileError: If it cannot be written.
        """
        words = [(word.text, word.start_s, word.end_s) for word in recognized.words]
        line = {"piece": key, "text": recognized.text, "language": recognized.language, "words": words}
        try:
            self._write(_line(line))
        except OSError as exc:
            raise unwritable(self._path, exc) from exc

    def close(self) -> None:
        """Close the journal and leave it for a later run."""
        self._file.close()

    def remove(self) -> None:
        """Delete the journal: the transcript is there."""
        if sys.platform == "win32":
            self._file.close()  # what is open cannot be deleted there
        self._path.unlink(missing_ok=True)
        self._file.close()

    def _learn(self, lines: list[bytes]) -> int:
        """Take in what is known, up to a line that was not written to its end; give how many bytes that is."""
        n_bytes = 0
        for line in lines:
            try:
                if not line.endswith(b"\n"):
                    break
                fields: dict[str, Any] = json.loads(line)
                channel, start, n_samples = fields["piece"]
                words = tuple(Word(str(text), float(start_s), float(end_s)) for text, start_s, end_s in fields["words"])
                recognized = Recognized(str(fields["text"]), words, str(fields["language"]))
            except (ValueError, KeyError, TypeError):
                break
            self._known[int(channel), int(start), int(n_samples)] = recognized
            n_bytes += len(line)
        return n_bytes

    def _begin_after(self, n_bytes: int) -> None:
        self._file.truncate(n_bytes)
        self._file.seek(0, os.SEEK_END)

    def _write(self, line: bytes) -> None:
        while line:
            line = line[self._file.write(line) :]
        os.fsync(self._file.fileno())


def _line(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, sort_keys=True).encode() + b"\n"


def _lock(file: io.FileIO) -> None:
    """Hold the file as long as it is open.

    Raises:
        BlockingIOError: If another process does.
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
