"""How the messages of a conversation look: words in, lines of a given width out. Pure; knows no events.

Two forms: from 48 columns on, names stand in a column of their own; below, on a line of their own. A word is never
interpreted as markup, whoever said it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from voicechat.types import Latency

Speaker = Literal["you", "assistant"]
STYLES: dict[Speaker, str] = {"you": "bold cyan", "assistant": "bold green"}

WIDE_COLUMNS = 48
GUTTER_COLUMNS = len("assistant")
MAX_TEXT_COLUMNS = 88  # longer lines are hard to read


@dataclass(frozen=True)
class Glyphs:
    """The signs we draw with."""

    listening: str = "○"
    active: str = "●"
    filled: str = "━"
    empty: str = "─"
    peak: str = "╸"
    separator: str = "·"
    dash: str = "—"
    ellipsis: str = "…"

    @classmethod
    def for_encoding(cls, encoding: str) -> Glyphs:
        """Give signs that `encoding` can write."""
        unicode = cls()
        try:
            "".join(vars(unicode).values()).encode(encoding)
        except UnicodeEncodeError:
            return cls(
                listening="o", active="*", filled="=", empty="-", peak="|", separator="-", dash="-", ellipsis="..."
            )
        return unicode


@dataclass(frozen=True)
class Layout:
    """Where things stand on a terminal of `columns`, 8 or more."""

    columns: int
    glyphs: Glyphs
    console: Console

    @property
    def wide(self) -> bool:
        return self.columns >= WIDE_COLUMNS

    @property
    def indent_columns(self) -> int:
        return GUTTER_COLUMNS + 2 if self.wide else 0

    @property
    def text_columns(self) -> int:
        """One less than there is: a line that fills the last column leaves terminals in two minds about the cursor."""
        return min(MAX_TEXT_COLUMNS, self.columns - self.indent_columns - 1)

    def message(self, speaker: Speaker, words: Text, details: Sequence[str] = ()) -> list[Text]:
        """Give a message: who said it, the words, and in dim details such as the time."""
        separator = f" {self.glyphs.separator} "
        name = Text.assemble((speaker, STYLES[speaker]))
        lines = self._wrap(words)
        if not self.wide:
            while details and cell_len(f"{speaker} {separator.join(details)}") > self.text_columns:
                details = details[1:]  # the time of day goes first
            return [*self._wrap(Text.assemble(name, (f" {separator.join(details)}", "dim"))), *lines]
        meta = Text.assemble((separator.join(details), "dim"))
        if meta and lines[-1].cell_len + 2 + meta.cell_len <= self.text_columns:
            lines[-1] = Text("  ").join([lines[-1], meta]) if lines[-1] else meta
        elif meta:
            lines.append(meta)
        return self._in_column(lines, name)

    def latency(self, latency: Latency) -> list[Text]:
        """Give how long after the user's last word each thing happened; nothing if nothing was measured."""
        named = [
            ("end of turn", latency.end_of_turn_ms),
            ("text", latency.first_text_ms),
            ("audio", latency.first_audio_ms),
            ("heard", latency.first_sound_ms),
        ]
        parts = [f"{name} {ms:.0f}" for name, ms in named if ms is not None]
        if not parts:
            return []
        parts[0] += " ms"
        separator = f" {self.glyphs.separator} "
        lines = parts[:1]
        for part in parts[1:]:
            if cell_len(lines[-1] + separator + part) <= self.text_columns:
                lines[-1] += separator + part
            else:
                lines.append(part)
        return self._in_column([line for text in lines for line in self._wrap(Text.assemble((text, "dim")))])

    def notice(self, text: str, *, warning: bool) -> list[Text]:
        """Give a notice."""
        sign, style = ("!", "yellow") if warning else (self.glyphs.separator, "dim")
        if self.wide:
            return self._in_column(self._wrap(Text.assemble((text, style))), Text.assemble((sign, style)))
        return self._wrap(Text.assemble((f"{sign} {text}", style)))

    def _wrap(self, text: Text) -> list[Text]:
        lines = list(text.wrap(self.console, self.text_columns, tab_size=4))
        for line in lines:
            line.rstrip()
        return lines or [Text()]

    def _in_column(self, lines: list[Text], first: Text | None = None) -> list[Text]:
        """Put the lines in the text column, and `first` in the gutter of the first one."""
        indented = [Text.assemble(" " * self.indent_columns, line) for line in lines]
        if first is not None:
            indented[0] = Text.assemble(" " * (GUTTER_COLUMNS - first.cell_len), first, "  ", lines[0])
        return indented


def tidy(text: str) -> str:
    """Give the words of a message without space around them and without more than one empty line between them."""
    return re.sub(r"\n\s*\n\s*", "\n\n", text.strip())
