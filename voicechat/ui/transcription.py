"""How the transcribing of files is shown: its text as it comes, and on a terminal how far it is, and how fast.

The text goes to standard output, all else to standard error; in a pipe there is no bar. Names and texts of others are
made safe.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from voicechat.types import Notice, Severity
from voicechat.ui.sanitize import printable

MAX_NAME_COLUMNS = 30


class TranscriptionView:
    """Shows a run. For one thread."""

    def __init__(self, out: TextIO, err: TextIO, *, bar: bool = True) -> None:
        """Set up.

        Args:
            bar: show one, if `err` is a terminal.
        """
        self._out = out
        self._err = err
        self._progress: Progress | None = None
        if bar and err.isatty():
            console = Console(file=err)
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                _Position(),
                _Speed(),
                TimeRemainingColumn(elapsed_when_finished=True),
            )
            self._progress = Progress(
                *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
            )
        self._task: Any = None

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away; what is told from now on stays. Idempotent."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def begin(self, name: str, *, index: int, n_files: int, n_failed: int = 0) -> None:
        """Begin with a file."""
        if self._progress is None:
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        count = f"{index + 1}/{n_files} " if n_files > 1 else ""
        failed = f"({n_failed} failed) " if n_failed else ""
        shown = _one_line(name)
        if len(shown) > MAX_NAME_COLUMNS:
            shown = f"{shown[: MAX_NAME_COLUMNS - 1]}…"
        self._task = self._progress.add_task(f"{count}{failed}{shown}", total=None, begun_at=time.monotonic())

    def advance(self, until_s: float, duration_s: float | None) -> None:
        """Show how far a file is, of how much, in seconds."""
        if self._progress is not None and self._task is not None:
            total_s = None if duration_s is None else max(duration_s, until_s)
            self._progress.update(self._task, completed=until_s, total=total_s)

    def refresh(self) -> None:
        """Draw the bar now; it is drawn ten times a second anyway."""
        if self._progress is not None:
            self._progress.refresh()

    def write(self, text: str) -> None:
        """Write whole lines of the transcript to standard output.

        Raises:
            OSError: If it is gone or full.
        """
        if not text:
            return
        if not self._out.isatty():
            self._out.write(text)
            self._out.flush()
            return
        safe = "".join(f"{printable(line)}\n" for line in text.splitlines())
        if self._progress is not None:
            # Above the bar, which is on the same terminal.
            self._progress.console.print(Text(safe), end="", soft_wrap=True)
        else:
            self._out.write(safe)
            self._out.flush()

    def tell(self, notice: Notice) -> None:
        """Say something on standard error."""
        label = "voicechat: warning: " if notice.severity is Severity.WARNING else "voicechat: "
        self.say(label + notice.text)

    def say(self, line: str) -> None:
        """Write a line to standard error."""
        safe = _one_line(line)
        if self._progress is not None:
            self._progress.console.print(Text(safe), soft_wrap=True)
        else:
            self._err.write(safe + "\n")
            self._err.flush()


class _Position(ProgressColumn):
    """How much of the recording is done: 0:01:20/0:10:00."""

    def render(self, task: Task) -> Text:
        done = _minutes(task.completed)
        return Text(done if task.total is None else f"{done}/{_minutes(task.total)}")


class _Speed(ProgressColumn):
    """How much faster than the recording is played."""

    def render(self, task: Task) -> Text:
        elapsed_s = task.elapsed or 0.0
        return Text(f"{task.completed / elapsed_s:.1f}x" if elapsed_s > 0.5 and task.completed else "")


def _minutes(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _one_line(text: str) -> str:
    return " ".join(printable(text, single_line=True).split())
