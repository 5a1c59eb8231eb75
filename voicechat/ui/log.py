"""The conversation on a terminal: what was said scrolls by, below it one live region shows what happens right now.

A turn stays in the live region until it is done, and is then printed for good with its times; one that was dropped,
or goes on in the next, leaves nothing. Colours follow NO_COLOR; a dumb terminal gets no live region, and an encoding
that has not got our signs gets ASCII. Starts no thread but that of the keys: the region is drawn in `show` and `tick`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from voicechat.types import (
    Level,
    Notice,
    Outcome,
    SessionEvent,
    Severity,
    State,
    StateChanged,
    TextDelta,
    TurnDone,
    UserTranscript,
)
from voicechat.ui.conversation import Glyphs, Layout, tidy
from voicechat.ui.keyboard import Keyboard
from voicechat.ui.level_meter import LevelMeter
from voicechat.ui.live_region import LiveRegion
from voicechat.ui.prompt import help_lines, typed_line
from voicechat.ui.sanitize import StreamSanitizer, printable
from voicechat.ui.spoken_text import SpokenText
from voicechat.ui.status import Keys, Mic, Status

MIN_COLUMNS = 8  # laid out for that many on a terminal that has fewer
WORDLESS = "(speech)"  # for an engine that hears, and writes nothing down
REFRESH_S = 0.09  # between two drawings that only time or the level asks for; just under ten a second


@dataclass
class _Turn:
    """A turn under way, as it is drawn."""

    user_clock: str = ""  # when the user began to speak, as hours and minutes
    user_text: str = ""
    user_final: bool = False
    sanitizer: StreamSanitizer = field(default_factory=StreamSanitizer)
    reply: SpokenText = field(default_factory=SpokenText)
    reply_clock: str = ""
    speaking_at: float | None = None  # clock() at which the reply began to sound


class RichLog:
    """Shows a talk on a terminal."""

    def __init__(
        self,
        console: Console | None = None,
        *,
        live: bool = True,
        keys: Keyboard | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """Prepare the view; nothing is written before it is entered.

        Args:
            console: where to; None is the standard output.
            live: False for no live region, as when something else writes to the terminal too (`-v`).
            keys: reads keys during the talk; it is opened and closed with the view.
        """
        self._console = _LogConsole() if console is None else console
        self._glyphs = Glyphs.for_encoding(self._console.encoding)
        self._region = LiveRegion(self._console, enabled=live)
        self._keyboard = keys or Keyboard(None, None, wake=lambda: None)
        self._clock = clock
        self._now = now
        self._turns: dict[int, _Turn] = {}  # those that are not done, by number
        self._status = Status(self._glyphs, LevelMeter())
        self._mic = Mic()
        self._drawn_at = -REFRESH_S
        self._drawn_revision = 0  # of the keyboard
        self._help_printed = False  # where there is no region: asking for it again prints it again
        self._printed_notice = False  # the last thing that was printed is a notice
        self._printed_any = False

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.callback(self._keyboard.close)
            self._keyboard.open(live=self._region.enabled, hide=self._region.close, show=self._reappear)
            if not self._keyboard.away:
                self._region.open()
            opened.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            # A turn that an error cut off: what was understood and heard is not lost with the region.
            for turn in self._turns.values():
                reply = self._spoken(turn)
                self._print_turn(turn, turn.user_text if turn.user_final else "", reply, cut=bool(reply), done=None)
            self._turns.clear()
        finally:
            try:
                self._region.close()
            finally:
                self._keyboard.close()

    def show(self, event: SessionEvent) -> None:
        """Show what has happened.

        Raises:
            OSError: If the terminal is gone.
        """
        match event:
            case Level():
                self._status.meter.push(event.dbfs, self._clock())
                self.tick()
                return
            case StateChanged():
                self._change_state(event)
            case UserTranscript():
                turn = self._turn(event.turn)
                turn.user_text, turn.user_final = self._clean(event.text), event.final
            case TextDelta():
                turn = self._turn(event.turn)
                turn.reply.push(self._encodable(turn.sanitizer.push(event.text)), event.at_s)
            case Notice():
                text = " ".join(self._clean(event.text).split())
                self._print(self._layout().notice(text, warning=event.severity is Severity.WARNING), notice=True)
            case TurnDone():
                self._finish_turn(event)
        self._draw()

    def tick(self) -> None:
        """Let time pass on the screen.

        Raises:
            OSError: If the terminal is gone.
        """
        typed = self._keyboard.revision != self._drawn_revision
        if not self._region.enabled:
            if self._keyboard.help_shown is not self._help_printed:
                self._help_printed = self._keyboard.help_shown
                self._print(self._help_lines(self._layout()), notice=True)
        elif typed or self._clock() - self._drawn_at >= REFRESH_S:
            self._draw()

    def show_mic(self, mic: Mic) -> None:
        """Show whether the user is listened to.

        Raises:
            OSError: If the terminal is gone.
        """
        changed, self._mic = mic != self._mic, mic
        if changed and not self._region.enabled and self._keyboard.available:
            said = "muted" if mic.muted else "listening" if mic.open else "not listening: press space to talk"
            self._print(self._layout().notice(said, warning=False), notice=True)
        self._draw()

    def _reappear(self) -> None:
        """Draw anew after others have written to the terminal."""
        self._region.forget()
        self._region.open()
        self._draw()

    def _turn(self, number: int) -> _Turn:
        return self._turns.setdefault(number, _Turn())

    def _change_state(self, event: StateChanged) -> None:
        self._status.change(event.state, self._clock())
        if event.state is State.HEARING:
            self._turn(event.turn).user_clock = self._wall_clock()
        elif event.state is State.SPEAKING:
            turn = self._turn(event.turn)
            turn.reply_clock, turn.speaking_at = self._wall_clock(), self._clock()

    def _finish_turn(self, done: TurnDone) -> None:
        turn = self._turns.pop(done.turn, _Turn())
        if done.outcome in (Outcome.DROPPED, Outcome.CONTINUED):  # what was continued stands in the next turn
            return
        interrupted = done.outcome is Outcome.INTERRUPTED
        self._print_turn(turn, self._clean(done.user_text), self._clean(done.reply_text), cut=interrupted, done=done)

    def _print_turn(self, turn: _Turn, user_text: str, reply_text: str, *, cut: bool, done: TurnDone | None) -> None:
        """Print what a turn leaves; `cut` marks the reply as interrupted, `done` brings its times."""
        layout = self._layout()
        lines: list[Text] = []
        spoken_s = done.user_s if done else 0.0
        if (user_text := tidy(user_text)) or spoken_s > 0:
            words = Text(user_text) if user_text else Text.assemble((WORDLESS, "dim"))
            lines += layout.message("you", words, _details(turn.user_clock or self._wall_clock(), spoken_s))
        reply = Text(tidy(reply_text))
        if cut:
            reply.append(f"{' ' if reply else ''}{self._glyphs.dash} interrupted", "yellow")
        if reply:
            details = _details(turn.reply_clock or self._wall_clock(), done.reply_s if done else 0.0)
            lines += layout.message("assistant", reply, details)
        if lines and done:
            lines += layout.latency(done.latency)
        if lines:
            self._print(lines)

    def _print(self, lines: list[Text], *, notice: bool = False) -> None:
        """Print lines that stay; an empty line keeps turns apart, and turns from notices."""
        apart = self._printed_any and not (notice and self._printed_notice)
        self._region.draw([], above=[Text(), *lines] if apart else lines)
        self._printed_any, self._printed_notice = True, notice

    def _draw(self) -> None:
        if not self._region.enabled:
            return
        if self._keyboard.away:
            self._region.forget()
            return
        now = self._clock()
        self._drawn_at, self._drawn_revision = now, self._keyboard.revision
        layout = self._layout()
        lines = [line for turn in self._turns.values() for line in self._turn_lines(turn, layout)]
        if lines:
            lines.append(Text())
        if self._printed_any:
            lines.insert(0, Text())
        self._region.draw(lines + self._status_lines(layout, now))

    def _status_lines(self, layout: Layout, now: float) -> list[Text]:
        """Give what is below the turns; the line being typed is the last, where terminals put the words of an IME."""
        keyboard = self._keyboard
        typed = keyboard.line
        keys = Keys(keyboard.holds, typing=typed is not None) if keyboard.available else None
        lines = self._status.lines(layout, now, self._mic, keys)
        if keyboard.help_shown:
            lines += self._help_lines(layout)
        if typed is not None:
            lines.append(typed_line(typed, layout, self._console.encoding))
        return lines

    def _help_lines(self, layout: Layout) -> list[Text]:
        return help_lines(layout, holds=self._keyboard.holds, can_type=self._region.enabled)

    def _turn_lines(self, turn: _Turn, layout: Layout) -> list[Text]:
        lines: list[Text] = []
        if text := tidy(turn.user_text):
            words = Text(text) if turn.user_final else Text.assemble((text + self._glyphs.ellipsis, "italic dim"))
            lines += layout.message("you", words)
        if text := tidy(self._spoken(turn)):
            lines += layout.message("assistant", Text(text))
        return lines

    def _spoken(self, turn: _Turn) -> str:
        return "" if turn.speaking_at is None else turn.reply.until(self._clock() - turn.speaking_at)

    def _layout(self) -> Layout:
        return Layout(max(MIN_COLUMNS, self._console.width), self._glyphs, self._console)

    def _wall_clock(self) -> str:
        return self._now().strftime("%H:%M")

    def _clean(self, text: str) -> str:
        return self._encodable(printable(text))

    def _encodable(self, text: str) -> str:
        encoding = self._console.encoding
        return text.encode(encoding, "replace").decode(encoding)


class _LogConsole(Console):
    """The terminal on the standard output."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)
        if self.is_dumb_terminal:
            self.size = shutil.get_terminal_size()  # rich takes 80 columns for granted

    def on_broken_pipe(self) -> None:
        """Let the error through: rich would end the process."""
        raise  # noqa: PLE0704


def _details(clock: str, spoken_s: float) -> list[str]:
    return [clock, f"{spoken_s:.1f} s"] if spoken_s > 0 else [clock]
