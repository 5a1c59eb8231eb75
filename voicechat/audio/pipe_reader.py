"""Read a pipe so that another thread can end the wait for its next bytes."""

from __future__ import annotations

import io
import os
import select
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class PipeReader(io.RawIOBase):
    """A file object over a descriptor that may make its reader wait; `wake` ends the wait, and with it the input.

    Windows cannot wait for a pipe and a wake-up together: there a waiting read ends only with the pipe's next bytes.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over `descriptor`: it is closed with this object."""
        self._descriptor = descriptor
        self._wake_reader, self._wake_writer = os.pipe()
        self._peeked = b""  # read and not given yet
        self._woken = False
        # Serializes wake() and close(), so that a wake-up never goes into a descriptor that is closed.
        self._lock = threading.Lock()

    def readable(self) -> bool:
        return True

    def peek(self, n_bytes: int) -> bytes:
        """Wait for the next `n_bytes` and give them, fewer at the end of the input; they are still to be read."""
        while len(self._peeked) < n_bytes:
            data = self._wait_and_read(n_bytes - len(self._peeked))
            if not data:
                break
            self._peeked += data
        return self._peeked

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Wait for bytes and take what has come, at most as many as fit; 0 at the end of the input or once woken."""
        view = memoryview(buffer).cast("B")
        if self._peeked:
            data, self._peeked = self._peeked[: len(view)], self._peeked[len(view) :]
        else:
            data = self._wait_and_read(len(view))
        view[: len(data)] = data
        return len(data)

    def wake(self) -> None:
        """End the input now. Idempotent, from any thread."""
        with self._lock:
            if not self._woken and not self.closed:
                self._woken = True
                os.write(self._wake_writer, b"\0")

    def close(self) -> None:
        """Close the descriptor. Idempotent; in the reader's thread."""
        with self._lock:
            if self.closed:
                return
            super().close()
            for descriptor in (self._descriptor, self._wake_reader, self._wake_writer):
                os.close(descriptor)

    def _wait_and_read(self, n_bytes: int) -> bytes:
        if sys.platform != "win32" and not self._woken:
            select.select([self._descriptor, self._wake_reader], [], [])
        return b"" if self._woken else os.read(self._descriptor, n_bytes)
