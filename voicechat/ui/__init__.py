"""How a talk is shown: each view takes the session's events, one at a time, on the main thread.

    log.py          RichLog    on a terminal: the conversation scrolls by, below it what happens right now
    plain.py        PlainLog   in a pipe: one line per message
    jsonl.py        JsonLog    with --json: one JSON object per event, for programs (docs/events.md)

keyboard.py, on a terminal, reads what the user asks for with keys, and the messages that are typed (docs/keys.md).

A view is entered before the first event and left after the last, also when the talk fails; leaving it restores the
terminal. What models, networks and files say is untrusted: it passes `sanitize.py` before a terminal can see it.
A view never swallows an error of its stream: `BrokenPipeError` (`| head`) reaches the caller of `show`.

Knows nothing of sessions, devices, models or the configuration.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from voicechat.types import SessionEvent

if TYPE_CHECKING:
    from voicechat.ui.status import Mic


class View(Protocol):
    """Shows a talk. Not thread-safe: one thread enters, feeds and leaves it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def show(self, event: SessionEvent) -> None:
        """Show what has happened.

        Raises:
            OSError: If the stream is gone or full.
        """
        ...

    def show_mic(self, mic: Mic) -> None:
        """Show whether the user is listened to, where somebody looks.

        Raises:
            OSError: If the terminal is gone.
        """
        ...

    def tick(self) -> None:
        """Let time pass on the screen; call it about ten times a second between events. Cheap if nothing changed.

        Raises:
            OSError: If the stream is gone or full.
        """
        ...
