from __future__ import annotations

import io
from pathlib import Path

import pytest

from voicechat.types import (
    Level,
    Notice,
    Outcome,
    Severity,
    State,
    StateChanged,
    TextDelta,
    TurnDone,
    UserTranscript,
)
from voicechat.ui.plain import PlainLog


class FlushCounter(io.StringIO):
    """A stream that remembers what a reader has got."""

    flushed = ""

    def flush(self) -> None:
        self.flushed = self.getvalue()


def test_the_result_is_one_line_per_message_and_notices_go_elsewhere():
    out, err = FlushCounter(), FlushCounter()

    with PlainLog(out, err) as log:
        for event in [
            Notice("the built-in assistant answers"),
            Notice("the microphone went away", Severity.WARNING),
            StateChanged(State.HEARING, 1),
            Level(-30.0, speech=True),
            UserTranscript("what time is it", final=True, turn=1),
            TextDelta("It is noon.", turn=1),
            TurnDone(1, "what time is it", "It is noon.\nReally.", Outcome.COMPLETED, 1.0, 1.0),
            TurnDone(2, "a cough", "", Outcome.DROPPED, 0.1, 0.0),
            TurnDone(3, "", "Your timer is up.", Outcome.COMPLETED, 0.0, 1.0),
            TurnDone(4, "tell me a story", "Once upon", Outcome.INTERRUPTED, 0.0, 1.0),
            TurnDone(5, "stop", "", Outcome.COMPLETED, 0.0, 0.0),
        ]:
            log.show(event)
            log.tick()
            assert out.flushed == out.getvalue()

    assert out.getvalue().splitlines() == [
        "you: what time is it",
        "assistant: It is noon. Really.",
        "assistant: Your timer is up.",
        "you: tell me a story",
        "assistant: Once upon",
        "you: stop",
    ]
    assert err.getvalue().splitlines() == [
        "voicechat: the built-in assistant answers",
        "voicechat: warning: the microphone went away",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_what_the_stream_cannot_write_becomes_a_question_mark(tmp_path: Path, encoding: str):
    path = tmp_path / "log.txt"

    with path.open("w", encoding=encoding) as out, PlainLog(out, out) as log:
        log.show(TurnDone(1, "日本 noon", "x", Outcome.COMPLETED, 1.0, 1.0))

    assert path.read_text(encoding=encoding) == "you: ?? noon\nassistant: x\n"


def test_a_reader_that_leaves_is_the_callers_to_handle():
    class ClosedPipe(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError), PlainLog(ClosedPipe(), io.StringIO()) as log:
        log.show(TurnDone(1, "hello", "", Outcome.COMPLETED, 1.0, 1.0))
