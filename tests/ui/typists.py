"""Somebody at a terminal: types into a program that runs on a pseudo-terminal of its own, and sees what comes of it."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import termios
import threading
from contextlib import suppress
from typing import Any, Self

TIMEOUT_S = 30.0
QUESTION = re.compile(rb"\x1b\[(\?|>|<|=)?(\d*)(u|c)")  # and what tells the terminal about the kitty protocol

# Shows a talk in which nothing is said and tells on stderr, as JSON lines, what was asked for with keys.
PROGRAM = """
import fcntl, json, os, signal, sys, termios, threading
from voicechat.cli.process import end_on_signals
from voicechat.event_stream import EventStream
from voicechat.types import State, StateChanged
from voicechat.ui.commands import Command, TypedLine
from voicechat.ui.keyboard import Keyboard
from voicechat.ui.log import RichLog

def tell(**fields):
    sys.stderr.write(json.dumps(fields) + "\\n")  # in one piece, wherever it is stopped

if os.environ.get("SHELL_ABOVE") is None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup leaves it ignored
end_on_signals()
events = EventStream()
keyboard = Keyboard(sys.stdin, sys.stdout, wake=events.wake, hold={hold})
with RichLog(keys=keyboard) as log:
    log.show(StateChanged(State.LISTENING, 0))
    tell(ready=True, threads=[thread.name for thread in threading.enumerate()])
    holds = typed = None
    while True:
        events.next(0.1)
        for command in keyboard.poll():
            tell(typed=command.text) if isinstance(command, TypedLine) else tell(command=command)
            if command == Command.QUIT:
                sys.exit(0)
            if command == Command.REPEAT:
                raise RuntimeError("asked to fail")
        log.tick()
        if holds != keyboard.holds:
            holds = keyboard.holds
            tell(holds=holds)
        if typed != (keyboard.line and keyboard.line.text):
            typed = keyboard.line and keyboard.line.text
            tell(line=typed)
"""

# Does what a shell does with a job: runs the program in the foreground and, each time it stops, takes the terminal,
# sets it as it was, and tells whether it was so already; then, when something is typed, gives it back and continues.
SHELL = """
import fcntl, json, os, signal, subprocess, sys, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
settings = termios.tcgetattr(0)
os.environ["SHELL_ABOVE"] = "1"
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    os.tcsetpgrp(0, os.getpgrp())
    restored = termios.tcgetattr(0) == settings
    termios.tcsetattr(0, termios.TCSANOW, settings)
    sys.stderr.write(json.dumps({"restored": restored}) + "\\n")
    os.read(0, 1)
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
"""


class Typist:
    """Runs PROGRAM on a terminal; inside `with`.

    Args:
        hold: whether the program asks for releases.
        kitty: whether the terminal knows the kitty keyboard protocol.
        shell: run it below a shell, so that it can be stopped and continued.
        settled: begin when the program has all the answers of the terminal that it asks for first.

    Attributes:
        before: the terminal's settings from before the program was started.
        threads: the names of the program's threads.
    """

    def __init__(self, *, hold: bool = True, kitty: bool = False, shell: bool = False, settled: bool = True) -> None:
        self._kitty = kitty
        self._n_questions = (1 + kitty) * hold if settled else 0
        self._n_answers = 0
        self._flags = [0]  # of the kitty protocol, as a stack
        self._master, self._slave = os.openpty()
        self.before = termios.tcgetattr(self._slave)
        self.threads: list[str] = []
        self._screen = b""
        self._written = threading.Condition()  # notified when there is more on the screen
        self._told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        program = PROGRAM.format(hold=hold)
        self.process = subprocess.Popen(
            [sys.executable, "-c", *([SHELL] if shell else []), program],
            stdin=self._slave,
            stdout=self._slave,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "24"},
        )
        self._threads = [
            threading.Thread(target=self._watch, name="typist-screen", daemon=True),
            threading.Thread(target=self._listen, name="typist-told", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.threads = self.told("threads")
        with self._written:
            assert self._written.wait_for(lambda: self._n_answers >= self._n_questions, TIMEOUT_S)
        if self._n_questions:
            self.type("m")
            self.told("command", "mute")
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT_S)
        os.close(self._slave)
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        os.close(self._master)
        assert self.process.stderr is not None
        self.process.stderr.close()

    @property
    def screen(self) -> str:
        """All that was written to the terminal."""
        return self._screen.decode(errors="replace")

    @property
    def settings(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    @property
    def kitty_flags(self) -> int:
        """What of the kitty protocol is on."""
        return self._flags[-1]

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def told(self, field: str, value: object = None) -> Any:
        """Wait until the program tells this, skipping what it tells before; `value` None is any."""
        while True:
            told = self._told.get(timeout=TIMEOUT_S)
            if field in told and value in (None, told[field]):
                return told[field]

    def saw(self, text: str, *, times: int = 1) -> bool:
        """Wait until the terminal was written this so many times; give whether it was."""
        with self._written:
            return self._written.wait_for(lambda: self.screen.count(text) >= times, TIMEOUT_S)

    def stop_from_outside(self) -> None:
        """Stop the job below the shell with a signal that it cannot see."""
        os.killpg(os.tcgetpgrp(self._master), signal.SIGSTOP)

    def unread(self) -> bytes:
        """Take what is left in the terminal for whoever reads it next."""
        os.set_blocking(self._slave, False)
        try:
            return os.read(self._slave, 1024)
        except BlockingIOError:
            return b""

    def ended(self) -> int:
        return self.process.wait(TIMEOUT_S)

    def _watch(self) -> None:
        written, answered = b"", 0
        with suppress(OSError):  # how Linux tells that the other end is closed
            while data := os.read(self._master, 65536):
                written += data
                for match in QUESTION.finditer(written, answered):
                    self._answer(*(group.decode() if group else "" for group in match.groups()))
                    answered = match.end()
                with self._written:
                    self._screen = written
                    self._written.notify_all()

    def _answer(self, kind: str, number: str, final: str) -> None:
        if final == "c":
            self.type("\x1b[?62;4c")
            self._n_answers += 1
        elif self._kitty and kind == "?":
            self.type(f"\x1b[?{self.kitty_flags}u")
        elif self._kitty and kind == ">":
            self._flags.append(int(number))
        elif self._kitty and kind == "<":
            self._flags.pop()
        elif self._kitty and kind == "=":
            self._flags[-1] = int(number)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with suppress(json.JSONDecodeError):  # a traceback
                self._told.put(json.loads(line))
