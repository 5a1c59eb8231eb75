"""The settings of a POSIX terminal during a talk, and how it gets its own back."""

from __future__ import annotations

import os
from typing import Any, TextIO


class TerminalMode:
    """Stops the terminal from echoing keys (Ctrl-C and Ctrl-Z work as ever) until `restore`.

    What is typed would tear the live region apart; what was typed blindly, and not read, is dropped at both ends, so
    that it becomes no command, neither ours nor the shell's. Does nothing where there is no POSIX terminal, or where we
    run in its background.

    Args:
        stdin: the terminal, or what stands in its place.
        key_by_key: hand each key over at once, not only whole lines; a read then never waits for one.

    Attributes:
        active: whether the settings are in force.
    """

    def __init__(self, stdin: TextIO | None, *, key_by_key: bool = False) -> None:
        self.active = False
        self._stdin = stdin
        self._key_by_key = key_by_key
        self._saved: Any = None  # the terminal's own settings, from before the first start
        self._changed = False  # it may still have ours

    def start(self) -> bool:
        """Put the settings in force, again after a `restore`; give whether they are."""
        try:
            import termios
        except ImportError:  # Windows
            return False
        fd = self.foreground_fd()
        if fd is None:
            return False
        try:
            settings = termios.tcgetattr(fd)
            if self._saved is None:
                self._saved = [*settings[:6], list(settings[6])]
            settings[3] &= ~termios.ECHO  # the local modes
            if self._key_by_key:
                settings[3] &= ~termios.ICANON
                settings[6][termios.VMIN] = settings[6][termios.VTIME] = 0
            self._changed = True
            termios.tcsetattr(fd, termios.TCSAFLUSH if self._key_by_key else termios.TCSADRAIN, settings)
        except termios.error:  # it has hung up
            return False
        self.active = True
        return True

    def restore(self) -> None:
        """Give the terminal its settings back. Idempotent."""
        self.active = False
        fd = self.foreground_fd() if self._changed else None
        if fd is None:
            return
        import termios

        self._changed = False
        try:
            termios.tcsetattr(fd, termios.TCSAFLUSH, self._saved)
        except termios.error:
            return  # the terminal has hung up

    def foreground_fd(self) -> int | None:
        """Give the descriptor of the terminal; None in its background, where touching it would stop the process."""
        fd = terminal_fd(self._stdin)
        try:
            return fd if fd is not None and os.tcgetpgrp(fd) == os.getpgrp() else None
        except OSError:  # hung up, or not the terminal we belong to
            return None


def terminal_fd(stream: TextIO | None) -> int | None:
    """Give the descriptor of a terminal, None if the stream is none."""
    try:
        fd = stream.fileno() if stream is not None else -1
        return fd if fd >= 0 and os.isatty(fd) else None
    except (OSError, ValueError):  # no descriptor, or closed
        return None
