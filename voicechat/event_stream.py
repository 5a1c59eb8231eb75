"""The one stream of session events: from the workers, and the devices, to the thread that shows them."""

from __future__ import annotations

import queue
from enum import Enum

from voicechat.types import SessionEvent


class _Mark(Enum):
    END = "nothing more comes"
    WAKE = "look elsewhere"


class EventStream:
    """What happens in a talk, from any thread to the one that shows it, in order."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[SessionEvent | _Mark] = queue.SimpleQueue()
        self.ended = False  # set when the end has been taken out; only the reader looks at it

    def put(self, event: SessionEvent) -> None:
        """Add an event; never blocks, and is safe in a signal handler."""
        self._queue.put(event)

    def end(self) -> None:
        """Say that nothing more comes."""
        self._queue.put(_Mark.END)

    def wake(self) -> None:
        """Let the reader's `next()` return early; safe in a signal handler."""
        self._queue.put(_Mark.WAKE)

    def next(self, timeout_s: float | None = None) -> SessionEvent | None:
        """Wait for the next event; None after `timeout_s` seconds without one, when woken, or at the end (`ended`)."""
        try:
            event = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(event, _Mark):
            self.ended = event is _Mark.END
            return None
        return event
