"""One line that shows how loud the microphone is, for as long as something is being asked of the user."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from voicechat.ui.conversation import Glyphs
from voicechat.ui.level_meter import LevelMeter
from voicechat.ui.live_region import LiveRegion

REDRAW_S = 0.05
LOUD_CELLS = 0.8  # of the bar: -12 dBFS, the last stretch before clipping
MAX_CELLS = 40
MIN_CELLS = 4
NUMBER_COLUMNS = len("  -60 dBFS")


class MeterLine:
    """A label, a bar with peak hold and the level in figures; drawn inside `with`, gone after it.

    Args:
        clock: gives `time.monotonic()`.
    """

    def __init__(self, console: Console, label: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._label = label
        self._clock = clock
        self._glyphs = Glyphs.for_encoding(console.encoding)
        self._meter = LevelMeter()
        self._region = LiveRegion(console)
        self._drawn_at = -REDRAW_S

    def __enter__(self) -> MeterLine:
        self._region.open()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._region.close()

    def show(self, dbfs: float) -> None:
        """Take the next level, -inf for digital silence; draw if the last drawing was a moment ago."""
        now = self._clock()
        self._meter.push(dbfs, now)
        if now - self._drawn_at >= REDRAW_S:
            self._drawn_at = now
            self._region.draw([self._line(dbfs, now)])

    def _line(self, dbfs: float, now: float) -> Text:
        columns = self._console.width - 1
        line = Text.assemble(self._label, "  ")
        n_cells = min(MAX_CELLS, columns - line.cell_len - NUMBER_COLUMNS)
        if n_cells >= MIN_CELLS:
            self._append_bar(line, n_cells, now)
            number = "no signal" if self._meter.no_signal(now) else f"{max(dbfs, -99.0):.0f} dBFS"
            line.append(f"  {number}", "yellow" if self._meter.no_signal(now) else "dim")
        line.truncate(columns)
        return line

    def _append_bar(self, line: Text, n_cells: int, now: float) -> None:
        filled, peak = self._meter.cells(n_cells, now)
        loud = int(n_cells * LOUD_CELLS)
        line.append(self._glyphs.filled * min(filled, loud), "green")
        line.append(self._glyphs.filled * (filled - loud), "yellow")
        if peak > filled:
            line.append(self._glyphs.empty * (peak - filled - 1), "dim")
            line.append(self._glyphs.peak, "green" if peak <= loud else "yellow")
        line.append(self._glyphs.empty * (n_cells - peak), "dim")
