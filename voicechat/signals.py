"""Ctrl-C and the signals that end a process, noted for whoever looks, instead of raised wherever that happens to be."""

from __future__ import annotations

import os
import signal
from typing import Any, Self

from voicechat.event_stream import EventStream

STDOUT_DESCRIPTOR = 1


class Signals:
    """Notes signals instead of raising wherever the main thread happens to be.

    One that comes while another still waits to be taken does raise: the main thread is stuck in a pipe that nobody
    reads, and whatever it would still write there goes nowhere. After `hold` none raises, so that what is being closed
    is completed.
    """

    def __init__(self, events: EventStream) -> None:
        self._events = events
        self._waiting: list[int] = []
        self._held = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        for number in numbers:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def take(self) -> int | None:
        """Give the next signal, None if none waits."""
        return self._waiting.pop(0) if self._waiting else None

    def hold(self) -> None:
        """From here on only note."""
        self._held = True

    @staticmethod
    def exception(number: int) -> BaseException:
        """Give what ends the process with a signal's exit code."""
        return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)

    def _note(self, number: int, _frame: object) -> None:
        if self._waiting and not self._held:
            os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT_DESCRIPTOR)
            raise self.exception(number)
        self._waiting.append(number)
        self._events.wake()
