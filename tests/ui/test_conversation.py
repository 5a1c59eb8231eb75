from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from voicechat.types import Latency
from voicechat.ui.conversation import MAX_TEXT_COLUMNS, Glyphs, Layout, tidy

CONSOLE = Console()  # only asked how to wrap
words = st.text("ab é日👩\u200d\t\n ", max_size=200)


def layout(columns: int) -> Layout:
    return Layout(columns, Glyphs(), CONSOLE)


def plain(lines: list[Text]) -> list[str]:
    return [line.plain for line in lines]


@settings(deadline=None)  # slow only where the machine is busy
@given(st.integers(8, 300), words)
def test_no_line_fills_the_terminal_and_no_word_is_lost(columns: int, text: str):
    lines = layout(columns).message("assistant", Text(text), ["14:03", "1.2 s"])

    assert all(line.cell_len < columns for line in lines)
    kept = "".join("".join(plain(lines)).split())
    assert "".join(text.split()) in kept or columns < 20


@settings(deadline=None)  # slow only where the machine is busy
@given(st.integers(8, 300), words)
def test_notices_and_latencies_never_fill_the_terminal(columns: int, text: str):
    lines = [
        *layout(columns).notice(text, warning=True),
        *layout(columns).latency(Latency(520, 640, 700, 810)),
    ]

    assert all(line.cell_len < columns for line in lines)


def test_a_wide_terminal_has_names_in_their_own_column():
    lines = layout(60).message("you", Text("what time is it " * 4), ["14:03", "1.2 s"])

    assert plain(lines) == [
        "      you  what time is it what time is it what time is it",
        "           what time is it  14:03 · 1.2 s",
    ]


def test_a_narrow_terminal_has_names_on_their_own_line():
    lines = layout(24).message("assistant", Text("It is three minutes past two."), ["14:03", "2.8 s"])

    assert plain(lines) == ["assistant 14:03 · 2.8 s", "It is three minutes", "past two."]


def test_a_very_narrow_terminal_does_without_the_time_of_day():
    assert plain(layout(20).message("assistant", Text("Yes."), ["14:03", "2.8 s"]))[0] == "assistant 2.8 s"


def test_details_that_do_not_fit_behind_the_words_stand_below_them():
    lines = layout(60).message("you", Text("a" * 46), ["14:03", "1.2 s"])

    assert plain(lines) == ["      you  " + "a" * 46, "           14:03 · 1.2 s"]


def test_text_is_not_stretched_over_a_very_wide_terminal():
    lines = layout(300).message("you", Text("word " * 100))

    assert max(line.cell_len for line in lines) <= MAX_TEXT_COLUMNS + 11


@pytest.mark.parametrize(
    ("latency", "shown"),
    [
        (Latency(520.4, 640, 700, 810), ["end of turn 520 ms · text 640 · audio 700 · heard 810"]),
        (Latency(520, None, 700, None), ["end of turn 520 ms · audio 700"]),
        (Latency(first_text_ms=30), ["text 30 ms"]),
        (Latency(), []),
    ],
)
def test_only_what_was_measured_is_told(latency: Latency, shown: list[str]):
    assert [line.strip() for line in plain(layout(100).latency(latency))] == shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp1252", "utf-8"])
def test_the_signs_can_be_written_in_the_terminals_encoding(encoding: str):
    glyphs = Glyphs.for_encoding(encoding)

    "".join(vars(glyphs).values()).encode(encoding)
    assert (glyphs == Glyphs()) == (encoding == "utf-8")


def test_a_message_keeps_its_paragraphs_but_no_empty_space():
    assert tidy(" \n one\n \n\n\n two\nthree \n") == "one\n\ntwo\nthree"
