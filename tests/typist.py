"""Types at a program on a pseudo-terminal, and reads what it says, as a person would. POSIX only."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

TIMEOUT_S = 30.0


class Typist:
    """A program that believes to be on a terminal.

    Attributes:
        said: all that it wrote so far, without escape sequences.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.said = ""
        self._read_up_to = 0
        self._changed = threading.Condition()  # serializes said
        self._ended = False
        self._master, slave = os.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self._reader = threading.Thread(target=self._read, name="typist", daemon=True)
        self._reader.start()

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(TIMEOUT_S)
        os.close(self._master)

    def wait_for(self, words: str) -> str:
        """Wait until the program says this, after what was waited for before; give what it said up to there."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._found(words) >= 0 or self._ended, TIMEOUT_S), self.said
            at = self._found(words)
            assert at >= 0, f"{words!r} was not said: {self.said}"
            before, self._read_up_to = self.said[self._read_up_to : at], at + len(words)
            return before

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _found(self, words: str) -> int:
        return self.said.find(words, self._read_up_to)

    def _read(self) -> None:
        with suppress(OSError):  # how Linux tells that the other end is closed
            while data := os.read(self._master, 65536):
                text = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", data.decode("utf-8", "replace")).replace("\r", "")
                with self._changed:
                    self.said += text
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
