"""What all written forms of a transcript have in common; docs/transcripts.md is their description and their promise.

What was recognized is untrusted text: in every form but JSON, where it is escaped, it is one line without control
characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from voicechat.types import Segment
from voicechat.ui.sanitize import printable


@dataclass(frozen=True)
class ErrorRates:
    """How far a transcript is from the words that were said, as shares of those; more than 1 if much was invented."""

    words: float
    characters: float


@dataclass(frozen=True)
class Header:
    """What is known of a transcript before it begins."""

    file: str  # name of the recording, as it was given
    recognizer: str
    words: bool = False  # the times of words are wanted
    titled: bool = False  # others are written before or behind it: say whose it is


@dataclass(frozen=True)
class Footer:
    """What is known of a transcript at its end."""

    duration_s: float
    error_rates: ErrorRates | None = None


class Form(Protocol):
    """Writes one transcript, piece by piece; each call gives the text that goes next."""

    def begin(self, header: Header) -> str: ...

    def add(self, segment: Segment) -> str: ...

    def end(self, footer: Footer) -> str: ...


def clean(text: str) -> str:
    """Give a text as one line that is safe to print."""
    return " ".join(printable(text, single_line=True).split())


def clock(at_s: float, *, separator: str = ".") -> str:
    """Give a time as hours, minutes, seconds and milliseconds: 01:02:03.456."""
    total_ms = round(at_s * 1000)
    seconds, ms = divmod(total_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{separator}{ms:03}"


def speaker_name(segment: Segment) -> str:
    """Give who speaks, '' if that is not known."""
    return f"speaker {segment.speaker}" if segment.speaker else ""
