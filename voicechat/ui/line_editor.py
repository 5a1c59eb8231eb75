"""A line being typed: keys and pasted text in, the line and the place of its cursor out. Pure; draws nothing.

The keys are those of a shell: arrows, Home, End, Delete, Backspace, Ctrl-A, B, D, E, F, K, U, W and, with Ctrl, arrows
by words. The cursor moves by what the reader takes for one character, be it an accent or a family of emoji in many code
points. Whatever is put in, no control character ever is in the line.
"""

from __future__ import annotations

from itertools import pairwise

from voicechat.ui.key_codes import Key
from voicechat.ui.sanitize import printable

MAX_CHARS = 4000  # nobody types more, and a paste by mistake is no message


class LineEditor:
    """One line of text.

    Attributes:
        text: the line.
        cursor: an index into it; what is typed goes there.
    """

    def __init__(self) -> None:
        self.text = ""
        self.cursor = 0

    def insert(self, text: str) -> None:
        """Put text in at the cursor; line ends and tabs become spaces, what cannot be shown is left out."""
        clean = printable(text.replace("\r\n", "\n").replace("\r", "\n"), single_line=True)
        clean = clean[: MAX_CHARS - len(self.text)]
        self.text = self.text[: self.cursor] + clean + self.text[self.cursor :]
        self.cursor += len(clean)

    def press(self, key: Key) -> None:
        """Do what a key does; one that does nothing in a line is ignored."""
        if key.text:
            self.insert(key.text)
            return
        match key.name:
            case "left" | "c-b":
                self.cursor = self._before()
            case "right" | "c-f":
                self.cursor = self._after()
            case "home" | "c-a":
                self.cursor = 0
            case "end" | "c-e":
                self.cursor = len(self.text)
            case "c-left":
                self.cursor = self._word_before()
            case "c-right":
                self.cursor = self._word_after()
            case "c-h":
                self._delete(self._before(), self.cursor)
            case "delete" | "c-d":
                self._delete(self.cursor, self._after())
            case "c-w":
                self._delete(self._word_before(), self.cursor)
            case "c-u":
                self._delete(0, self.cursor)
            case "c-k":
                self._delete(self.cursor, len(self.text))

    def _delete(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.cursor = start

    def _before(self) -> int:
        return max((edge for edge in edges(self.text) if edge < self.cursor), default=0)

    def _after(self) -> int:
        return min((edge for edge in edges(self.text) if edge > self.cursor), default=len(self.text))

    def _word_before(self) -> int:
        words = self.text[: self.cursor].rstrip()
        return len(words) - len(words.split()[-1]) if words else 0

    def _word_after(self) -> int:
        words = self.text[self.cursor :].lstrip()
        return len(self.text) - len(words) + len(words.split()[0]) if words else len(self.text)


def edges(text: str) -> list[int]:
    """Give where the characters, as the reader counts them, begin; and the end."""
    from wcwidth import iter_graphemes

    found = [0]
    for grapheme in iter_graphemes(text):
        found.append(found[-1] + len(grapheme))
    return found


def characters(text: str) -> list[str]:
    """Give the text cut into what the reader takes for characters."""
    return [text[start:end] for start, end in pairwise(edges(text))]
