from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from voicechat.types import State
from voicechat.ui.conversation import Glyphs, Layout
from voicechat.ui.level_meter import LevelMeter
from voicechat.ui.status import Status

CONSOLE = Console()


def status_lines(state: State, columns: int, *, dbfs: float | None = None, after_s: float = 0.0) -> list[str]:
    meter = LevelMeter()
    if dbfs is not None:
        meter.push(dbfs, 10.0)
    status = Status(Glyphs(), meter)
    status.change(state, 10.0)
    return [line.plain for line in status.lines(Layout(columns, Glyphs(), CONSOLE), 10.0 + after_s)]


@settings(deadline=None)  # slow only where the machine is busy
@given(st.sampled_from(State), st.integers(8, 300), st.none() | st.floats(-100, 0), st.floats(0, 1e5))
def test_the_status_never_fills_the_terminal(state: State, columns: int, dbfs: float | None, after_s: float):
    lines = status_lines(state, columns, dbfs=dbfs, after_s=after_s)

    assert 1 <= len(lines) <= 2
    assert all(len(line) < columns for line in lines)


def test_there_is_no_status_before_the_first_state():
    assert Status(Glyphs(), LevelMeter()).lines(Layout(80, Glyphs(), CONSOLE), 0.0) == []


@pytest.mark.parametrize(
    ("state", "columns", "shown"),
    [
        (
            State.LISTENING,
            100,
            ["        ○  listening    ━━━━━━━━━━━━────────────                               Ctrl-C ends the talk"],
        ),
        (State.HEARING, 60, ["        ●  hearing you  ━━━━━━──────   Ctrl-C ends the talk"]),
        (State.LISTENING, 24, ["○ listening    ━━━━────", "Ctrl-C ends the talk"]),
    ],
)
def test_while_the_microphone_is_open_the_level_is_shown(state: State, columns: int, shown: list[str]):
    assert status_lines(state, columns, dbfs=-30.0) == shown


def test_while_thinking_the_time_is_shown_and_no_level():
    (line,) = status_lines(State.THINKING, 100, dbfs=-30.0, after_s=1.24)

    assert " ".join(line.split()) == "● thinking 1.2 s Ctrl-C stops the reply, again ends the talk"


def test_keys_are_shortened_on_a_narrow_terminal():
    assert status_lines(State.SPEAKING, 24) == ["● speaking", "Ctrl-C stops the reply"]
    assert status_lines(State.SPEAKING, 20) == ["● speaking", "Ctrl-C stops"]


def test_a_talk_without_levels_has_no_meter():
    assert "━" not in status_lines(State.LISTENING, 100)[0]
    assert "─" not in status_lines(State.LISTENING, 100)[0]


def test_a_dead_microphone_is_told():
    assert "no signal" in status_lines(State.LISTENING, 100, dbfs=-math.inf, after_s=5.0)[0]
    assert "no signal" not in status_lines(State.LISTENING, 100, dbfs=-math.inf)[0]
