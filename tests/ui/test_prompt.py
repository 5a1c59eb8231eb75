from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from voicechat.ui.conversation import Glyphs, Layout
from voicechat.ui.line_editor import LineEditor, characters
from voicechat.ui.prompt import around_cursor, help_lines, typed_line

CONSOLE = Console()
TEXTS = st.text(st.sampled_from("ab é日👍\u0301"), max_size=40)


def layout(columns: int) -> Layout:
    return Layout(columns, Glyphs(), CONSOLE)


def line(text: str, cursor: int | None = None) -> LineEditor:
    editor = LineEditor()
    editor.insert(text)
    editor.cursor = len(editor.text) if cursor is None else cursor
    return editor


@given(TEXTS, st.integers(0, 40), st.integers(4, 60))
def test_the_cursor_is_always_seen_and_nothing_is_wider_than_its_place(text: str, cursor: int, columns: int):
    cursor = min(cursor, len(text))

    before, at, after = around_cursor(text, cursor, columns, "…")

    assert cell_len(at) >= 1
    assert cell_len(before + at + after) <= columns
    assert text[:cursor].endswith(before.removeprefix("…"))
    assert "".join(characters(text[cursor:])[1:]).startswith(after.removesuffix("…"))


@given(TEXTS, st.integers(20, 60))
def test_a_line_that_fits_is_shown_whole(text: str, columns: int):
    if cell_len(text) < columns:
        assert around_cursor(text, len(text), columns, "…") == (text, " ", "")


@given(TEXTS, st.integers(0, 40), st.integers(8, 120))
def test_the_line_never_fills_the_terminal(text: str, cursor: int, columns: int):
    shown = typed_line(line(text, min(cursor, len(text))), layout(columns), "utf-8")

    assert cell_len(shown.plain) < columns


def test_the_line_stands_in_the_column_of_the_words():
    assert typed_line(line("hello"), layout(80), "utf-8").plain == "        >  hello "
    assert typed_line(line("hello"), layout(30), "utf-8").plain == "> hello "


def test_a_terminal_that_has_not_got_the_characters_gets_others():
    assert typed_line(line("日本 é"), layout(80), "latin-1").plain == "        >  ?? é "


@pytest.mark.parametrize("columns", range(8, 130))
@pytest.mark.parametrize("holds", [False, True])
def test_the_help_names_every_key_and_fits(columns: int, holds: bool):
    lines = help_lines(layout(columns), holds=holds, can_type=True)

    assert all(line.cell_len < columns for line in lines)
    words = " ".join(line.plain for line in lines).split()
    assert {"space", "Esc", "m", "t", "r", "q", "?"} <= set(words)
