"""The conversation as plain lines, for a pipe or a file.

    you: what time is it
    assistant: It is noon.

One line per message, written and flushed when its turn ends; what was said without words (a cough, a reply that was
stopped before it was heard) has no line. Newlines inside a message become spaces. Notices go to the error stream as
`voicechat: <text>` or `voicechat: warning: <text>`. These forms are stable; whoever needs more reads `--json`.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from voicechat.types import Notice, Outcome, SessionEvent, Severity, TurnDone
from voicechat.ui.sanitize import printable

if TYPE_CHECKING:
    from voicechat.ui.status import Mic


class PlainLog:
    """Writes each finished message to `out` and each notice to `err`."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def show(self, event: SessionEvent) -> None:
        """Write the event's lines, if it has any.

        Raises:
            OSError: If a stream is gone or full.
        """
        match event:
            case TurnDone(outcome=Outcome.DROPPED | Outcome.CONTINUED):
                pass
            case TurnDone(user_text=user_text, reply_text=reply_text):
                _write_line(self._out, "you: ", user_text)
                _write_line(self._out, "assistant: ", reply_text)
            case Notice(text=text, severity=Severity.WARNING):
                _write_line(self._err, "voicechat: warning: ", text)
            case Notice(text=text):
                _write_line(self._err, "voicechat: ", text)

    def show_mic(self, mic: Mic) -> None:
        """Do nothing: there are no keys here."""

    def tick(self) -> None:
        """Do nothing: a line that was written stays as it is."""


def _write_line(stream: TextIO, label: str, text: str) -> None:
    words = " ".join(printable(text, single_line=True).split())
    if not words:
        return
    encoding = stream.encoding or "utf-8"  # None: a stream of str, as in a test
    stream.write(label + words.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()
