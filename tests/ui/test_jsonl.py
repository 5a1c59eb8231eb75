from __future__ import annotations

import io
import json
import math
import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.hostile import hostile_strings
from voicechat.errors import ModelError
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
from voicechat.ui.jsonl import SCHEMA, EndReason, JsonLog

DOCS = Path(__file__).parents[2] / "docs" / "events.md"
NOW = datetime(2026, 11, 2, 14, 3, 7, 120_000, tzinfo=UTC)

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (float,),
    "boolean": (bool,),
    "object": (dict,),
    "string or null": (str, type(None)),
    "number or null": (float, type(None)),
}
NAMES: dict[tuple[str, str], type[StrEnum]] = {
    ("state", "state"): State,
    ("notice", "severity"): Severity,
    ("turn_done", "outcome"): Outcome,
    ("talk_ended", "reason"): EndReason,
}
TALK: list[SessionEvent] = [
    StateChanged(State.LISTENING, 0),
    Notice("the built-in assistant answers"),
    Notice("the microphone went away", Severity.WARNING),
    Level(-40.0, speech=False),
    *(StateChanged(state, 1) for state in State),
    UserTranscript("what time", turn=1),
    UserTranscript("what time is it", final=True, turn=1),
    TextDelta("It is noon.", turn=1, at_s=0.25),
    TurnDone(1, "what time is it", "It is noon.", Outcome.COMPLETED, 1.2, 0.9, Latency(520.04, 640, 700, 810)),
    TurnDone(2, "", "It is", Outcome.INTERRUPTED, 0, 0.4, user_audio=Path("a.wav"), reply_audio=Path("b.mp3")),
    *(TurnDone(turn, "", "", outcome, math.nan, 0.0) for turn, outcome in enumerate(Outcome, start=3)),
]


def documented() -> dict[str, dict[str, tuple[str, str]]]:
    """Give, for each heading of the page that has a table, the type and the meaning of each field in it."""
    tables: dict[str, dict[str, tuple[str, str]]] = {}
    heading = ""
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.strip("# ")
        elif row := re.fullmatch(r"\| `(\w+)` \| ([\w ]+) \| (.*)\|", line):
            tables.setdefault(heading, {})[row[1]] = (row[2], row[3])
    return tables


def written(events: list[SessionEvent], **how: Any) -> list[dict[str, Any]]:
    out = io.StringIO()
    with JsonLog(out, version="1.2.3", engine="cascade", now=lambda: NOW, **how) as log:
        for event in events:
            log.show(event)
            log.tick()
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_line_is_as_the_documentation_says_and_every_event_is_documented():
    tables = documented()
    lines = written(TALK)

    for line in lines:
        event = line.pop("event")
        latency = line.get("latency")
        for fields, table in [(line, tables[event]), *([(latency, tables["latency"])] if latency else [])]:
            assert list(fields) == list(table), event
            for name, value in fields.items():
                assert type(value) in TYPES[table[name][0]], f"{event}.{name}"
    assert {line["event"] for line in written(TALK)} == set(tables) - {"latency"}


@pytest.mark.parametrize("place", NAMES)
def test_the_documentation_names_every_value_a_named_field_can_have(place: tuple[str, str]):
    event, field = place

    meaning = documented()[event][field][1]

    assert {name.value for name in NAMES[place]} <= set(re.findall(r"`(\w+)`", meaning))


def test_the_documentation_is_of_the_schema_that_is_written():
    assert f"now **{SCHEMA}**" in DOCS.read_text(encoding="utf-8")
    assert written([])[0]["schema"] == SCHEMA


def test_a_turn_is_told_with_its_times_and_files():
    first, second = [line for line in written(TALK) if line["event"] == "turn_done"][:2]

    assert first["ttfa_ms"] == first["latency"]["first_audio_ms"] == 700
    assert first["latency"]["end_of_turn_ms"] == 520.0
    assert (first["interrupted"], second["interrupted"]) == (False, True)
    assert (second["user_audio"], second["reply_audio"]) == ("a.wav", "b.mp3")
    assert second["ttfa_ms"] is None


def test_levels_are_not_written_and_dropped_turns_not_counted():
    lines = written(TALK)

    assert len(lines) == len(TALK) - 1 + 2  # without the level, with the start and the end
    assert lines[-1] == {"event": "talk_ended", "turns": 5, "reason": "completed"}


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (None, "completed"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(143), "terminated"),
        (ModelError("the model broke"), "failed"),
        (RuntimeError("a bug"), "failed"),
    ],
)
def test_the_end_says_why(raised: BaseException | None, reason: str):
    out = io.StringIO()
    log = JsonLog(out, version="1", engine="cascade").__enter__()

    log.__exit__(type(raised) if raised else None, raised, None)

    assert json.loads(out.getvalue().splitlines()[-1])["reason"] == reason


def test_the_caller_may_say_why_it_ended():
    out = io.StringIO()
    with JsonLog(out, version="1", engine="cascade") as log:
        log.end(EndReason.INTERRUPTED)

    assert json.loads(out.getvalue().splitlines()[-1])["reason"] == "interrupted"


class ClosedPipe(io.StringIO):
    """A pipe whose reader leaves after the first line."""

    def flush(self) -> None:
        if self.getvalue().count("\n") > 1:
            raise BrokenPipeError


def test_a_reader_that_leaves_is_the_callers_to_handle():
    out = ClosedPipe()

    with pytest.raises(BrokenPipeError), JsonLog(out, version="1", engine="cascade") as log:
        log.show(Notice("one"))

    assert "talk_ended" not in out.getvalue()


@given(st.text(st.characters()) | st.text(st.sampled_from('\ud800\udc00\x7f\x1b\x9b\u2028\n"\\a')))
def test_any_text_is_one_line_of_printable_ascii_and_comes_back_whole(text: str):
    out = io.StringIO()
    with JsonLog(out, version="1", engine="cascade") as log:
        log.show(Notice(text))

    _, line, _ = out.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["text"] == re.sub("[\ud800-\udfff]", "\ufffd", text)


def test_hostile_texts_and_paths_leave_only_printable_ascii():
    out = io.StringIO()
    with JsonLog(out, version="1", engine="cascade") as log:
        for text in hostile_strings(5_000, seed=3):
            log.show(TurnDone(1, text, text, Outcome.COMPLETED, 1, 1, user_audio=Path(text.replace("\0", "") or "a")))

    assert all(line.isascii() and line.isprintable() for line in out.getvalue().splitlines())
