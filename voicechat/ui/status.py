"""The line that says what the assistant is doing right now, with the level meter and the keys. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from voicechat.types import State
from voicechat.ui.conversation import GUTTER_COLUMNS, MAX_TEXT_COLUMNS, Glyphs, Layout
from voicechat.ui.level_meter import LevelMeter

_LABELS = {
    State.LISTENING: "listening",
    State.HEARING: "hearing you",
    State.THINKING: "thinking",
    State.SPEAKING: "speaking",
}
_STYLES = {
    State.LISTENING: "dim",
    State.HEARING: "bold cyan",
    State.THINKING: "bold yellow",
    State.SPEAKING: "bold green",
}
_LABEL_COLUMNS = max(map(len, _LABELS.values()))
_MAX_METER_CELLS = 24
_MIN_METER_CELLS = 4
_HINT_GAP = 3
_HINTS_IDLE = ("Ctrl-C ends the talk", "Ctrl-C ends")
_HINTS_REPLYING = ("Ctrl-C stops the reply, again ends the talk", "Ctrl-C stops the reply", "Ctrl-C stops")
_HINTS_KEYS = ("? shows the keys, q quits", "? shows the keys", "? keys")
_HINTS_STOP = ("Esc stops the reply, ? shows the keys", "Esc stops the reply", "Esc stops")
_HINTS_TYPING = ("Enter sends, Esc leaves", "Enter sends")
_HINTS_MUTED = ("m unmutes, ? shows the keys", "m unmutes")
_LOUD_CELLS = 0.8  # of the bar: -12 dBFS, the last stretch before clipping


@dataclass(frozen=True)
class Mic:
    """Whether the user is listened to.

    Attributes:
        muted: not at all.
        push_to_talk: only while they say so with a key.
        talking: which they do right now.
    """

    muted: bool = False
    push_to_talk: bool = False
    talking: bool = False

    @property
    def open(self) -> bool:
        return not self.muted and (self.talking or not self.push_to_talk)


@dataclass(frozen=True)
class Keys:
    """What there is to know about the keys.

    Attributes:
        holds: whether the talk key is held, or else pressed twice.
        typing: whether they are typing a message.
    """

    holds: bool = False
    typing: bool = False


class Status:
    """What is going on, since when, and how loud it is."""

    def __init__(self, glyphs: Glyphs, meter: LevelMeter) -> None:
        self.meter = meter
        self._glyphs = glyphs
        self._state: State | None = None
        self._since = 0.0

    def change(self, state: State, at: float) -> None:
        self._state, self._since = state, at

    def lines(self, layout: Layout, now: float, mic: Mic = Mic(), keys: Keys | None = None) -> list[Text]:
        """Give one line, or two where the hint does not fit behind it; none before the first state.

        Args:
            layout: where things stand.
            now: `time.monotonic()`.
            mic: whether the user is listened to.
            keys: None if there are none but Ctrl-C.
        """
        state = self._state
        if state is None:
            return []
        sign = self._glyphs.listening if state is State.LISTENING else self._glyphs.active
        label = _LABELS[state]
        if state is State.THINKING:
            label += f" {max(0.0, now - self._since):.1f} s"
        replying = state in (State.THINKING, State.SPEAKING)
        indent = " " * (GUTTER_COLUMNS - 1) if layout.wide else ""
        line = Text.assemble(
            indent, (sign, _STYLES[state]), "  " if layout.wide else " ", (label.ljust(_LABEL_COLUMNS), _STYLES[state])
        )
        room = min(layout.columns - 1, layout.indent_columns + MAX_TEXT_COLUMNS)
        hints = _hints(replying, mic, keys)
        if mic.muted:
            line.append("  ")
            line.append("muted", "yellow")
        elif not replying and mic.open:
            beside_hint = room - line.cell_len - 2 - _HINT_GAP - len(hints[0]) if layout.wide else 0
            n_cells = beside_hint if beside_hint >= _MIN_METER_CELLS else room - line.cell_len - 2
            self._append_meter(line, min(_MAX_METER_CELLS, n_cells), now)
        line.rstrip()
        line.truncate(room)
        return _with_hint(line, room, layout, hints)

    def _append_meter(self, line: Text, n_cells: int, now: float) -> None:
        if not self.meter.used or n_cells < _MIN_METER_CELLS:
            return
        line.append("  ")
        if self.meter.no_signal(now):
            line.append("no signal"[:n_cells], "yellow")
            return
        filled, peak = self.meter.cells(n_cells, now)
        loud = int(n_cells * _LOUD_CELLS)
        line.append(self._glyphs.filled * min(filled, loud), "green")
        line.append(self._glyphs.filled * (filled - loud), "yellow")
        if peak > filled:
            line.append(self._glyphs.empty * (peak - filled - 1), "dim")
            line.append(self._glyphs.peak, "green" if peak <= loud else "yellow")
        line.append(self._glyphs.empty * (n_cells - peak), "dim")


def _hints(replying: bool, mic: Mic, keys: Keys | None) -> tuple[str, ...]:
    """Give what to do now, from the longest way to say it to the shortest."""
    if keys is None:
        return _HINTS_REPLYING if replying else _HINTS_IDLE
    if keys.typing:
        return _HINTS_TYPING
    if replying:
        return _HINTS_STOP
    if mic.muted:
        return _HINTS_MUTED
    if not mic.push_to_talk:
        return _HINTS_KEYS
    if mic.talking:
        return ("release space to send",) if keys.holds else ("press space to send",)
    short = "hold space to talk" if keys.holds else "press space to talk"
    return (f"{short}, ? shows the keys", short) if keys.holds else (f"{short}, again to send", short)


def _with_hint(line: Text, room: int, layout: Layout, hints: tuple[str, ...]) -> list[Text]:
    """Put the longest hint that fits at the right end of the line; on a narrow terminal, below it."""
    for hint in hints:
        gap = room - line.cell_len - len(hint)
        if layout.wide and gap >= _HINT_GAP:
            return [Text.assemble(line, " " * gap, (hint, "dim"))]
    for hint in hints:
        if not layout.wide and len(hint) <= room:
            return [line, Text.assemble((hint, "dim"))]
    return [line]
