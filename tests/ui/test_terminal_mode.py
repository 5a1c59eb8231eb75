from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from tests.ui.screens import PseudoTerminal
from voicechat.ui.terminal_mode import TerminalMode

# Runs on a terminal of its own: says on stderr whether typed keys are echoed before, during and after a talk.
TALK_ON_A_TERMINAL = """
import fcntl, json, sys, termios
from voicechat.types import State, StateChanged
from voicechat.ui.keyboard import Keyboard
from voicechat.ui.log import RichLog

def echoes():
    return bool(termios.tcgetattr(0)[3] & termios.ECHO)

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
told = [echoes()]
try:
    with RichLog(keys=Keyboard(sys.stdin, None, wake=lambda: None, keys=False)) as log:
        log.show(StateChanged(State.LISTENING, 0))
        told.append(echoes())
        if {fails}:
            raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
told.append(echoes())
json.dump(told, sys.stderr)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
@pytest.mark.parametrize("fails", [False, True])
def test_keys_are_echoed_before_and_after_a_talk_but_not_during_it(fails: bool):
    with PseudoTerminal() as terminal:
        talk = subprocess.run(
            [sys.executable, "-c", TALK_ON_A_TERMINAL.format(fails=fails)],
            stdin=terminal.slave,
            stdout=terminal.slave,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm"},
            timeout=60,
            check=True,
        )

    assert json.loads(talk.stderr) == [True, False, True]
    assert b"\x1b[?25l" in terminal.received
    assert terminal.received.endswith(b"\x1b[?25h")


@pytest.mark.parametrize("stdin", [None, io.StringIO()], ids=["none", "no terminal"])
def test_without_a_terminal_nothing_happens(stdin: io.StringIO | None):
    mode = TerminalMode(stdin)

    assert not mode.start()
    mode.restore()
    mode.restore()
