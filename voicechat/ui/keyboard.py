"""Keeps what is typed during a talk off the screen, where it would tear the live region apart."""

from __future__ import annotations

import os
from typing import Any, TextIO


class EchoOff:
    """Stops the terminal from echoing keys (Ctrl-C works as ever) until `restore`; what was typed is then dropped.

    Does nothing where there is no POSIX terminal, or where we run in its background.
    """

    def __init__(self, stdin: TextIO | None) -> None:
        self._stdin = stdin
        self._saved: list[Any] | None = None  # the terminal's own settings

    def start(self) -> None:
        try:
            import termios
        except ImportError:  # Windows
            return
        fd = _foreground_terminal(self._stdin)
        if fd is None:
            return
        try:
            self._saved = termios.tcgetattr(fd)
            quiet = termios.tcgetattr(fd)
            quiet[3] &= ~termios.ECHO  # the local modes
            termios.tcsetattr(fd, termios.TCSADRAIN, quiet)
        except termios.error:
            self._saved = None

    def restore(self) -> None:
        """Give the terminal its settings back. Idempotent."""
        saved, self._saved = self._saved, None
        fd = _foreground_terminal(self._stdin)
        if saved is None or fd is None:
            return
        import termios

        try:
            # Keys hit blindly during the talk must not become commands of the shell.
            termios.tcsetattr(fd, termios.TCSAFLUSH, saved)
        except termios.error:
            return  # the terminal has hung up


def _foreground_terminal(stdin: TextIO | None) -> int | None:
    """Give the descriptor of the terminal; None in its background, where setting it would stop the process."""
    try:
        fd = stdin.fileno() if stdin is not None else -1
        return fd if fd >= 0 and os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp() else None
    except (OSError, ValueError):  # no descriptor, closed, or hung up
        return None
