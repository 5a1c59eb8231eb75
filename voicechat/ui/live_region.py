"""The few lines at the bottom of a terminal that are drawn over and over, below text that stays.

rich.live.Live renders everything it shows at every refresh; this one writes only what has changed (mostly one line,
ten times a second) and erases all of it when the window was made narrower. Knows terminals, not talks.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType, Segment, Segments
from rich.text import Text


class LiveRegion:
    """Lines below the cursor's starting row.

    Styles must be in the spans of a `Text`, not its base style: they are what lines are compared by.

    Attributes:
        enabled: False if it was not wanted, or the terminal cannot move its cursor; then only what stays is printed.
    """

    def __init__(self, console: Console, *, enabled: bool = True) -> None:
        self._console = console
        self._lines: list[Text] = []  # as drawn; the cursor stands behind the last
        self._width = 0  # of the terminal when they were drawn
        self.enabled = enabled and console.is_terminal and not console.is_dumb_terminal

    def open(self) -> None:
        if self.enabled:
            self._console.show_cursor(False)

    def close(self) -> None:
        """Erase the lines and show the cursor again."""
        if self.enabled:
            try:
                self.draw([])
            finally:
                self._console.show_cursor(True)

    def forget(self) -> None:
        """Take what was drawn for text that stays, since others have written to the terminal: draw anew below it."""
        self._lines = []

    def draw(self, lines: Sequence[Text], *, above: Sequence[Text] = ()) -> None:
        """Show `lines`, of which the last fit the window; `above` them, print what stays."""
        console = self._console
        if not self.enabled:
            if above:
                console.print(_segments(console, above), end="", soft_wrap=True)
            return
        width, height = console.size
        fitting = list(lines)[-max(1, height - 1) :]
        same_width = width == self._width
        if same_width and not above and fitting == self._lines:
            return
        with console:  # one write for all of it
            if same_width and not above and fitting and len(fitting) == len(self._lines):
                self._redraw_changed(fitting)
            else:
                self._erase(self._lines, width)
                if above:
                    console.print(_segments(console, above), end="", soft_wrap=True)
                self._print(fitting)
        self._lines, self._width = fitting, width

    def _redraw_changed(self, lines: list[Text]) -> None:
        """Overwrite from the first line that differs on."""
        first = next(index for index, line in enumerate(lines) if line != self._lines[index])
        self._erase(self._lines[first:], self._width)
        self._print(lines[first:])

    def _erase(self, lines: Sequence[Text], width: int) -> None:
        """Erase the last `lines` that were drawn, leave the cursor where they began."""
        if not lines:
            return
        # A terminal that has become narrower has wrapped the lines.
        n_rows = sum(max(1, -(-line.cell_len // width)) for line in lines)
        codes: list[tuple[ControlType, int]] = [(ControlType.ERASE_IN_LINE, 2)]
        for _ in range(n_rows - 1):
            codes += [(ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)]
        self._console.control(Control(ControlType.CARRIAGE_RETURN, *codes))

    def _print(self, lines: Sequence[Text]) -> None:
        if lines:
            segments = [segment for line in lines for segment in (*line.render(self._console), Segment.line())]
            self._console.print(Segments(segments[:-1]), end="", soft_wrap=True)


def _segments(console: Console, lines: Sequence[Text]) -> Segments:
    return Segments([segment for line in lines for segment in line.render(console, end="\n")])
