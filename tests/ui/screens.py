"""Terminals to test views on: one in memory, and a real pseudo-terminal that says what was written to it."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Self

from rich.console import Console

from voicechat.types import SessionEvent
from voicechat.ui.log import RichLog


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Emulator:
    """What a terminal of `width` columns, tall enough for all of it, shows of what our log writes.

    Knows only what the log uses: line ends, the cursor up, erasing a row, hiding the cursor. It wraps what is wider
    than itself, anew when its width changes, as most terminals do.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows = [""]
        self._wrapped = [False]  # whether the row goes on in the next one
        self._row = 0
        self._column = 0
        self.cursor_shown = True

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self._rows]

    def feed(self, written: str) -> None:
        for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]", written):
            if token == "\r":
                self._column = 0
            elif token == "\n":
                self._down()
                self._column = 0
            elif token in ("\x1b[?25l", "\x1b[?25h"):
                self.cursor_shown = token.endswith("h")
            elif token == "\x1b[2K":
                self._rows[self._row] = ""
                self._wrapped[self._row] = False
            elif token == "\x1b[1A":
                self._row = max(0, self._row - 1)
            else:
                assert not token.startswith("\x1b"), f"unknown to the emulator: {token!r}"
                self._put(token)

    def resize(self, width: int) -> None:
        """Change the width; the cursor must stand at the end of the last row, as it does between two drawings."""
        lines = [""]
        for row, wrapped in zip(self._rows, self._wrapped, strict=True):
            lines[-1] += row
            if not wrapped:
                lines.append("")
        self.__init__(width)  # type: ignore[misc]
        self.feed("\n".join(lines[:-1]))

    def _put(self, char: str) -> None:
        if self._column == self._width:
            self._wrapped[self._row] = True
            self._down()
            self._column = 0
        row = self._rows[self._row].ljust(self._column)
        self._rows[self._row] = row[: self._column] + char + row[self._column + 1 :]
        self._column += 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append("")
            self._wrapped.append(False)


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

    @property
    def rows(self) -> list[str]:
        """What it shows, without the empty rows at the end."""
        emulator = Emulator(self.console.width)
        emulator.feed(self.written)
        return "\n".join(emulator.rows).rstrip().split("\n")


class PseudoTerminal:
    """A pseudo-terminal of the operating system, open inside `with`; then `received` has all that a screen got."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.slave = os.fdopen(slave, "w", encoding="utf-8")
        self._chunks: list[bytes] = []
        self._reader = threading.Thread(target=self._read, name="pseudo-terminal")

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.slave.close()
        self._reader.join(timeout=30)
        assert not self._reader.is_alive()
        os.close(self._master)

    @property
    def received(self) -> bytes:
        return b"".join(self._chunks)

    def _read(self) -> None:
        with suppress(OSError):  # how Linux tells that the other end is closed
            while data := os.read(self._master, 65536):
                self._chunks.append(data)


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
