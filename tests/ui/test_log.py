from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest
from rich.console import Console

from tests.ui.screens import Clock, Emulator, Screen, rich_log, shown
from voicechat.types import (
    Latency,
    Level,
    Notice,
    Outcome,
    SessionEvent,
    Severity,
    State,
    StateChanged,
    TextDelta,
    TurnDone,
    UserTranscript,
)
from voicechat.ui.log import RichLog

LATENCY = Latency(520, 640, 700, 810)
NOON = TurnDone(1, "what time is it", "It is noon.", Outcome.COMPLETED, 1.2, 0.9, LATENCY)
TALK: list[SessionEvent] = [
    Notice("the built-in assistant answers"),
    StateChanged(State.LISTENING, 0),
    Level(-40.0, speech=False),
    StateChanged(State.HEARING, 1),
    UserTranscript("what time", turn=1),
    StateChanged(State.THINKING, 1),
    UserTranscript("what time is it", final=True, turn=1),
    TextDelta("It is noon.", turn=1),
    StateChanged(State.SPEAKING, 1),
    NOON,
    StateChanged(State.LISTENING, 1),
    Notice("the microphone went away", Severity.WARNING),
    StateChanged(State.HEARING, 2),
    TurnDone(2, "hm", "", Outcome.DROPPED, 0.1, 0.0, LATENCY),
    StateChanged(State.HEARING, 3),
    TurnDone(3, "tell me a story", "Once upon", Outcome.INTERRUPTED, 1.5, 0.6),
]
IN_THE_END = [
    "        ·  the built-in assistant answers",
    "",
    "      you  what time is it  14:03 · 1.2 s",
    "assistant  It is noon.  14:03 · 0.9 s",
    "           end of turn 520 ms · text 640 · audio 700 · heard 810",
    "",
    "        !  the microphone went away",
    "",
    "      you  tell me a story  14:03 · 1.5 s",
    "assistant  Once upon — interrupted  14:03 · 0.6 s",
]


def test_what_stays_is_the_conversation_and_nothing_else():
    screen = Screen()

    shown(screen, TALK)

    assert screen.rows == IN_THE_END


def test_without_a_live_region_the_same_stays_and_no_escape_is_written():
    screen = Screen()

    written = shown(screen, TALK, live=False)

    assert written.splitlines() == IN_THE_END
    assert "\x1b" not in written


def test_the_region_follows_the_turn():
    screen, clock = Screen(width=60), Clock()
    log = rich_log(screen, clock).__enter__()

    def rows_after(*events: SessionEvent, later_s: float = 0.0) -> list[str]:
        for event in events:
            log.show(event)
        clock.now_s += later_s
        log.tick()
        return [" ".join(row.split()) for row in screen.rows if row]

    assert rows_after(StateChanged(State.LISTENING, 0)) == ["○ listening Ctrl-C ends the talk"]
    assert rows_after(StateChanged(State.HEARING, 1), UserTranscript("what", turn=1))[0] == "you what…"
    assert rows_after(StateChanged(State.THINKING, 1), UserTranscript("what time is it", final=True, turn=1)) == [
        "you what time is it",
        "● thinking 0.0 s Ctrl-C stops the reply",
    ]
    assert "thinking 1.5 s" in rows_after(later_s=1.5)[1]
    assert len(rows_after(TextDelta("It is noon", turn=1), TextDelta(" now.", turn=1, at_s=3.0))) == 2
    assert rows_after(StateChanged(State.SPEAKING, 1))[1] == "assistant It"
    assert rows_after(later_s=2.9)[1] == "assistant It is noon"
    assert rows_after(later_s=0.2)[1] == "assistant It is noon now."
    assert rows_after(NOON)[0] == "you what time is it 14:03 · 1.2 s"
    log.__exit__(None, None, None)


def test_an_interruption_shows_the_old_turn_until_it_is_done():
    screen, clock = Screen(), Clock()
    with rich_log(screen, clock) as log:
        for event in [
            UserTranscript("tell me a story", final=True, turn=1),
            StateChanged(State.SPEAKING, 1),
            TextDelta("Once upon a time", turn=1),
            StateChanged(State.HEARING, 2),
            UserTranscript("no a joke", turn=2),
        ]:
            log.show(event)
        assert [row for row in screen.rows if row][:3] == [
            "      you  tell me a story",
            "assistant  Once",
            "      you  no a joke…",
        ]
        log.show(TurnDone(1, "tell me a story", "", Outcome.INTERRUPTED, 1.0, 0.0))

        assert screen.rows[:4] == [
            "      you  tell me a story  14:03 · 1.0 s",
            "assistant  — interrupted  14:03",
            "",
            "      you  no a joke…",
        ]


