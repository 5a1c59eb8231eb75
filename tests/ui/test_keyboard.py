from __future__ import annotations

import io
import signal
import sys

import pytest

from voicechat.ui.keyboard import Keyboard

if sys.platform == "win32":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

import termios

from tests.ui.typists import Typist


def quiet(settings: list[object]) -> bool:
    """Give whether keys are neither echoed nor kept until the end of a line."""
    local = settings[3]
    assert isinstance(local, int)
    return not local & (termios.ECHO | termios.ICANON) and bool(local & termios.ISIG)


def modes_are_off(screen: str) -> bool:
    """Give whether, for each mode that was switched on, the last thing said is to switch it off."""
    return screen.rfind("\x1b[?2004l") > screen.rfind("\x1b[?2004h") and (
        screen.rfind("\x1b[?1004l") >= screen.rfind("\x1b[?1004h")
    )


def test_keys_are_commands_and_typed_text_is_a_message():
    with Typist() as typist:
        typist.type("m")
        assert typist.told("command") == "mute"
        typist.type("thé\x1b[Dx\x17q\r")
        assert typist.told("typed") == "qé"
        typist.type("\x1b")
        assert typist.told("command") == "stop-reply"
        typist.type(" ")
        assert typist.told("command") == "talk-toggle"
        typist.type("\x1b[200~q\nquit\x1b[201~\r")
        assert typist.told("typed") == "q quit"
        typist.type("q")
        assert typist.told("command") == "quit"
        assert typist.ended() == 0
        assert typist.saw("\x1b[?25h")
        assert typist.settings == typist.before
        assert modes_are_off(typist.screen)


@pytest.mark.parametrize(
    ("end", "code"),
    [("q", 0), ("r", 1), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, -2), ("\x03", -2)],
    ids=["quit", "error", "SIGTERM", "SIGHUP", "SIGINT", "Ctrl-C"],
)
@pytest.mark.parametrize("typing", [False, True], ids=["", "while typing"])
def test_the_terminal_is_restored_whatever_ends_the_talk(end: str | signal.Signals, code: int, typing: bool):
    if typing and end in ("q", "r"):
        pytest.skip("is typed then")
    with Typist(kitty=True) as typist:
        assert quiet(typist.settings)
        if typing:
            typist.type("thalf a mess")
            typist.told("line", "half a mess")
        if isinstance(end, str):
            typist.type(end if end != "\x03" else "\x1b[99;5u")
        else:
            typist.process.send_signal(end)

        assert typist.ended() == code
        assert typist.saw("\x1b[<u")
        assert typist.settings == typist.before
        assert modes_are_off(typist.screen)
        assert typist.kitty_flags == 0
        assert typist.screen.endswith("\x1b[?25h") or "\x1b[?25h" in typist.screen.rpartition("\x1b[?25l")[2]


def test_ctrl_c_of_a_terminal_that_leaves_signals_to_itself_works_as_ever():
    with Typist() as typist:
        typist.type("tsome\x03")

        assert typist.ended() == -signal.SIGINT
        assert typist.settings == typist.before


def test_a_terminal_that_reports_releases_has_the_talk_key_held():
    with Typist(kitty=True) as typist:
        typist.type("\x1b[32;1:1;32u")
        assert typist.told("command") == "talk-down"
        typist.type("\x1b[32;1:2;32u\x1b[32;1:2;32u\x1b[32;1:3u")
        assert typist.told("command") == "talk-up"
        typist.type("\x1b[32;1:1;32u\x1b[O")
        assert typist.told("command") == "talk-down"
        assert typist.told("command") == "talk-up"


def test_who_would_rather_press_twice_is_not_asked_to_hold():
    with Typist(kitty=True, hold=False) as typist:
        typist.type(" ")
        assert typist.told("command") == "talk-toggle"
        assert typist.kitty_flags == 0
        assert "\x1b[?u" not in typist.screen


@pytest.mark.parametrize("stop", ["\x1a", "\x1b[122;5u"], ids=["by the terminal", "by us"])
def test_a_suspended_talk_gives_the_terminal_back_and_takes_it_again(stop: str):
    kitty = stop != "\x1a"
    with Typist(kitty=kitty, shell=True) as typist:
        typist.type("thalf")
        typist.told("line", "half")
        typist.type(stop)
        assert typist.told("restored")
        assert typist.saw("\x1b[?2004l")
        assert modes_are_off(typist.screen)
        assert typist.kitty_flags == 0
        assert "\x1b[?25h" in typist.screen.rpartition("\x1b[?25l")[2]

        typist.type("fg\n")
        assert typist.saw("\x1b[?2004h", times=2)
        typist.type(" done\r")

        assert typist.told("typed") == "half done"
        assert quiet(typist.settings)
        assert typist.saw("\x1b[>31u", times=2 * kitty)
        assert typist.kitty_flags == (31 if kitty else 0)
        typist.type("q")
        assert typist.ended() == 0
        assert typist.settings == typist.before


def test_a_talk_that_was_stopped_from_outside_takes_the_terminal_again():
    with Typist(kitty=True, shell=True) as typist:
        typist.stop_from_outside()
        assert not typist.told("restored")

        typist.type("fg\n")
        assert typist.saw("\x1b[?2004h", times=2)
        typist.type("m")

        assert typist.told("command") == "mute"
        assert quiet(typist.settings)
        assert typist.saw("\x1b[=31u")
        assert typist.kitty_flags == 31
        typist.type("q")
        assert typist.ended() == 0
        assert typist.saw("\x1b[<u")
        assert typist.settings == typist.before
        assert typist.kitty_flags == 0


def test_no_answer_of_the_terminal_is_left_for_the_shell():
    with Typist(kitty=True, settled=False) as typist:
        typist.process.terminate()
        typist.ended()

        assert typist.unread() == b""


def test_the_keys_have_a_thread_of_our_name():
    with Typist() as typist:
        assert "voicechat-keys" in typist.threads


@pytest.mark.parametrize("stdin", [None, io.StringIO("q")], ids=["none", "text"])
def test_without_a_terminal_there_are_no_keys_and_no_thread(stdin: io.StringIO | None):
    keyboard = Keyboard(stdin, sys.stdout, wake=pytest.fail)

    keyboard.open(live=True)
    assert not keyboard.available
    assert keyboard.poll() == []
    keyboard.close()
    keyboard.close()
