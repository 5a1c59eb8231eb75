"""What a recognizer's model makes of a piece of speech: its text, its words, its language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TimedWord:
    """A word and where it is, in seconds from the start of the sound it was heard in."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Heard:
    """The words of one piece."""

    text: str = ""
    words: tuple[TimedWord, ...] = ()  # where the model tells and was asked
    language: str = ""  # ISO 639-1, where the model tells
