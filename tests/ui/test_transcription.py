"""How a run is shown: text on one stream, the rest on the other, and a bar only on a terminal."""

from __future__ import annotations

import io

from voicechat.types import Notice, Severity
from voicechat.ui.transcription import TranscriptionView


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_pipe_there_is_text_and_nothing_else() -> None:
    out, err = io.StringIO(), io.StringIO()

    with TranscriptionView(out, err) as view:
        view.begin("a.wav", index=0, n_files=2)
        view.advance(10.0, 60.0)
        view.write("one\n")

    assert (out.getvalue(), err.getvalue()) == ("one\n", "")


def test_notices_are_one_safe_line_on_the_error_stream() -> None:
    out, err = io.StringIO(), io.StringIO()

    with TranscriptionView(out, err) as view:
        view.tell(Notice("'a\x1b[31m\nb' is damaged", Severity.WARNING))

    assert (out.getvalue(), err.getvalue()) == ("", "voicechat: warning: 'a b' is damaged\n")


def test_on_a_terminal_a_bar_shows_how_far_it_is_and_is_gone_at_the_end() -> None:
    out, err = io.StringIO(), Terminal()

    with TranscriptionView(out, err) as view:
        view.begin("talk\x1b[31m.wav", index=1, n_files=3, n_failed=1)
        view.advance(30.0, 60.0)
        view.refresh()
        shown = err.getvalue()

    assert "2/3 (1 failed) talk.wav" in shown
    assert "0:00:30/0:01:00" in shown
    assert "\x1b[31m.wav" not in err.getvalue()
    assert out.getvalue() == ""


def test_text_on_a_terminal_is_made_safe_and_in_a_pipe_it_is_data() -> None:
    terminal, pipe = Terminal(), io.StringIO()

    for out in (terminal, pipe):
        with TranscriptionView(out, io.StringIO()) as view:
            view.write("a\x1b[31mb\n")

    assert terminal.getvalue() == "ab\n"
    assert pipe.getvalue() == "a\x1b[31mb\n"


def test_without_a_bar_the_terminal_is_as_quiet_as_a_pipe() -> None:
    err = Terminal()

    with TranscriptionView(io.StringIO(), err, bar=False) as view:
        view.begin("a.wav", index=0, n_files=1)
        view.advance(1.0, 2.0)

    assert err.getvalue() == ""
