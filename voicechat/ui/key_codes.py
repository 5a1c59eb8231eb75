"""What terminals send for a key: one whole escape sequence in, the key out. Pure; knows nothing of commands.

Most sequences are looked up in prompt_toolkit's table, which knows the dialects. The kitty keyboard protocol, which
also tells when a key is let go, is read here, for that table has none of it:
https://sw.kovidgoyal.net/kitty/keyboard-protocol
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

ESCAPE = "\x1b"

# CSI code:shifted:base ; modifiers:action ; text final. A number of more digits than that is no key's.
_KEY = re.compile(
    r"\x1b\[(?:(\d{1,7})(?::(\d{0,7}))?(?::(\d{1,7}))?)?(?:;(\d{0,7})(?::([123]))?)?(?:;((?:\d{1,7}:?){0,64}))?([A-Za-z~])"
)
_FLAGS = re.compile(r"\x1b\[\?(\d{1,3})u")
_ATTRIBUTES = re.compile(r"\x1b\[\?[\d;]*c")
_SHIFT, _CONTROL = 1, 4
_MODIFIERS = 0b111  # shift, alt, control: those that older terminals tell, too
_LOCKS = 0b1100_0000  # caps lock and num lock change nothing about a command
# The names are prompt_toolkit's. The numbers are the protocol's functional keys; those above 57343 stand on the keypad.
_KITTY_NAMES = {
    9: "c-i",
    13: "c-m",
    27: "escape",
    127: "c-h",
    57414: "c-m",
    57417: "left",
    57418: "right",
    57423: "home",
    57424: "end",
    57426: "delete",
}


class Action(StrEnum):
    PRESS = "press"
    REPEAT = "repeat"  # told apart from a press, and with it a release, only by the kitty protocol
    RELEASE = "release"


@dataclass(frozen=True)
class Key:
    """A key was pressed, repeats, or was let go.

    Attributes:
        name: the character on the key, where Latin letters are, or a name: escape, left, c-m (control and M, Enter).
        text: what it types, "" for a key that types nothing and for a release.
    """

    name: str
    text: str = ""
    action: Action = Action.PRESS


@dataclass(frozen=True)
class Paste:
    """Text was pasted; it may hold anything."""

    text: str


@dataclass(frozen=True)
class Answer:
    """The terminal answers: which of the kitty protocol is on; None for the answer that every terminal gives."""

    kitty_flags: int | None


KeyEvent = Key | Paste | Answer


def key_of_char(char: str) -> Key | None:
    """Give the key of a character outside of any sequence, None if it is none."""
    if char.isprintable():
        return Key(char, char) if char != "\ufffd" else None  # what was not in the terminal's encoding
    code = ord(char)
    if 1 <= code <= 26:
        return Key(f"c-{chr(code + 96)}")
    return {0x1B: Key("escape"), 0x7F: Key("c-h"), 0x1C: Key("c-\\")}.get(code)


def decode(sequence: str) -> Key | Answer | None:
    """Give what a whole escape sequence stands for; None for the many that are nothing to us."""
    if flags := _FLAGS.fullmatch(sequence):
        return Answer(int(flags[1]))
    if _ATTRIBUTES.fullmatch(sequence):
        return Answer(None)
    if sequence == "\x1b[O":
        return Key("focus-out")
    match = _KEY.fullmatch(sequence)
    if match is None:
        return _looked_up(sequence, Action.PRESS)
    code, shifted, base, modifiers, action, text, final = match.groups()
    held = max(0, int(modifiers or 1) - 1)
    event = (Action.PRESS, Action.REPEAT, Action.RELEASE)[int(action or 1) - 1]
    if final == "u":
        return _kitty_key(int(code or 0), int(shifted or 0), int(base or 0), held, event, text or "")
    held &= _MODIFIERS
    number = code or ""
    if held:
        return _looked_up(f"\x1b[{number or 1};{held + 1}{final}", event)
    return _looked_up(f"\x1b[{'' if number == '1' and final != '~' else number}{final}", event)


def _kitty_key(code: int, shifted: int, base: int, held: int, action: Action, text: str) -> Key | None:
    if name := _KITTY_NAMES.get(code):
        return Key(name, action=action) if not held & ~_LOCKS & ~_SHIFT else None
    char = _char(code)
    latin = char if char.isascii() else _char(base) or char
    held &= ~_LOCKS
    if held & _CONTROL:
        return Key(f"c-{latin}", action=action) if held == _CONTROL and latin else None
    if held & ~_SHIFT:
        return None
    typed = "".join(_char(int(number)) for number in text.split(":") if number)
    if not typed:
        typed = _char(shifted) or char if held else char
    if not latin and not typed:
        return None
    return Key(latin, "" if action is Action.RELEASE else typed, action)


def _char(code: int) -> str:
    """Give the character, "" if there is none that could be shown; the protocol's private ones are keys, not text."""
    char = chr(code) if 0 < code <= 0x10FFFF and not 0xE000 <= code <= 0xF8FF else ""
    return char if char.isprintable() else ""


def _looked_up(sequence: str, action: Action) -> Key | None:
    name = names_by_sequence().get(sequence)
    return Key(name, action=action) if name else None


@cache
def names_by_sequence() -> dict[str, str]:
    """Give the names of the keys that send more than a character; the first time, this takes a tenth of a second."""
    from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
    from prompt_toolkit.keys import Keys

    # A tuple is a key with Alt.
    return {sequence: key.value for sequence, key in ANSI_SEQUENCES.items() if isinstance(key, Keys)}
