"""Replies into an audio file or to standard output, in place of a speaker; knows nothing of turns."""

from __future__ import annotations

import itertools
import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from voicechat.audio.encoder import FORMATS, AudioEncoder
from voicechat.audio.file_errors import os_reason, printable_path
from voicechat.audio.pipe_writer import PipeWriter
from voicechat.errors import AudioFileError, ConfigError
from voicechat.types import AudioChunk, CancelToken, Loudness

STDOUT = "-"
CLOSE_LIMIT_S = 0.5  # for the last bytes, if whoever reads the pipe has stopped
logger = logging.getLogger(__name__)


class FileSink:
    """Writes replies one after another, mono, 16 bit, at the rate of the first chunk; a file hears at once.

    The file grows as `<name>.part` beside its place and takes it when the sink is closed: under its own name there is
    only ever a complete file. A .part that was left behind (a full disk, a crash) plays up to where it ends, and is
    never written to again: the next is `<name>.2.part`. Without any reply no file is made, and one that was there
    stays; standard output gets an empty WAV.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the file.

        Args:
            path: where to; the suffix says the format. '-' is a WAV on standard output.

        Raises:
            ConfigError: If the suffix is none of the known ones.
            AudioFileError: If the place cannot be written to.
        """
        self._path = Path(os.path.realpath(path))  # a link stays a link
        self._to_stdout = os.fspath(path) == STDOUT
        self._label = "standard output" if self._to_stdout else printable_path(path)
        suffix = ".wav" if self._to_stdout else Path(path).suffix.lower()
        if suffix not in FORMATS:
            raise ConfigError(f"cannot write {self._label}: name it with one of {', '.join(FORMATS)}")
        # Where the bytes go until the file is complete; None if they go to their place directly.
        self._part: Path | None = None
        # Serializes writing against close(), which may come from another thread.
        self._lock = threading.Lock()
        self._closed = False  # set without the lock: a write that holds it, because nobody reads the pipe, looks here
        self._done = False  # completed, or failed
        self._heard_s = 0.0
        self._first_heard_at: float | None = None
        self._reply_ended = True  # the next write begins a reply
        self._file = self._open()
        opened = False
        try:
            self._encoder = AudioEncoder(self._file, FORMATS[suffix])
            opened = True
        finally:
            if not opened:  # whatever broke it off
                self._file.close()
                self._remove_part()

    @property
    def first_heard_at(self) -> float | None:
        return self._first_heard_at

    def write(self, chunk: AudioChunk, cancel: CancelToken) -> None:
        """Write a chunk to the file; nothing once `cancel` is set or the sink is closed.

        Blocks while whoever reads a pipe does not, until `cancel` is set; the rest of the chunk then goes before the
        next one, or the stream would be broken.

        Raises:
            AudioFileError: If it cannot be written, as when the disk is full; what was written before stays.
            BrokenPipeError: If nobody reads standard output any more.
        """
        with self._lock:
            if cancel.cancelled or self._closed or not len(chunk.samples):
                return
            try:
                self._encoder.write(chunk)
                if not self._passed_on(lambda: cancel.cancelled or self._closed):
                    return
            except OSError as exc:
                raise self._failure(exc) from exc
            if self._reply_ended:
                self._reply_ended = False
                self._first_heard_at = time.monotonic()
            self._heard_s += chunk.duration_s

    def finish(self, cancel: CancelToken) -> None:  # noqa: ARG002 - a file never makes anyone wait
        """End the reply; all of it is in the file already."""
        self._reply_ended = True

    def flush(self) -> None:
        """End the reply; nothing of it waits that could be forgotten."""
        self._reply_ended = True

    def set_loudness(self, loudness: Loudness) -> None:
        """Nothing: nobody interrupts a file."""

    def heard_s(self) -> float:
        """Give the seconds of reply written since the sink was opened."""
        return self._heard_s

    def close(self) -> None:
        """Complete the file and give it its name. Idempotent, from any thread; it may be broken off and called again.

        A blocked `write()` returns, and what whoever reads a pipe does not take within half a second is abandoned.

        Raises:
            AudioFileError: If it cannot be completed; what was written before stays.
        """
        self._closed = True
        with self._lock:
            if self._done:
                return
            try:
                self._complete()
            except OSError as exc:
                raise self._failure(exc) from exc
            self._done = True

    def _complete(self) -> None:
        """Take all the steps that are not taken yet."""
        if not self._file.closed:
            self._encoder.close()
            if not self._passed_on(lambda: False, limit_s=CLOSE_LIMIT_S):
                logger.debug("%s: nobody read the end", self._label)
            if self._part is not None and self._heard_s > 0:
                os.fsync(self._file.fileno())
            self._file.close()
        if self._heard_s == 0:
            self._remove_part()
        elif self._part is not None:
            os.replace(self._part, self._path)
            self._part = None

    def _passed_on(self, give_up: Callable[[], bool], *, limit_s: float | None = None) -> bool:
        """Hand what is encoded to the operating system; False if nobody takes it."""
        if isinstance(self._file, PipeWriter):
            return self._file.drain(give_up, limit_s=limit_s)
        self._file.flush()
        return True

    def _open(self) -> BinaryIO | PipeWriter:
        try:
            if self._to_stdout:
                return _writer(os.dup(_stdout_descriptor()))
            if self._path.is_dir():
                raise AudioFileError(f"cannot write {self._label}: it is a directory")
            if self._path.exists() and not stat.S_ISREG(self._path.stat().st_mode):
                # A named pipe or device keeps its place. To open a pipe waits for its reader.
                return _writer(os.open(self._path, os.O_WRONLY | getattr(os, "O_BINARY", 0)))
            if self._path.exists() and not os.access(self._path, os.W_OK):
                raise AudioFileError(f"cannot write {self._label}: permission denied")
            return self._open_part()
        except OSError as exc:
            raise AudioFileError(f"cannot write {self._label}: {os_reason(exc)}") from exc

    def _open_part(self) -> BinaryIO:
        """Open a file that was not there: an earlier one may hold the rest of a talk, or be another talk's."""
        for number in itertools.count(1):
            part = self._path.with_name(f"{self._path.name}{'' if number == 1 else f'.{number}'}.part")
            with suppress(FileExistsError):
                file = open(part, "xb")  # noqa: SIM115 (closed by close())
                self._part = part
                return file
        raise AssertionError  # the numbers do not end

    def _failure(self, error: OSError) -> AudioFileError:
        """Give up the file, keeping what is in it, and say so; a reader of standard output that has left is no error.

        Raises:
            BrokenPipeError: If nobody reads standard output any more.
        """
        self._closed = self._done = True
        with suppress(OSError):  # the same error again: what the buffer held did not fit
            self._file.close()
        if self._to_stdout and isinstance(error, BrokenPipeError):
            raise error
        where = ""
        if self._part is not None and self._heard_s > 0:
            where = f"; about the first {self._heard_s:.1f} s are kept in {printable_path(self._part)}"
        else:
            self._remove_part()
        return AudioFileError(f"cannot write {self._label}: {os_reason(error)}{where}")

    def _remove_part(self) -> None:
        if self._part is not None:
            self._part.unlink(missing_ok=True)


def _writer(descriptor: int) -> BinaryIO | PipeWriter:
    """Write to a file as files are written, and to what may make us wait so that the wait can end."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "wb")
    return PipeWriter(descriptor)


def _stdout_descriptor() -> int:
    try:
        return sys.stdout.fileno()
    except (AttributeError, ValueError) as exc:  # None or closed
        raise AudioFileError("cannot write standard output: it is closed") from exc
