"""Segments as captions: short enough to be read, and broken where a reader would pause.

The rules are those of broadcasters, here of Netflix's Timed Text Style Guide (general requirements and English, 2025):
lines of 42 characters, two of them, shown for 5/6 to 7 seconds, two frames apart, no more than 17 to 20 characters a
second. Whoever speaks faster than that is shown for as long as there is room; no word is left out.

Pure: knows no file format.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from voicechat.types import Segment

PAUSE_S = 0.3  # between two words, from which it is a good place to break
CLOSED_GAP_S = 0.5  # between two captions: a shorter gap only flickers
_SENTENCE_END = tuple(".!?。！？…")
_CLAUSE_END = tuple(",;:、，；：—–")
_CLOSING = "\"'”’»)]"


@dataclass(frozen=True)
class Rules:
    """How captions are to be."""

    line_chars: int = 42  # a full-width character counts as two
    max_lines: int = 2
    chars_per_s: float = 17.0
    min_s: float = 5 / 6
    max_s: float = 7.0
    gap_s: float = 2 / 24


@dataclass(frozen=True)
class Unit:
    """A word and when it is spoken."""

    space: str  # before it
    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Caption:
    """What is shown at once."""

    lines: tuple[tuple[Unit, ...], ...]
    start_s: float
    end_s: float
    speaker: str = ""


class Captioner:
    """Makes captions of segments as they come; each segment's are ready when it is known when the next begins."""

    def __init__(self, rules: Rules | None = None, *, label: bool = False) -> None:
        """Set up for one transcript.

        Args:
            label: where the speaker changes, begin with who speaks.
        """
        self._rules = rules or Rules()
        self._label = label
        self._speaker = ""  # of the segment before
        self._held: Segment | None = None

    def push(self, segment: Segment) -> list[Caption]:
        """Take the next segment and give the captions of the one before."""
        before, self._held = self._held, segment
        return [] if before is None else self._captions(before, segment)

    def finish(self) -> list[Caption]:
        """Give the captions of the last segment."""
        last, self._held = self._held, None
        return [] if last is None else self._captions(last, None)

    def _captions(self, segment: Segment, following: Segment | None) -> list[Caption]:
        units = units_of(segment, self._rules.line_chars)
        if self._label and units and segment.speaker not in ("", self._speaker):
            first = units[0]
            label = Unit("", f"Speaker {segment.speaker}:", first.start_s, first.start_s)
            units = [label, Unit(" ", first.text, first.start_s, first.end_s), *units[1:]]
        self._speaker = segment.speaker
        room_s = float("inf")  # when the next caption begins
        if following is not None and (following.start_s >= segment.end_s or following.speaker == segment.speaker):
            room_s = following.start_s
        return captions(units, room_s, self._rules, speaker=segment.speaker)


def captions(units: Sequence[Unit], room_s: float, rules: Rules, *, speaker: str = "") -> list[Caption]:
    """Give the words of a segment as captions: those that can be read best, of all ways to break them.

    Args:
        room_s: when the next segment's first caption begins.
    """
    n = len(units)
    costs = [0.0] + [float("inf")] * n  # of the best captions of the first i units
    begins = [0] * (n + 1)  # of the last of those captions
    for end in range(1, n + 1):
        next_s = units[end].start_s if end < n else room_s
        for start in range(end - 1, -1, -1):
            cost = _cost(units[start:end], next_s, rules)
            if cost is None and start < end - 1:
                break  # too long, and what is longer is so, too
            cost = costs[start] + (cost or 0.0) + _break_cost(units, end)
            if cost < costs[end]:
                costs[end], begins[end] = cost, start
    made: list[Caption] = []
    end = n
    while end:
        start = begins[end]
        next_s = made[-1].start_s if made else room_s
        part = units[start:end]
        made.append(Caption(lines(part, rules), part[0].start_s, _shown_until_s(part, next_s, rules), speaker))
        end = start
    return made[::-1]


