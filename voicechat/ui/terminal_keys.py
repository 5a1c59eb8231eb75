"""The keys of a POSIX terminal, read as they are pressed. Waits without polling."""

from __future__ import annotations

import os
import select
import threading
from typing import TextIO

from voicechat.ui.key_codes import KeyEvent
from voicechat.ui.key_stream import KeyStream
from voicechat.ui.terminal_mode import TerminalMode

_READ_BYTES = 4096
_BACKGROUND_S = 1.0  # between two looks whether we are in the foreground again; no signal tells
_MAX_EMPTY_READS = 8  # in a row: what is always ready and has nothing has hung up


class TerminalKeys:
    """Reads keys from a terminal; one thread reads, another starts, stops and closes."""

    answers = True  # to questions, such as whether it reports releases

    def __init__(self, stdin: TextIO) -> None:
        self._mode = TerminalMode(stdin, key_by_key=True)
        self._stream = KeyStream(stdin.encoding or "utf-8")
        # Serializes a read against setting the terminal: with its own settings, a read would wait for a whole line.
        self._reading = threading.Lock()
        self._closed = False
        self._n_empty_reads = 0
        self._woken, self._waker = os.pipe()

    @property
    def active(self) -> bool:
        """Whether keys are read: not before the start, nor while we are suspended or in the background."""
        return self._mode.active

    def start(self) -> bool:
        """Take the terminal over, again after a `stop`; give whether that could be."""
        with self._reading:
            started = self._mode.start()
        self._wake()
        return started

    def stop(self) -> None:
        """Give the terminal back."""
        with self._reading:
            self._mode.restore()

    def lose(self) -> None:
        """Take note that somebody else may have the terminal now; safe in a signal handler."""
        self._mode.active = False

    def read(self) -> list[KeyEvent] | None:
        """Wait for keys; sometimes none have come; None once closed or hung up."""
        if not self._mode.active:
            select.select([self._woken], [], [])
            return self._unless_closed()
        fd = self._mode.foreground_fd()
        waited_for = [self._woken] if fd is None else [self._woken, fd]
        ready, _, _ = select.select(waited_for, [], [], _BACKGROUND_S if fd is None else self._stream.patience_s)
        if self._woken in ready:
            return self._unless_closed()
        if not ready:
            return self._stream.give_up()
        with self._reading:
            fd = self._mode.foreground_fd() if self._mode.active else None
            if fd is None or not select.select([fd], [], [], 0)[0]:
                return []  # it went to somebody else meanwhile
            try:
                data = os.read(fd, _READ_BYTES)
            except OSError:  # hung up
                return None
        self._n_empty_reads = 0 if data else self._n_empty_reads + 1
        return self._stream.feed(data) if self._n_empty_reads < _MAX_EMPTY_READS else None

    def interrupt(self) -> None:
        """Let a blocked `read` give None, and every one after it."""
        self._closed = True
        self._wake()

    def close(self) -> None:
        """Release what was opened, when nobody reads any more."""
        self.stop()
        os.close(self._woken)
        os.close(self._waker)

    def _wake(self) -> None:
        os.write(self._waker, b"!")

    def _unless_closed(self) -> list[KeyEvent] | None:
        if select.select([self._woken], [], [], 0)[0]:
            os.read(self._woken, _READ_BYTES)
        return None if self._closed else []
