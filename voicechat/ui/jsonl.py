"""The events of a talk as JSON lines, for programs; docs/events.md is their description and their promise.

Texts are data here: nothing is stripped, everything but printable ASCII is escaped, so that a line can be read by any
JSON parser and passes through any terminal unharmed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from voicechat.types import (
    Latency,
    Level,
    Notice,
    Outcome,
    SessionEvent,
    StateChanged,
    TextDelta,
    TurnDone,
    UserTranscript,
)

if TYPE_CHECKING:
    from voicechat.ui.status import Mic

SCHEMA = 1  # raised when an event or a field is removed or changes its meaning; not when one is added

_SURROGATE = re.compile("[\ud800-\udfff]")
_Value = str | int | float | bool | None | dict[str, float | None]


class EndReason(StrEnum):
    """Why a talk ended."""

    COMPLETED = "completed"  # the input was used up, or the user said goodbye
    INTERRUPTED = "interrupted"  # Ctrl-C
    TERMINATED = "terminated"  # SIGTERM
    FAILED = "failed"  # an error, which the error stream tells


class JsonLog:
    """Writes each event but `Level` to `out`, framed by `talk_started` and `talk_ended`; each line is flushed."""

    def __init__(
        self,
        out: TextIO,
        *,
        version: str,
        engine: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._out = out
        self._version = version
        self._engine = engine
        self._now = now
        self._n_turns = 0
        self._reason: EndReason | None = None

    def __enter__(self) -> Self:
        started_at = self._now().isoformat(timespec="milliseconds")
        self._write("talk_started", schema=SCHEMA, version=self._version, engine=self._engine, started_at=started_at)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # An OSError is this very stream's, gone or full: a last line would only fail again.
        if not isinstance(exc, OSError):
            self._write("talk_ended", turns=self._n_turns, reason=self._reason or _reason_of(exc))

    def end(self, reason: EndReason) -> None:
        """Say why the talk is ending, where the exception that leaves the view would not tell."""
        self._reason = reason

    def show(self, event: SessionEvent) -> None:
        """Write the event as one line.

        Raises:
            OSError: If the stream is gone or full.
        """
        match event:
            case StateChanged():
                self._write("state", turn=event.turn, state=event.state.value)
            case UserTranscript():
                self._write("user_transcript", turn=event.turn, text=event.text, final=event.final)
            case TextDelta():
                self._write("text_delta", turn=event.turn, text=event.text, at_s=_rounded(event.at_s, 3))
            case Notice():
                self._write("notice", severity=event.severity.value, text=event.text)
            case TurnDone():
                self._show_turn(event)
            case Level():
                pass

    def show_mic(self, mic: Mic) -> None:
        """Do nothing: there are no keys here."""

    def tick(self) -> None:
        """Do nothing: a line that was written stays as it is."""

    def _show_turn(self, done: TurnDone) -> None:
        self._n_turns += done.outcome not in (Outcome.DROPPED, Outcome.CONTINUED)
        latency = _latency(done.latency)
        self._write(
            "turn_done",
            turn=done.turn,
            user_text=done.user_text,
            reply_text=done.reply_text,
            outcome=done.outcome.value,
            interrupted=done.outcome is Outcome.INTERRUPTED,
            ttfa_ms=latency["first_audio_ms"],
            latency=latency,
            user_s=_rounded(done.user_s, 3),
            reply_s=_rounded(done.reply_s, 3),
            user_audio=_path(done.user_audio),
            reply_audio=_path(done.reply_audio),
        )

    def _write(self, event: str, **fields: _Value) -> None:
        self._out.write(json_line({"event": event, **fields}) + "\n")
        self._out.flush()


def json_line(fields: dict[str, _Value]) -> str:
    """Give one line of printable ASCII that any JSON parser reads; half of a surrogate pair becomes U+FFFD."""
    whole = {key: _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value for key, value in fields.items()}
    return json.dumps(whole, ensure_ascii=True, allow_nan=False)


def _latency(latency: Latency) -> dict[str, float | None]:
    return {
        "end_of_turn_ms": _rounded(latency.end_of_turn_ms, 1),
        "first_text_ms": _rounded(latency.first_text_ms, 1),
        "first_audio_ms": _rounded(latency.first_audio_ms, 1),
        "first_sound_ms": _rounded(latency.first_sound_ms, 1),
    }


def _rounded(number: float | None, digits: int) -> float | None:
    """Round for the reader; what JSON cannot write, NaN and the infinities, is null."""
    return round(float(number), digits) if number is not None and math.isfinite(number) else None


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _reason_of(exc: BaseException | None) -> EndReason:
    match exc:
        case None:
            return EndReason.COMPLETED
        case KeyboardInterrupt():
            return EndReason.INTERRUPTED
        case SystemExit(code=143):
            return EndReason.TERMINATED
        case _:
            return EndReason.FAILED
