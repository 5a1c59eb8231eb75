"""A reply's words in step with its audio: deltas in, the words spoken so far out. Pure; knows no clock."""

from __future__ import annotations

CHARS_PER_S = 16.0  # of a delta whose end is not known yet: about 190 English words a minute
MIN_CHARS_PER_S = 8.0  # slower than that is a pause after the words, not slow speech
MAX_WORD_CHARS = 24  # a longer run without a space is a script that writes none


class SpokenText:
    """The text of a reply, each piece with its place in the audio."""

    def __init__(self) -> None:
        self._pieces: list[tuple[float, str]] = []  # begins at (s into the audio), words

    def push(self, text: str, at_s: float) -> None:
        """Add the next words; pieces that begin at the same place are one."""
        if self._pieces and at_s <= self._pieces[-1][0]:
            last_at_s, last = self._pieces[-1]
            self._pieces[-1] = (last_at_s, last + text)
        else:
            self._pieces.append((at_s, text))

    def until(self, elapsed_s: float) -> str:
        """Give the words that have begun to be spoken in the first `elapsed_s` seconds of the audio."""
        spoken = ""
        for index, (at_s, text) in enumerate(self._pieces):
            if elapsed_s < at_s:
                break
            pace = CHARS_PER_S
            if index + 1 < len(self._pieces):
                pace = max(MIN_CHARS_PER_S, len(text) / (self._pieces[index + 1][0] - at_s))
            n_chars = int((elapsed_s - at_s) * pace) + 1
            spoken += text if n_chars >= len(text) else text[: _word_end(text, n_chars)]
        return spoken


def _word_end(text: str, n_chars: int) -> int:
    """Give where the word ends that the first `n_chars` characters reach into."""
    end = next((index for index in range(n_chars, len(text)) if text[index].isspace()), len(text))
    return end if end - n_chars <= MAX_WORD_CHARS else n_chars
