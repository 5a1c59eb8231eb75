"""Terminals to test views on: one in memory, and a real pseudo-terminal that says what was written to it."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from rich.console import Console

from voicechat.types import SessionEvent
from voicechat.ui.log import RichLog


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Screen:
    """A terminal in memory; what was written to it is in `written`."""

    def __init__(self, width: int = 80, height: int = 24, *, color: bool = False, encoding: str = "utf-8") -> None:
        self._bytes = io.BytesIO()
        self._encoding = encoding
        self.file = io.TextIOWrapper(self._bytes, encoding=encoding, newline="", write_through=True)
        self.console = Console(
            file=self.file,
            force_terminal=True,
            color_system="standard" if color else None,
            width=width,
            height=height,
            legacy_windows=False,
            _environ={"TERM": "xterm"},
        )

    @property
    def written(self) -> str:
        return self._bytes.getvalue().decode(self._encoding)


class PseudoTerminal:
    """A pseudo-terminal of the operating system, read until it is closed."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.slave = os.fdopen(slave, "w", encoding="utf-8")
        self._received: list[bytes] = []
        self._reader = threading.Thread(target=self._read, name="pseudo-terminal")
        self._reader.start()

    def close(self) -> bytes:
        """Give all bytes that a terminal would have got."""
        self.slave.close()
        self._reader.join(timeout=30)
        assert not self._reader.is_alive()
        os.close(self._master)
        return b"".join(self._received)

    def _read(self) -> None:
        with suppress(OSError):  # how Linux tells that the other end is closed
            while data := os.read(self._master, 65536):
                self._received.append(data)


def rich_log(screen: Screen, clock: Clock | None = None, *, live: bool = True) -> RichLog:
    return RichLog(
        screen.console, live=live, clock=Clock() if clock is None else clock, now=lambda: datetime(2026, 1, 2, 14, 3)
    )


def shown(screen: Screen, events: Iterable[SessionEvent], *, live: bool = True) -> str:
    """Give all that the log writes for these events, a second apart."""
    clock = Clock()
    with rich_log(screen, clock, live=live) as log:
        for event in events:
            clock.now_s += 1.0
            log.show(event)
            log.tick()
    return screen.written
