"""The words of a recognized stretch as tokens: parts of its text, spaces and all, with times in the recording.

Two stretches that were cut within speech both hold what is around the cut; here they are put together so that each word
is there once. Knows nothing of audio.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from voicechat.speech.stretches import Stretch
from voicechat.types import CAPTURE_RATE, Recognized, Word

SAME_WORD_S = 0.4  # two that are the same and no further apart are one
SAME_GUESS_S = 2.0  # likewise, where the times are guessed from the length of the text
LONG_TOKEN = 20  # characters: a text whose "words" are longer is in a script without spaces


@dataclass(frozen=True)
class Token:
    """A word with the space before it; concatenated, the tokens are the text."""

    space: str
    text: str
    start_s: float  # from the start of the recording
    end_s: float
    timed: bool = True  # its times were told and not guessed

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2

    @property
    def word(self) -> Word:
        return Word(self.text, self.start_s, self.end_s)


def tokens_of(stretch: Stretch, recognized: Recognized) -> list[Token]:
    """Give the words of a stretch in the recording's time; where the recognizer told no times, they are guessed."""
    if recognized.words:
        return _timed(stretch, recognized)
    return _guessed(stretch, recognized.text)


def joined(tokens: Sequence[Token]) -> str:
    """Give the text of tokens."""
    return "".join(token.space + token.text for token in tokens).strip()


def seam(left: Sequence[Token], right: Sequence[Token], cut_s: float) -> tuple[int, int]:
    """Find where to pass from the words of one stretch to those of the next.

    Args:
        left: of the stretch that ends behind the cut.
        right: of the stretch that begins before it.
        cut_s: the cut, in seconds from the start of the recording.

    Returns:
        How many of `left` to keep, and how many of `right` to drop.
    """
    best = (float("inf"), 0, 0)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            timed = a.timed and b.timed
            apart_s = abs(a.middle_s - b.middle_s)
            if apart_s > (SAME_WORD_S if timed else SAME_GUESS_S) or not _key(a.text) or _key(a.text) != _key(b.text):
                continue
            # The nearer to the cut, the more of the sound around the word both have heard. Where times are guessed,
            # a row of the same words tells more than any time.
            from_cut_s = abs((a.middle_s + b.middle_s) / 2 - cut_s)
            cost = from_cut_s + 2 * apart_s if timed else from_cut_s - 100 * _run(left, right, i, j)
            best = min(best, (cost, i + 1, j + 1))
    if best[0] < float("inf"):
        return best[1], best[2]
    return sum(token.middle_s < cut_s for token in left), sum(token.middle_s < cut_s for token in right)


def _timed(stretch: Stretch, recognized: Recognized) -> list[Token]:
    text = recognized.text
    tokens: list[Token] = []
    position = 0  # in the text, behind the last word that was found
    for word in recognized.words:
        spoken = word.text.strip()
        if not spoken:
            continue
        found = text.find(spoken, position)
        between = text[position:found] if found >= 0 else ""
        if found < 0 or _key(between):  # not the text's words: then the words are the text
            between, found = " ", position - len(spoken)
        mark = between.rstrip()  # punctuation that is in no word goes with the word before
        space = between[len(mark) :]
        if mark and tokens:
            tokens[-1] = replace(tokens[-1], text=tokens[-1].text + mark)
        elif mark:
            spoken, space = mark.lstrip() + space + spoken, ""
        position = max(position, found + len(word.text.strip()))
        start_s = _located(stretch, word.start_s)
        tokens.append(Token(space, spoken, start_s, max(start_s, _located(stretch, word.end_s))))
    rest = text[position:].strip()
    if rest and tokens and not _key(rest):
        tokens[-1] = replace(tokens[-1], text=tokens[-1].text + rest)
    return tokens


def _located(stretch: Stretch, at_s: float) -> float:
    """Give a moment of the stretch in the recording's time."""
    return stretch.start / CAPTURE_RATE + min(max(at_s, 0.0), len(stretch.samples) / CAPTURE_RATE)


def _guessed(stretch: Stretch, text: str) -> list[Token]:
    """Spread a text evenly over a stretch."""
    parts = re.findall(r"(\s*)(\S+)", text)
    if parts and sum(len(word) for _, word in parts) > LONG_TOKEN * len(parts):
        parts = re.findall(r"(\s*)(\S)", text)
    char_s = len(stretch.samples) / CAPTURE_RATE / max(1, sum(len(space + word) for space, word in parts))
    tokens = []
    end_s = stretch.start / CAPTURE_RATE
    for space, word in parts:
        start_s, end_s = end_s, end_s + char_s * len(space + word)
        tokens.append(Token(space, word, start_s, end_s, timed=False))
    return tokens


def _run(left: Sequence[Token], right: Sequence[Token], i: int, j: int) -> int:
    """Give how many words in a row, left[i] and right[j] among them, are the same."""
    n_before = 0
    while n_before < min(i, j) and _key(left[i - n_before - 1].text) == _key(right[j - n_before - 1].text):
        n_before += 1
    n_behind = 0
    while (
        i + n_behind + 1 < len(left)
        and j + n_behind + 1 < len(right)
        and _key(left[i + n_behind + 1].text) == _key(right[j + n_behind + 1].text)
    ):
        n_behind += 1
    return n_before + 1 + n_behind


def _key(text: str) -> str:
    """Give what two spellings of a word have in common."""
    return "".join(char for char in text.casefold() if char.isalnum())
