from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from voicechat.types import State
from voicechat.ui.conversation import Glyphs, Layout
from voicechat.ui.level_meter import LevelMeter
from voicechat.ui.status import Keys, Mic, Status

CONSOLE = Console()


def status_lines(
    state: State,
    columns: int,
    *,
    dbfs: float | None = None,
    after_s: float = 0.0,
    mic: Mic = Mic(),  # noqa: B008
    keys: Keys | None = None,
) -> list[str]:
    meter = LevelMeter()
    if dbfs is not None:
        meter.push(dbfs, 10.0)
    status = Status(Glyphs(), meter)
    status.change(state, 10.0)
    return [line.plain for line in status.lines(Layout(columns, Glyphs(), CONSOLE), 10.0 + after_s, mic, keys)]


MICS = st.builds(Mic, muted=st.booleans(), push_to_talk=st.booleans(), talking=st.booleans())
KEYS = st.none() | st.builds(Keys, holds=st.booleans(), typing=st.booleans())


@settings(deadline=None)  # slow only where the machine is busy
@given(st.sampled_from(State), st.integers(8, 300), st.none() | st.floats(-100, 0), st.floats(0, 1e5), MICS, KEYS)
def test_the_status_never_fills_the_terminal(
    state: State, columns: int, dbfs: float | None, after_s: float, mic: Mic, keys: Keys | None
):
    lines = status_lines(state, columns, dbfs=dbfs, after_s=after_s, mic=mic, keys=keys)

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


@pytest.mark.parametrize(
    ("state", "mic", "keys", "hint"),
    [
        (State.LISTENING, Mic(), Keys(), "? shows the keys, q quits"),
        (State.SPEAKING, Mic(), Keys(), "Esc stops the reply, ? shows the keys"),
        (State.THINKING, Mic(muted=True), Keys(), "Esc stops the reply, ? shows the keys"),
        (State.LISTENING, Mic(muted=True), Keys(), "m unmutes, ? shows the keys"),
        (State.LISTENING, Mic(push_to_talk=True), Keys(), "press space to talk, again to send"),
        (State.LISTENING, Mic(push_to_talk=True), Keys(holds=True), "hold space to talk, ? shows the keys"),
        (State.HEARING, Mic(push_to_talk=True, talking=True), Keys(), "press space to send"),
        (State.HEARING, Mic(push_to_talk=True, talking=True), Keys(holds=True), "release space to send"),
        (State.SPEAKING, Mic(push_to_talk=True), Keys(typing=True), "Enter sends, Esc leaves"),
    ],
)
def test_the_hint_is_what_can_be_done_now(state: State, mic: Mic, keys: Keys, hint: str):
    (line,) = status_lines(state, 100, dbfs=-30.0, mic=mic, keys=keys)

    assert line.endswith(f"   {hint}")


def test_there_is_a_level_only_while_the_user_is_listened_to():
    def shown(mic: Mic) -> str:
        return status_lines(State.LISTENING, 100, dbfs=-30.0, mic=mic, keys=Keys())[0]

    assert "━" in shown(Mic())
    assert "━" in shown(Mic(push_to_talk=True, talking=True))
    assert "━" not in shown(Mic(push_to_talk=True))
    assert "━" not in shown(Mic(muted=True))
    assert "muted" in shown(Mic(muted=True))
    assert "muted" in status_lines(State.SPEAKING, 100, mic=Mic(muted=True), keys=Keys())[0]
