"""What the log shows of the keys; `FakeKeyboard` stands for a terminal on which somebody types."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ui.screens import Clock, Screen
from voicechat.types import State, StateChanged
from voicechat.ui.key_codes import Key
from voicechat.ui.keypad import Keypad
from voicechat.ui.line_editor import LineEditor
from voicechat.ui.log import RichLog
from voicechat.ui.status import Mic


class FakeKeyboard:
    def __init__(self, *, holds: bool = False) -> None:
        self.available = True
        self.away = False
        self.revision = 0
        self.holds = holds
        self.opened = self.closed = 0
        self.hide: Callable[[], None] | None = None
        self.show: Callable[[], None] | None = None
        self._pad = Keypad()

    @property
    def line(self) -> LineEditor | None:
        return self._pad.line

    @property
    def help_shown(self) -> bool:
        return self._pad.help_shown

    def open(self, *, live: bool, hide: Callable[[], None], show: Callable[[], None]) -> None:
        self.opened += 1
        self.hide, self.show = hide, show

    def close(self) -> None:
        self.closed += 1

    def type(self, text: str) -> None:
        for char in text:
            self._pad.push(Key(char, char), 0.0)
        self.revision += 1


def log_of(screen: Screen, keyboard: FakeKeyboard, *, live: bool = True) -> RichLog:
    return RichLog(screen.console, live=live, keys=keyboard, clock=Clock())  # type: ignore[arg-type]


def test_the_line_being_typed_is_the_last_and_follows_each_key_at_once():
    screen, keyboard = Screen(), FakeKeyboard()
    with log_of(screen, keyboard) as log:
        log.show(StateChanged(State.LISTENING, 0))
        for text, shown in [("t", ""), ("he", "he"), ("llo", "hello")]:
            keyboard.type(text)
            log.tick()

            assert screen.rows[-1] == f"        >  {shown}".rstrip()
        assert "Enter sends" in screen.rows[0]


def test_help_stays_until_it_is_no_longer_wanted():
    screen, keyboard = Screen(), FakeKeyboard(holds=True)
    with log_of(screen, keyboard) as log:
        log.show(StateChanged(State.LISTENING, 0))
        keyboard.type("?")
        log.tick()
        assert "space hold to talk" in screen.rows[1]
        keyboard.type("?")
        log.tick()
        assert len(screen.rows) == 1


def test_without_a_live_region_help_and_the_microphone_are_lines_that_stay():
    screen, keyboard = Screen(), FakeKeyboard()
    with log_of(screen, keyboard, live=False) as log:
        keyboard.type("?")
        log.tick()
        keyboard.type("m")
        log.tick()
        log.show_mic(Mic(muted=True))
        log.show_mic(Mic(muted=True))
        log.show_mic(Mic())

    rows = [" ".join(row.split()) for row in screen.rows]
    assert "m mute" in rows[0]
    assert " t type" not in " ".join(rows)
    assert rows[-2:] == ["· muted", "· listening"]
    assert sum("m mute" in row for row in rows) == 1


def test_after_others_wrote_to_the_terminal_the_region_is_drawn_anew_below():
    screen, keyboard = Screen(), FakeKeyboard()
    with log_of(screen, keyboard) as log:
        log.show(StateChanged(State.LISTENING, 0))
        assert keyboard.hide is not None
        assert keyboard.show is not None
        keyboard.hide()
        assert screen.rows == [""]
        screen.file.write("[1]+  Stopped\n$ fg\n")
        keyboard.show()

        assert screen.rows[:2] == ["[1]+  Stopped", "$ fg"]
        assert "listening" in screen.rows[2]


def test_in_the_background_nothing_is_drawn_over_the_shell():
    screen, keyboard = Screen(), FakeKeyboard()
    with log_of(screen, keyboard) as log:
        log.show(StateChanged(State.LISTENING, 0))
        keyboard.away = True
        written = screen.written
        log.show(StateChanged(State.HEARING, 1))
        keyboard.type("m")
        log.tick()

        assert screen.written == written


def test_the_keyboard_is_closed_with_the_view_also_when_the_screen_is_gone():
    keyboard = FakeKeyboard()
    screen = Screen()
    with pytest.raises(RuntimeError), log_of(screen, keyboard):
        raise RuntimeError("the engine broke")
    assert (keyboard.opened, keyboard.closed) == (1, 1)

    screen.file.close()
    with pytest.raises(ValueError, match="closed file"), log_of(screen, keyboard):
        pass
    assert (keyboard.opened, keyboard.closed) == (2, 2)
