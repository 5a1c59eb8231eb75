"""A reply's words in step with its audio: deltas in, the words spoken so far out. Pure; knows no clock."""

from __future__ import annotations

CHARS_PER_S = 16.0  # of a delta whose end is not known yet: about 190 English words a minute
MIN_CHARS_PER_S = 8.0  # slower than that is a pause after the words, not slow speech
SAME_PLACE_S = 0.05
MAX_WORD_CHARS = 24  # a longer run without a space is a script that writes none


class SpokenText:
    """The text of a reply, each piece with its place in the audio."""

    def __init__(self) -> None:
        self._pieces: list[tuple[float, str]] = []  # begins at (s into the audio), words
        self._n_spoken = 0  # characters given so far: a pace that turns out slower takes no word back

    def push(self, text: str, at_s: float) -> None:
        """Add the next words; pieces that begin at the same place are one."""
        if self._pieces and at_s - self._pieces[-1][0] < SAME_PLACE_S:
            last_at_s, last = self._pieces[-1]
            self._pieces[-1] = (last_at_s, last + text)
        else:
            self._pieces.append((at_s, text))

    def until(self, elapsed_s: float) -> str:
        """Give the words that have begun to be spoken in the first `elapsed_s` seconds of the audio."""
        n_spoken = 0
        for index, (at_s, text) in enumerate(self._pieces):
            if elapsed_s < at_s:
                break
            end_s = self._pieces[index + 1][0] if index + 1 < len(self._pieces) else None
            n_spoken += _n_begun(text, elapsed_s - at_s, None if end_s is None else end_s - at_s)
        self._n_spoken = max(self._n_spoken, n_spoken)
        return "".join(text for _, text in self._pieces)[: self._n_spoken]


def _n_begun(text: str, elapsed_s: float, duration_s: float | None) -> int:
    """Give how many characters of a piece were begun, up to the end of a word; its duration may not be known yet."""
    if duration_s is not None and elapsed_s >= duration_s:
        return len(text)
    pace = CHARS_PER_S if duration_s is None else max(MIN_CHARS_PER_S, len(text) / duration_s)
    n_chars = int(elapsed_s * pace) + 1
    return _word_end(text, n_chars) if n_chars < len(text) else len(text)


def _word_end(text: str, n_chars: int) -> int:
    """Give where the word ends that the first `n_chars` characters reach into."""
    end = next((index for index in range(n_chars, len(text)) if text[index].isspace()), len(text))
    return end if end - n_chars <= MAX_WORD_CHARS else n_chars