def lines(units: Sequence[Unit], rules: Rules) -> tuple[tuple[Unit, ...], ...]:
    """Break a caption into lines: as few as possible, of about the same length, best where a clause ends.

    What does not fit, as no caption of `captions` does, gets more lines than it should.
    """
    if width(units) <= rules.line_chars:
        return (tuple(units),)
    places = [
        index
        for index in range(1, len(units))
        if width(units[:index]) <= rules.line_chars and width(units[index:]) <= rules.line_chars
    ]
    if not places:
        fitting = max((i for i in range(1, len(units)) if width(units[:i]) <= rules.line_chars), default=1)
        return (tuple(units[:fitting]), *(lines(units[fitting:], rules) if units[fitting:] else ()))

    def worth(index: int) -> float:
        uneven = abs(width(units[:index]) - width(units[index:])) / rules.line_chars
        return -uneven - _break_cost(units, index)

    place = max(places, key=worth)
    return (tuple(units[:place]), tuple(units[place:]))


def text_of(units: Sequence[Unit]) -> str:
    """Give the text of a line."""
    return "".join(unit.space + unit.text for unit in units).strip()


def width(units: Sequence[Unit]) -> int:
    """Give how many characters wide a line is."""
    return sum(_width(unit.space + unit.text) for unit in units) - (_width(units[0].space) if units else 0)


def units_of(segment: Segment, longest: int = 42) -> list[Unit]:
    """Give the words of a segment; times that are not known are guessed from the length of the text.

    Args:
        longest: characters; a longer word, or a text without spaces, is taken apart.
    """
    units: list[Unit] = []
    position = 0
    for word in segment.words:
        found = segment.text.find(word.text, position)
        if found < 0 or segment.text[position:found].strip():
            break
        units.append(Unit(segment.text[position:found], word.text, word.start_s, word.end_s))
        position = found + len(word.text)
    if not units or segment.text[position:].strip():
        units = [Unit("", segment.text, segment.start_s, segment.end_s)]
    parts: list[Unit] = []
    for unit in units:
        parts += _parts(unit, longest)
    return parts


def _parts(unit: Unit, longest: int) -> Iterator[Unit]:
    """Yield the words of a unit that may be several, or one that is too long for a line."""
    words = unit.text.split()
    if len(words) == 1 and _width(unit.text) > longest:
        words, space = list(unit.text), ""
    else:
        space = " "
    n_chars = sum(map(len, words)) or 1
    start_s = unit.start_s
    for index, word in enumerate(words):
        end_s = start_s + (unit.end_s - unit.start_s) * len(word) / n_chars
        part = Unit(space if index else unit.space, word, start_s, end_s)
        if len(word) > 1 and _width(word) > longest:
            yield from _parts(part, longest)
        else:
            yield part
        start_s = end_s


@lru_cache(maxsize=4096)
def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _shown_until_s(units: Sequence[Unit], next_s: float, rules: Rules) -> float:
    """Give when a caption goes: once it was spoken and can have been read, before the next."""
    start_s, spoken_s = units[0].start_s, max(unit.end_s for unit in units)
    latest_s = next_s - rules.gap_s
    wanted_s = max(spoken_s, start_s + max(width(units) / rules.chars_per_s, rules.min_s))
    if wanted_s < latest_s < spoken_s + CLOSED_GAP_S:
        wanted_s = latest_s
    until_s = min(wanted_s, max(latest_s, start_s), max(start_s + rules.max_s, spoken_s))
    return max(until_s, start_s + 0.001)


def _cost(units: Sequence[Unit], next_s: float, rules: Rules) -> float | None:
    """Give how badly a caption can be read; None if it does not fit."""
    n_chars = width(units)
    spoken_s = max(unit.end_s for unit in units) - units[0].start_s
    if len(units) > 1 and (spoken_s > rules.max_s or len(lines(units, rules)) > rules.max_lines):
        return None
    shown_s = _shown_until_s(units, next_s, rules) - units[0].start_s
    too_fast = max(0.0, n_chars / shown_s / rules.chars_per_s - 1)
    too_short = max(0.0, 1 - shown_s / rules.min_s)
    inner_pause_s = max((b.start_s - a.end_s for a, b in itertools.pairwise(units)), default=0.0)
    small = max(0.0, 1 - n_chars / rules.line_chars)
    return 1 + 20 * too_fast**2 + 5 * too_short + small + max(0.0, inner_pause_s - PAUSE_S)


def _break_cost(units: Sequence[Unit], index: int) -> float:
    """Give how bad it is to break before units[index]."""
    if index == len(units):
        return 0.0
    before = units[index - 1].text.rstrip(_CLOSING)
    if before.endswith(_SENTENCE_END):
        return 0.0
    if before.endswith(_CLAUSE_END):
        return 0.3
    return 0.4 if units[index].start_s - units[index - 1].end_s >= PAUSE_S else 1.0
