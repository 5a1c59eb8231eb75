"""Audio files and standard input in place of a microphone; knows nothing of turns, only to pause between files."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from voicechat.audio.file_decoder import FASTEST_RATE, SLOWEST_RATE, FileDecoder
from voicechat.audio.file_errors import printable_path
from voicechat.audio.file_input import STDIN, check_stdin, input_label, may_wait, open_input
from voicechat.audio.pipe_reader import PipeReader
from voicechat.errors import AudioFileError, ConfigError
from voicechat.types import CAPTURE_RATE, Notice

CHUNK_SAMPLES = 320  # 20 ms
PAUSE_S = 0.2  # a reader that stays away longer has stopped the clock; shorter, it may catch up
CLOSE_TIMEOUT_S = 1.0  # for a reader that hangs in the operating system


class FileSource:
    """Reads files one after another, each with a pause behind it so that its last turn ends before the next begins.

    Everything is streamed: an hours-long file takes no more memory than a short one. The same files always give the
    same chunks. All files are looked at before the first is read, so that a wrong name fails at once.

    Attributes:
        latency_s: 0, for a file is never late.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        notify: Callable[[Notice], None],
        gap_s: float = 0.8,
        input_rate: int | None = None,
        realtime: bool = False,
    ) -> None:
        """Check the inputs.

        Args:
            paths: files of any kind that PyAV reads; '-' is standard input.
            notify: gets what the user should know: a damaged place, samples that were no numbers.
            gap_s: seconds of silence between two files, a bit more than ends a turn.
            input_rate: Hz of standard input if it is raw signed 16-bit little-endian mono, None if it has a header.
            realtime: give each chunk no sooner than a microphone would; the clock stands still while nobody reads.

        Raises:
            AudioFileError: If a file is missing, empty, not readable or not audio.
            ConfigError: If standard input is named twice, or `input_rate` cannot be.
        """
        self.latency_s = 0.0
        self._paths = [os.fspath(path) for path in paths]
        self._notify = notify
        self._n_gap_samples = round(gap_s * CAPTURE_RATE)
        self._input_rate = input_rate
        self._realtime = realtime
        self._due_at = 0.0  # time.monotonic() at which the next chunk is whole
        self._closed = threading.Event()
        self._pipe: PipeReader | None = None  # the input that is being read, if it may make us wait
        # Serializes read() and the release of the open file: a decoder must not be closed while it works.
        self._reading = threading.Lock()
        self._check()
        self._chunks = self._all_chunks()

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:  # noqa: ARG002 (a file has no hurry)
        """Give the next 20 ms (less at the end of a file), float32 (n,) at 16 kHz; None at the end or once closed.

        Raises:
            AudioFileError: If a file cannot be read on.
        """
        with self._reading:
            try:
                chunk = None if self._closed.is_set() else next(self._chunks, None)
            except AudioFileError:
                if self._closed.is_set():
                    return None  # cut off in the middle, it may well have looked damaged
                raise
            if chunk is not None and self._realtime:
                self._pace(len(chunk) / CAPTURE_RATE)
            return None if self._closed.is_set() else chunk

    def discard(self) -> None:
        """Do nothing: a file waits for its reader."""

    def close(self) -> None:
        """Close the file; a blocked `read()` gives None. Idempotent, from any thread."""
        self._closed.set()
        pipe = self._pipe
        if pipe is not None:
            pipe.wake()
        # On Windows a wait for standard input cannot be ended; it is left to the end of the process.
        if self._reading.acquire(timeout=CLOSE_TIMEOUT_S):
            try:
                self._chunks.close()
            finally:
                self._reading.release()

    def _check(self) -> None:
        if self._paths.count(STDIN) > 1:
            raise ConfigError("standard input ('-') can be read only once; name it once")
        if self._input_rate is not None:
            if STDIN not in self._paths:
                raise ConfigError("an input rate describes raw audio on standard input; name '-' as the input")
            if not SLOWEST_RATE <= self._input_rate <= FASTEST_RATE:
                raise ConfigError(f"the input rate must be {SLOWEST_RATE} to {FASTEST_RATE} Hz, not {self._input_rate}")
        for path in self._paths:
            if path == STDIN:
                check_stdin()
            elif not may_wait(path):
                FileDecoder(open_input(path), label=printable_path(path), notify=self._notify).close()

    def _all_chunks(self) -> Generator[np.ndarray, None, None]:
        for index, path in enumerate(self._paths):
            if index:
                yield from _in_chunks([np.zeros(self._n_gap_samples, np.float32)])
            with closing(self._decoder(path)) as decoder:
                yield from _in_chunks(decoder.pieces())
            self._pipe = None

    def _decoder(self, path: str) -> FileDecoder:
        from_stdin = path == STDIN
        file = open_input(path)
        if isinstance(file, PipeReader):
            self._pipe = file
            if self._closed.is_set():  # close() may have come too early to see it
                file.wake()
        return FileDecoder(
            file,
            label=input_label(path),
            notify=self._notify,
            raw_rate=self._input_rate if from_stdin else None,
        )

    def _pace(self, duration_s: float) -> None:
        now = time.monotonic()
        if now > self._due_at + PAUSE_S:
            self._due_at = now
        self._due_at += duration_s
        self._closed.wait(max(self._due_at - now, 0))


def _in_chunks(pieces: Iterable[np.ndarray]) -> Generator[np.ndarray, None, None]:
    """Cut pieces of any length into chunks of CHUNK_SAMPLES, the last one shorter."""
    rest = np.zeros(0, np.float32)
    for piece in pieces:
        buffered = np.concatenate([rest, piece]) if len(rest) else piece
        n_whole = len(buffered) - len(buffered) % CHUNK_SAMPLES
        for start in range(0, n_whole, CHUNK_SAMPLES):
            yield buffered[start : start + CHUNK_SAMPLES]
        rest = buffered[n_whole:]
    if len(rest):
        yield rest
