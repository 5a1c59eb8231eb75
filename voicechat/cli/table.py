"""Rows on stdout: a table on a terminal, tab-separated lines in a pipe, JSON when asked. Cells are made safe."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

import typer


def print_rows(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print one row per line, or all of them as a JSON array.

    Args:
        columns: the keys that are shown, in this order; JSON has them all.
    """
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    heading = [column.upper().replace("_", " ") for column in columns]
    if sys.stdout is not None and sys.stdout.isatty():
        _print_table(heading, cells)
    else:
        for line in (heading, *cells):
            typer.echo("\t".join(line))


def _cell(value: object) -> str:
    from voicechat.ui.sanitize import printable

    if isinstance(value, bool):
        return "yes" if value else ""
    return printable(str(value), single_line=True)


def _print_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in heading:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: markup in a name is not interpreted
    Console().print(table)
