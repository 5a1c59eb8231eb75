from __future__ import annotations

import math

import pytest

from tests.ui.screens import Clock, Screen
from voicechat.ui.meter_line import MeterLine


def shown(screen: Screen, levels: list[float], *, step_s: float = 0.1) -> list[str]:
    """Give the rows that are there while the last of the levels is shown."""
    clock = Clock()
    with MeterLine(screen.console, "the room", clock=clock) as meter:
        for dbfs in levels:
            clock.now_s += step_s
            meter.show(dbfs)
        return screen.rows


@pytest.mark.parametrize("width", [4, 12, 24, 80, 200])
def test_it_is_one_line_that_fits(width):
    rows = shown(Screen(width), [-50.0, -20.0, -3.0])

    assert len(rows) == 1
    assert len(rows[0]) < width


def test_what_is_louder_shows_a_longer_bar_and_its_level():
    quiet, loud = (shown(Screen(), [dbfs])[0] for dbfs in (-50.0, -10.0))

    assert quiet.count("━") < loud.count("━")
    assert quiet.endswith("-50 dBFS")
    assert loud.endswith("-10 dBFS")


def test_digital_silence_is_called_no_signal():
    assert shown(Screen(), [-math.inf] * 30)[0].endswith("no signal")


def test_a_terminal_that_knows_no_unicode_gets_ascii():
    assert shown(Screen(encoding="ascii"), [-10.0])[0].isascii()


def test_it_is_drawn_twenty_times_a_second_at_most():
    slow, fast = Screen(), Screen()
    shown(slow, [-20.0, -50.0] * 2, step_s=0.1)
    shown(fast, [-20.0, -50.0] * 40, step_s=0.005)

    assert len(fast.written) < 2 * len(slow.written)


def test_nothing_of_it_is_left_and_the_cursor_is_back():
    screen = Screen()
    shown(screen, [-20.0])

    assert screen.rows == [""]
    assert screen.written.endswith("\x1b[?25h")
