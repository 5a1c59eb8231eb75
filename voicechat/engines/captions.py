"""The words of a reply, held back until they are about to be spoken.

Knows text and seconds only. Mini-Omni writes its answer several times as fast as it speaks it; shown at once, the words
would be far ahead of the voice, and of an interrupted reply more would count as heard than was. Where a word is in the
sound the model does not tell, so this goes by the usual pace of English.
"""

from __future__ import annotations

from collections import deque

CHARS_PER_S = 15.0  # about 150 words a minute


class Captions:
    """Takes a reply's text as it is written, gives it as it is spoken."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._n_given = 0  # characters

    def write(self, text: str) -> None:
        """Append what was written."""
        if text:
            self._waiting.append(text)

    def due(self, spoken_s: float) -> str:
        """Give the words that begin within the first `spoken_s` seconds of the sound, '' if none do any more."""
        due = ""
        while self._waiting and self._n_given <= spoken_s * CHARS_PER_S:
            text = self._waiting.popleft()
            self._n_given += len(text)
            due += text
        return due

    def rest(self) -> str:
        """Give all that is left: the sound is about to end."""
        rest = "".join(self._waiting)
        self._waiting.clear()
        return rest
