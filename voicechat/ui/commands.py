"""What the user can ask for with a key during a talk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Command(StrEnum):
    TALK_DOWN = "talk-down"  # the talk key is held from here on ...
    TALK_UP = "talk-up"  # ... until here
    TALK_TOGGLE = "talk-toggle"  # or begins and ends talking in turns, where the terminal cannot tell
    STOP_REPLY = "stop-reply"
    MUTE = "mute"  # or unmute
    TYPE = "type"
    REPEAT = "repeat"
    QUIT = "quit"
    HELP = "help"


@dataclass(frozen=True)
class TypedLine:
    """A message that was typed instead of spoken; it is not empty and has no control characters."""

    text: str
