"""The keyboard during a talk: a small thread reads the keys, the main thread polls what they ask for.

There are keys where both the input and the screen are a terminal; anywhere else nothing is read and no thread runs. The
terminal has its own settings back when the keyboard is closed, whatever ends the talk, and while the process is
suspended (Ctrl-Z).
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol, TextIO

from voicechat.ui.commands import Command, TypedLine
from voicechat.ui.key_codes import Action, Answer, Key, KeyEvent, names_by_sequence
from voicechat.ui.keypad import Keypad
from voicechat.ui.line_editor import LineEditor
from voicechat.ui.terminal_keys import TerminalKeys
from voicechat.ui.terminal_mode import TerminalMode, terminal_fd

ANSWER_S = 0.3  # an answer of the terminal that comes after the talk would be typed into the shell: we wait for it
JOIN_TIMEOUT_S = 2.0
_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
_ASK = "\x1b[?u\x1b[c"  # for the kitty protocol, and for what every terminal answers
# 1 + 2 + 4 + 8 + 16: unambiguous codes, releases, the Latin letter on the key, codes for all keys, what text they type.
_HOLD_ON = "\x1b[>31u\x1b[?1004h"  # with the focus: a terminal that has lost it cannot tell a release
_HOLD_AGAIN = "\x1b[=31u\x1b[?1004h"  # after others may have had the terminal, but we had not given it back
_HOLD_OFF = "\x1b[?1004l\x1b[<u"
_RELEASES = 2 + 8
_SIGNAL_KEYS = {"c-c": "SIGINT", "c-z": "SIGTSTP", "c-\\": "SIGQUIT"}  # where the terminal leaves them to us


def _nothing() -> None:
    """What is done where nothing is to be hidden or shown."""


class KeySource(Protocol):
    """Where keys come from; one thread reads, another does all else."""

    answers: bool

    @property
    def active(self) -> bool: ...
    def start(self) -> bool: ...
    def stop(self) -> None: ...
    def lose(self) -> None: ...
    def read(self) -> list[KeyEvent] | None: ...
    def interrupt(self) -> None: ...
    def close(self) -> None: ...


class Keyboard:
    """Reads the keys of a terminal from `open` to `close`; every method is for the main thread.

    Args:
        stdin: where the keys come from, if it is a terminal.
        screen: where the terminal is told what to report, if it is a terminal.
        wake: called from the reading thread when `poll` has something to give; it must not block.
        keys: False only keeps what is typed off the screen.
        hold: whether to ask the terminal to tell when a key is let go; False if the user would rather press twice.

    Attributes:
        available: whether there are keys at all.
        away: whether the terminal is somebody else's for now: we were continued in the background.
        revision: changes whenever something about the keys is to be drawn anew.
    """

    def __init__(
        self,
        stdin: TextIO | None,
        screen: TextIO | None,
        *,
        wake: Callable[[], None],
        keys: bool = True,
        hold: bool = True,
    ) -> None:
        self.away = False
        self.revision = 0
        self.available = keys and terminal_fd(stdin) is not None and terminal_fd(screen) is not None
        self._quiet = TerminalMode(None if self.available else stdin)
        self._stdin = stdin
        self._screen = screen
        self._wake = wake
        self._hold = hold
        self._live = False
        self._hide: Callable[[], None] = _nothing
        self._show: Callable[[], None] = _nothing
        self._source: KeySource | None = None  # while open
        self._thread: threading.Thread | None = None
        self._pad = Keypad()
        self._pressed: queue.SimpleQueue[tuple[float, list[KeyEvent]]] = queue.SimpleQueue()  # from the thread
        self._n_asked = 0  # how often the terminal was asked
        self._asked_at = 0.0
        self._answered = threading.Semaphore(0)  # released by the thread for each time it has answered
        self._kitty = False  # the terminal knows the protocol
        self._handlers: dict[int, Any] = {}  # of signals, before ours
        self._suspend_asked = False  # SIGTSTP has come
        self._continued = False  # SIGCONT has come

    @property
    def line(self) -> LineEditor | None:
        """The message that is being typed, None if none is."""
        return self._pad.line

    @property
    def help_shown(self) -> bool:
        """Whether the user wants to see what the keys do."""
        return self._pad.help_shown

    @property
    def holds(self) -> bool:
        """Whether the terminal tells when a key is let go."""
        return self._pad.talk_key.reports_release

    def open(self, *, live: bool, hide: Callable[[], None] = _nothing, show: Callable[[], None] = _nothing) -> None:
        """Begin to read.

        Args:
            live: whether the screen understands escape sequences and has a place for a line that is being typed.
            hide: takes what is drawn off the screen, before the process is suspended.
            show: draws anew, whatever the screen shows by then.

        Raises:
            OSError: If the screen is gone.
        """
        if not self.available:
            if live:
                self._quiet.start()
            return
        assert self._stdin is not None
        self._live, self._hide, self._show = live, hide, show
        self._pad = Keypad(can_type=live)
        self._source = _key_source(self._stdin)
        self._take_signals()
        self._take_terminal()
        # A daemon: closing ends it, and a terminal that does not let go must not keep the process alive.
        self._thread = threading.Thread(target=self._follow, args=(self._source,), name="voicechat-keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the terminal back and end the thread. Idempotent."""
        self._quiet.restore()
        source, self._source = self._source, None
        if source is None:
            return
        if self._thread is not None:
            self._await_answers(self._thread)
        try:
            with suppress(OSError):  # the screen is gone; the terminal has no modes to get back then
                self._leave(source)
        finally:
            source.interrupt()
            if self._thread is not None:
                self._thread.join(JOIN_TIMEOUT_S)
            source.close()
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def poll(self) -> list[Command | TypedLine]:
        """Give what was asked for since the last call; call it whenever woken, and about ten times a second.

        TYPE and HELP are done already: `line` and `help_shown` tell. After Ctrl-Z this returns once we are continued.

        Raises:
            OSError: If the screen is gone.
        """
        source = self._source
        if source is None:
            return []
        commands: list[Command | TypedLine] = []
        if self._suspend_asked:
            commands += self._suspend(source)
        elif self._continued or not source.active:
            self._take_terminal()
        while not self._pressed.empty():
            at, keys = self._pressed.get()
            self.revision += 1
            for key in keys:
                if isinstance(key, Answer):
                    self._hear(key)
                else:
                    commands += self._pad.push(key, at)
        return commands + self._pad.pass_time(time.monotonic())

    # The terminal ----------------------------------------------------------------------------

    def _take_terminal(self) -> None:
        """Take the terminal over, if we are in its foreground; also when somebody else has had it meanwhile."""
        assert self._source is not None
        continued, self._continued = self._continued, False
        if not self._source.start():
            self.away = True
            return
        if self._source.answers and self._live:
            self._tell(_PASTE_ON)
            if self._kitty:
                self._tell(_HOLD_AGAIN if continued else _HOLD_ON)
            elif self._hold and not self._n_asked:
                self._ask()
        if continued or self.away:
            self.away = False
            self._show()

    def _leave(self, source: KeySource) -> None:
        """Take back what the terminal was told to report, unless it is somebody else's."""
        if (source.active or source.start()) and source.answers and self._live:
            self._tell(_PASTE_OFF + (_HOLD_OFF if self._kitty else ""))

    def _ask(self, first: str = "") -> None:
        self._tell(first + _ASK)
        self._n_asked += 1
        self._asked_at = time.monotonic()

    def _hear(self, answer: Answer) -> None:
        """Take an answer of the terminal: first that it knows the protocol, then what of it is on."""
        flags = answer.kitty_flags
        if flags is None:
            return
        if not self._kitty:
            self._kitty = True
            self._ask(_HOLD_ON)
        else:
            self._pad.talk_key.reports_release = flags & _RELEASES == _RELEASES

    def _tell(self, sequences: str) -> None:
        if self._screen is not None and sequences:
            self._screen.write(sequences)
            self._screen.flush()

    def _await_answers(self, thread: threading.Thread) -> None:
        deadline = self._asked_at + ANSWER_S
        for _ in range(self._n_asked):
            left_s = deadline - time.monotonic()
            if not self._answered.acquire(timeout=max(0.0, left_s)) or not thread.is_alive():
                return

    # Signals ---------------------------------------------------------------------------------

    def _take_signals(self) -> None:
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            return
        for number, note in ((signal.SIGTSTP, self._note_suspend), (signal.SIGCONT, self._note_continue)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, note)

    def _note_suspend(self, _number: int, _frame: FrameType | None) -> None:
        self._suspend_asked = True
        self._wake()

    def _note_continue(self, _number: int, _frame: FrameType | None) -> None:
        self._continued = True
        if self._source is not None:
            self._source.lose()
        self._wake()

    def _suspend(self, source: KeySource) -> list[Command]:
        """Give the terminal back and stop the process as SIGTSTP asks; return when it is continued."""
        self._suspend_asked = False
        if sys.platform != "win32":
            self._hide()
            self._leave(source)
            source.stop()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)  # to this very thread, so that it stops here
            signal.signal(signal.SIGTSTP, self._note_suspend)
            self._continued, self.away = False, True
            self._take_terminal()
        return self._pad.talk_key.release()

    # voicechat-keys --------------------------------------------------------------------------

    def _follow(self, source: KeySource) -> None:
        while (keys := source.read()) is not None:
            for key in keys:
                if key == Answer(None):
                    self._answered.release()
                elif isinstance(key, Key) and key.name in _SIGNAL_KEYS and key.action is Action.PRESS:
                    _send(_SIGNAL_KEYS[key.name])
            if keys:
                self._pressed.put((time.monotonic(), keys))
                self._wake()
            if any(isinstance(key, Key) for key in keys):
                names_by_sequence()  # loaded with the first key, while nobody waits, for those that may follow


def _key_source(stdin: TextIO) -> KeySource:
    if sys.platform == "win32":
        from voicechat.ui.console_keys import ConsoleKeys

        return ConsoleKeys()
    return TerminalKeys(stdin)


def _send(name: str) -> None:
    """Do what the terminal does for such a key when it does not leave it to us."""
    number = getattr(signal, name, None)
    if number is None:
        return
    if sys.platform == "win32":
        signal.raise_signal(number)
    else:
        os.killpg(os.getpgrp(), number)
