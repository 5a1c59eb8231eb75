"""Write to a pipe so that whoever waits for its reader can stop waiting."""

from __future__ import annotations

import io
import os
import select
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LOOK_S = 0.05  # between two looks at whether to give up, while nobody reads
PIECE_BYTES = getattr(select, "PIPE_BUF", 4096)  # a pipe that can be written to takes so many without waiting


class PipeWriter(io.RawIOBase):
    """A file object over a descriptor that may make its writer wait; only `drain` does.

    Windows cannot tell whether a pipe can be written to: there `drain` waits until its reader has read.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over `descriptor`: it is closed with this object. It stays as it is, for others may share it."""
        self._descriptor = descriptor
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: ReadableBuffer) -> int:
        """Take all of `data`; it is written by `drain`."""
        n_before = len(self._waiting)
        self._waiting += memoryview(data).cast("B")
        return len(self._waiting) - n_before

    def drain(self, give_up: Callable[[], bool], *, limit_s: float | None = None) -> bool:
        """Write what waits; give whether all of it is written. What is not stays, for the next call.

        Args:
            give_up: asked now and then while nobody reads.
            limit_s: give up, too, when nothing could be written for so long.

        Raises:
            OSError: If it cannot be written.
        """
        moved_at = time.monotonic()
        while self._waiting:
            if not self._is_ready():
                if give_up() or (limit_s is not None and time.monotonic() - moved_at >= limit_s):
                    return False
                continue
            n_written = os.write(self._descriptor, self._waiting[:PIECE_BYTES])
            del self._waiting[:n_written]
            moved_at = time.monotonic()
        return True

    def close(self) -> None:
        """Close the descriptor; what still waits is lost. Idempotent."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)

    def _is_ready(self) -> bool:
        """Wait a little until the pipe takes something."""
        return sys.platform == "win32" or bool(select.select([], [self._descriptor], [], LOOK_S)[1])