def test_an_announcement_has_no_user():
    screen = Screen()

    shown(screen, [StateChanged(State.SPEAKING, 1), TurnDone(1, "", "Your timer is up.", Outcome.COMPLETED, 0.0, 1.0)])

    assert screen.rows == ["assistant  Your timer is up.  14:03 · 1.0 s"]


def test_levels_and_ticks_draw_at_most_ten_times_a_second():
    screen, clock = Screen(), Clock()
    with rich_log(screen, clock) as log:
        log.show(StateChanged(State.LISTENING, 0))
        n_before = screen.written.count("\r")
        for step in range(1000):
            clock.now_s += 0.001
            log.show(Level(-60.0 + 0.06 * step, speech=False))
            log.tick()

        assert 5 <= screen.written.count("\r") - n_before <= 11


def test_a_quiet_room_writes_nothing():
    screen, clock = Screen(), Clock()
    with rich_log(screen, clock) as log:
        log.show(StateChanged(State.LISTENING, 0))
        clock.now_s += 1.0
        log.show(Level(-50.0, speech=False))
        written = screen.written
        for _ in range(100):
            clock.now_s += 0.1
            log.show(Level(-50.0, speech=False))
            log.tick()

        assert screen.written == written


@pytest.mark.parametrize("width", [*range(1, 31), 47, 48, 60, 100, 200])
@pytest.mark.parametrize("height", [1, 3, 24])
def test_no_size_of_the_terminal_breaks_it(width: int, height: int):
    screen = Screen(width, height)

    shown(screen, TALK)

    assert "noon." in "".join(screen.rows)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_a_terminal_that_has_not_got_our_signs_gets_others(encoding: str):
    screen = Screen(encoding=encoding)

    shown(screen, [*TALK, TurnDone(4, "日本 noon", "Ωx", Outcome.COMPLETED, 1.0, 1.0)])

    assert "assistant  Once upon - interrupted  14:03 - 0.6 s" in screen.rows
    assert "      you  ?? noon  14:03 - 1.0 s" in screen.rows


def test_markup_in_what_is_said_is_not_interpreted():
    screen = Screen(color=True)

    written = shown(screen, [TurnDone(1, "[red]a[/red] :smile:", "[link=x]b", Outcome.COMPLETED, 1, 1)], live=False)

    assert "[red]a[/red] :smile:" in written
    assert "[link=x]b" in written
    assert "\x1b]8" not in written


def test_colours_are_used_and_no_color_is_respected():
    def written(environ: dict[str, str]) -> str:
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, width=80, _environ={"TERM": "xterm-256color", **environ})
        with RichLog(console, live=False, now=lambda: datetime(2026, 1, 2, 14, 3)) as log:
            log.show(NOON)
        return out.getvalue()

    assert "\x1b[1;36myou" in written({})
    assert "\x1b[1myou" in written({"NO_COLOR": "1"})


def test_the_terminal_is_restored_and_the_turn_under_way_kept_when_the_talk_fails():
    screen, terminal = Screen(), Emulator(80)

    def events_that_fail() -> Iterator[SessionEvent]:
        yield from TALK[:9]
        raise RuntimeError("the engine broke")

    with pytest.raises(RuntimeError):
        shown(screen, events_that_fail())

    terminal.feed(screen.written)
    assert terminal.cursor_shown
    assert screen.rows == [
        *IN_THE_END[:2],
        "      you  what time is it  14:03",
        "assistant  It — interrupted  14:03",
    ]


def test_a_broken_pipe_reaches_the_caller(monkeypatch: pytest.MonkeyPatch):
    reader, writer = os.pipe()
    os.close(reader)
    out = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", out)

    with pytest.raises(BrokenPipeError), RichLog() as log:
        log.show(NOON)

    with pytest.raises(BrokenPipeError):
        out.close()
