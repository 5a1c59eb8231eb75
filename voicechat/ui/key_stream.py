"""From the bytes of a terminal to keys, however the bytes are cut. Pure; the time limits are its caller's to keep.

The grammar is ECMA-48's: a sequence that nobody knows is read to its end and dropped as a whole, so that nothing of it
is taken for keys. Only an escape character alone is ambiguous, the key or the beginning of a sequence: time must tell.
"""

from __future__ import annotations

import codecs

from voicechat.ui.key_codes import ESCAPE, Key, KeyEvent, Paste, decode, key_of_char

ESCAPE_S = 0.05  # a sequence comes at once; an escape character with nothing behind it for that long is the key
PASTE_S = 1.0  # a paste that stalls for that long has lost its end
MAX_SEQUENCE_CHARS = 256  # a longer one is read to its end, and unknown
MAX_PASTE_CHARS = 100_000
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
_CANCEL = "\x18\x1a"  # CAN and SUB break off any sequence
_STRINGS = "PX]^_"  # behind an escape character: DCS, SOS, OSC, PM, APC; ended by ESC \ or BEL


class KeyStream:
    """Reads what a terminal sends.

    Args:
        encoding: of its text.
    """

    def __init__(self, encoding: str = "utf-8") -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._sequence = ""  # the one under way, from its escape character on
        self._paste: str | None = None  # the one under way

    @property
    def patience_s(self) -> float | None:
        """For how many seconds without a byte to wait before `give_up`; None for ever."""
        if self._paste is not None:
            return PASTE_S
        return ESCAPE_S if self._sequence else None

    def feed(self, data: bytes) -> list[KeyEvent]:
        """Give the keys that are complete with these bytes."""
        keys: list[KeyEvent] = []
        for char in self._decoder.decode(data):
            if self._paste is not None:
                self._add_to_paste(char, keys)
            elif self._sequence:
                self._add_to_sequence(char, keys)
            elif char == ESCAPE:
                self._sequence = ESCAPE
            else:
                _add(key_of_char(char), keys)
        return keys

    def give_up(self) -> list[KeyEvent]:
        """Take what is incomplete as it is: nothing more came in time."""
        if self._paste is not None:
            pasted, self._paste = self._paste, None
            return [Paste(pasted[:MAX_PASTE_CHARS])]
        sequence, self._sequence = self._sequence, ""
        return [Key("escape")] if sequence == ESCAPE else []

    def _add_to_paste(self, char: str, keys: list[KeyEvent]) -> None:
        assert self._paste is not None
        self._paste += char
        if self._paste.endswith(_PASTE_ENDS):
            keys.append(Paste(self._paste.removesuffix(_PASTE_ENDS)[:MAX_PASTE_CHARS]))
            self._paste = None
        elif len(self._paste) > MAX_PASTE_CHARS + MAX_SEQUENCE_CHARS:
            # Its first part is kept, and its last, which may be the beginning of the end.
            self._paste = self._paste[:MAX_PASTE_CHARS] + self._paste[-len(_PASTE_ENDS) :]

    def _add_to_sequence(self, char: str, keys: list[KeyEvent]) -> None:
        sequence = self._sequence
        if char in _CANCEL:
            self._sequence = ""
        elif char == ESCAPE:
            if sequence == ESCAPE:
                keys.append(Key("escape"))  # this one was the key
            # Ends a string, if a backslash follows; in any other sequence it begins the next.
            in_string = sequence[1:2] and sequence[1] in _STRINGS
            self._sequence = sequence[:2] + ESCAPE if in_string else ESCAPE
        elif sequence == ESCAPE:
            self._begin(char, keys)
        elif sequence[1] in _STRINGS:
            if sequence.endswith(ESCAPE):
                self._sequence = ""
                if char != "\\":
                    self._sequence = ESCAPE
                    self._add_to_sequence(char, keys)
            elif char in "\x07\x9c":
                self._sequence = ""
        elif not " " <= char <= "~":
            self._sequence = ""  # broken off: what comes is no part of it
            _add(key_of_char(char), keys)
        else:
            if len(sequence) < MAX_SEQUENCE_CHARS:
                self._sequence += char
            if _ends(sequence, char):
                self._finish(keys)

    def _begin(self, char: str, keys: list[KeyEvent]) -> None:
        """Take the character behind an escape character."""
        if char in "[O" or char in _STRINGS:
            self._sequence += char
            return
        self._sequence = ""
        if not char.isprintable():  # a control character with Alt: rather that key than none
            _add(key_of_char(char), keys)

    def _finish(self, keys: list[KeyEvent]) -> None:
        sequence, self._sequence = self._sequence, ""
        if sequence == _PASTE_BEGINS:
            self._paste = ""
        elif sequence != _PASTE_ENDS:
            _add(decode(sequence), keys)


def _ends(sequence: str, char: str) -> bool:
    """Give whether this character is the final one of a CSI or SS3 sequence."""
    if sequence == "\x1b[" and char == "[":
        return False  # the Linux console's function keys: one more character follows
    return char >= "@"


def _add(key: KeyEvent | None, keys: list[KeyEvent]) -> None:
    if key is not None:
        keys.append(key)
