"""Open what audio is read from: a file, a pipe or standard input; knows nothing of what is in it."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

from voicechat.audio.file_errors import os_reason, printable_path
from voicechat.audio.pipe_reader import PipeReader
from voicechat.errors import AudioFileError

STDIN = "-"


def input_label(path: str) -> str:
    """Give an input's name as messages show it."""
    return "standard input" if path == STDIN else printable_path(path)


def open_input(path: str) -> io.RawIOBase:
    """Open an input; '-' is standard input. What may make its reader wait is a PipeReader.

    Raises:
        AudioFileError: If it is missing, a directory or cannot be read.
    """
    return _open_stdin() if path == STDIN else _open_path(path)


def may_wait(path: str) -> bool:
    """Tell a pipe or device, whose bytes come when they come, from a file; both must be there and readable.

    Raises:
        AudioFileError: If it is missing, a directory or not readable.
    """
    label = printable_path(path)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as exc:
        raise _unreadable(label, exc) from exc
    if stat.S_ISDIR(mode):
        raise AudioFileError(f"cannot read {label}: it is a directory; name the files in it")
    if not os.access(path, os.R_OK):
        raise AudioFileError(f"cannot read {label}: permission denied")
    return not stat.S_ISREG(mode)


def check_stdin() -> None:
    """Refuse a standard input that cannot hold audio.

    Raises:
        AudioFileError: If it is closed, or a terminal.
    """
    try:
        is_terminal = sys.stdin.isatty()
    except (AttributeError, ValueError) as exc:  # None or closed
        raise AudioFileError("cannot read standard input: it is closed") from exc
    if is_terminal:
        raise AudioFileError("cannot read audio from a terminal; pipe it in, as in `voicechat talk --input - < hi.wav`")


def _open_path(path: str) -> io.RawIOBase:
    label = printable_path(path)
    try:
        if not may_wait(path):
            file = io.FileIO(path)
            # PyAV wants a name that is text; of headerless kinds the suffix is all there is to know.
            file.name = "input" + Path(path).suffix.encode("ascii", "ignore").decode()
            return file
        # Without O_NONBLOCK, opening a named pipe would wait for its writer where close() cannot end it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        if hasattr(os, "set_blocking"):  # Windows has it from Python 3.12 on, and no O_NONBLOCK to undo
            os.set_blocking(descriptor, True)
        return PipeReader(descriptor)
    except OSError as exc:
        raise _unreadable(label, exc) from exc


def _open_stdin() -> io.RawIOBase:
    try:
        descriptor = os.dup(sys.stdin.fileno())
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return io.FileIO(descriptor)
        return PipeReader(descriptor)
    except OSError as exc:
        raise _unreadable("standard input", exc) from exc


def _unreadable(label: str, error: OSError | ValueError) -> AudioFileError:
    reason = os_reason(error) if isinstance(error, OSError) else str(error)
    return AudioFileError(f"cannot read {label}: {reason}")
