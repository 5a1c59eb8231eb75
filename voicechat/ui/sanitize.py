"""Make untrusted text safe for a terminal: what is left can be read, and cannot do anything.

Removed are the control characters (C0 but newline and tab, DEL, C1), whole escape sequences with their payload, in
their 7-bit and 8-bit forms, and characters that cannot be seen but change what is (bidi controls, tags, separators,
annotations, byte order marks, lone surrogates). Letters, combining marks and the joiners of Indic scripts and emoji
stay. Knows nothing of markup: whoever shows the text must not interpret any.
"""

from __future__ import annotations

import re
from enum import Enum, auto

MAX_SEQUENCE_CHARS = 4096  # a sequence that has not ended by then never will: the text goes on

_REMOVED = (
    "\x00-\x08\x0b-\x1f"  # C0 but tab and newline
    "\x7f-\x9f"  # DEL and C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi marks, overrides and isolates
    "\u206a-\u206f"  # deprecated: symmetric swapping, digit and Arabic shapes
    "\u2028\u2029"  # line and paragraph separator
    "\ufeff\ufff9-\ufffb"  # byte order mark, interlinear annotation
    "\U000e0000-\U000e007f"  # tags
    "\ud800-\udfff"  # lone surrogates: bytes of a name that are not UTF-8
)
_PLAIN = re.compile(f"[^{_REMOVED}]+")
_ESC = "\x1b"
_STRING_ENDS = "\x07\x18\x1a\x9c"  # BEL, CAN, SUB, the 8-bit string terminator; ESC ends it too
_TO_SPACE = str.maketrans("\n\t", "  ")


class _Place(Enum):
    """Where in the text the next character stands."""

    TEXT = auto()
    ESCAPE = auto()  # after ESC
    CSI = auto()  # after ESC [, until the final byte
    STRING = auto()  # in the payload of an OSC, DCS, SOS, PM or APC


# ESC and one of these, or the one C1 character 0x40 above it, begin more than a two-byte sequence.
_INTRODUCERS = {
    "[": _Place.CSI,
    "P": _Place.STRING,
    "X": _Place.STRING,
    "]": _Place.STRING,
    "^": _Place.STRING,
    "_": _Place.STRING,
}
_C1_INTRODUCERS = {chr(ord(char) + 0x40): place for char, place in _INTRODUCERS.items()}


def printable(text: str, *, single_line: bool = False) -> str:
    """Give what of `text` may be shown on a terminal; with `single_line`, newlines and tabs become spaces."""
    shown = StreamSanitizer().push(text)
    return shown.translate(_TO_SPACE) if single_line else shown


class StreamSanitizer:
    """Does what `printable` does to a text that comes in pieces, wherever it is cut. Holds no text back."""

    def __init__(self) -> None:
        self._place = _Place.TEXT
        self._n_swallowed = 0  # characters of the sequence under way

    def push(self, delta: str) -> str:
        """Give what of the next piece may be shown."""
        kept: list[str] = []
        position = 0
        while position < len(delta):
            if self._place is _Place.TEXT and (plain := _PLAIN.match(delta, position)):
                kept.append(plain.group())
                position = plain.end()
            elif self._swallow(delta[position]):
                position += 1
        return "".join(kept)

    def flush(self) -> None:
        """End the text: a sequence that is still open is forgotten, the next piece begins a new text."""
        self._place = _Place.TEXT

    def _swallow(self, char: str) -> bool:
        """Take a character that is not shown; False if it is none, but text that broke a sequence off."""
        self._n_swallowed += 1
        if char == _ESC:
            self._begin(_Place.ESCAPE)
        elif self._place is _Place.STRING:
            if char in _STRING_ENDS or self._n_swallowed >= MAX_SEQUENCE_CHARS:
                self._place = _Place.TEXT
        elif char in _C1_INTRODUCERS:
            self._begin(_C1_INTRODUCERS[char])
        elif self._place is _Place.ESCAPE and self._n_swallowed == 1 and char in _INTRODUCERS:
            self._begin(_INTRODUCERS[char])
        elif self._place is _Place.TEXT:
            pass
        elif not " " <= char <= "~" or self._n_swallowed >= MAX_SEQUENCE_CHARS:
            # No terminal sequence goes on with it: the sequence was broken off.
            self._place = _Place.TEXT
            return False
        elif char >= ("0" if self._place is _Place.ESCAPE else "@"):
            self._place = _Place.TEXT  # the final byte
        return True

    def _begin(self, place: _Place) -> None:
        self._place = place
        self._n_swallowed = 0
