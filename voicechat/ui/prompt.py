"""How the line that is being typed looks, and the line that says what the keys do. Writes nothing."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from voicechat.ui.conversation import GUTTER_COLUMNS, Layout
from voicechat.ui.line_editor import LineEditor, characters

_SIGN = (">", "bold cyan")
_CURSOR = "reverse"


def typed_line(line: LineEditor, layout: Layout, encoding: str) -> Text:
    """Give the line with its cursor; of one that is too long, the part around the cursor."""
    text = line.text.encode(encoding, "replace").decode(encoding)
    indent = " " * (GUTTER_COLUMNS - 1) if layout.wide else ""
    shown = Text.assemble(indent, _SIGN, "  " if layout.wide else " ")
    room = layout.columns - 1 - shown.cell_len
    before, at, after = around_cursor(text, line.cursor, room, layout.glyphs.ellipsis)
    shown.append(before)
    shown.append(at, _CURSOR)
    shown.append(after)
    shown.truncate(layout.columns - 1)
    return shown


def around_cursor(text: str, cursor: int, columns: int, ellipsis: str) -> tuple[str, str, str]:
    """Give what stands before, under and behind the cursor; what does not fit `columns` cells is an ellipsis."""
    before, after = characters(text[:cursor]), characters(text[cursor:])
    at, after = (after[0], after[1:]) if after else (" ", [])
    at = at if cell_len(at) else " "
    room = columns - cell_len(at)
    after_room = min(cell_len("".join(after)), max(room // 3, room - cell_len("".join(before))))
    head = _fitting(before[::-1], room - after_room, ellipsis)
    tail = _fitting(after, room - cell_len("".join(head)), ellipsis)
    return "".join(head[::-1]), at, "".join(tail)


def help_lines(layout: Layout, *, holds: bool, can_type: bool) -> list[Text]:
    """Say what the keys do, in as many lines as it takes."""
    keys = [("space", "hold to talk" if holds else "talk, again to send"), ("Esc", "stop the reply"), ("m", "mute")]
    keys += [("t", "type")] if can_type else []
    keys += [("r", "repeat"), ("q", "quit"), ("?", "hide this" if can_type else "this")]
    separator = Text.assemble((f" {layout.glyphs.separator} ", "dim"))
    lines: list[Text] = []
    for key, meaning in keys:
        item = Text.assemble((key, "bold"), " ", (meaning, "dim"))
        item.truncate(layout.text_columns)
        if lines and lines[-1].cell_len + separator.cell_len + item.cell_len <= layout.text_columns:
            lines[-1] = Text.assemble(lines[-1], separator, item)
        else:
            lines.append(item)
    return [Text.assemble(" " * layout.indent_columns, line) for line in lines]


def _fitting(graphemes: list[str], room: int, ellipsis: str) -> list[str]:
    """Give the first of them, and an ellipsis if that is not all."""
    if cell_len("".join(graphemes)) <= room:
        return graphemes
    fitting: list[str] = []
    for grapheme in graphemes:
        if cell_len("".join(fitting)) + cell_len(grapheme) > room - cell_len(ellipsis):
            break
        fitting.append(grapheme)
    return [*fitting, ellipsis] if room >= cell_len(ellipsis) else fitting
