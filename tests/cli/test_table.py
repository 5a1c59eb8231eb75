"""Rows on stdout: tab-separated in a pipe, a table on a terminal, and no cell that controls it."""

from __future__ import annotations

import io
import json
import sys

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicechat.cli.table import print_rows

NASTY = "x\x1b[2J\x1b]0;t\x07\t[red]y[/red]\n\u202ez"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_a_heading_and_one_line_per_row(capsys):
    print_rows(
        [{"name": "a b", "sample_rate": 48_000, "used": True, "more": 1}],
        ("name", "sample_rate", "used"),
        as_json=False,
    )

    assert capsys.readouterr().out == "NAME\tSAMPLE RATE\tUSED\na b\t48000\tyes\n"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_a_pipe_gets_as_many_lines_and_cells_whatever_is_in_them(capsys, pairs):
    print_rows([{"a": a, "b": b} for a, b in pairs], ("a", "b"), as_json=False)

    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == len(pairs) + 2
    assert all(line.count("\t") == 1 for line in lines[:-1])


def test_a_terminal_gets_a_table_without_markup_or_control(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    print_rows([{"name": NASTY}], ("name",), as_json=False)

    shown = terminal.getvalue()
    assert "[red]y[/red]" in shown
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown


def test_json_has_all_columns_and_no_raw_character(capsys):
    print_rows([{"name": NASTY, "more": 1}], ("name",), as_json=True)

    printed = capsys.readouterr().out
    assert json.loads(printed) == [{"name": NASTY, "more": 1}]
    assert printed.isascii()
    assert "\x1b" not in printed
