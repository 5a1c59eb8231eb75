"""What was recognized of each stretch of a recording, put together to its segments, in the order they were spoken.

A segment is what was said between two pauses, less if that is long. Knows nothing of audio and recognizers.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voicechat.speech.stretches import MARGIN_S, Stretch
from voicechat.speech.tokens import Token, joined, seam, tokens_of
from voicechat.types import CAPTURE_RATE, Recognized, Segment

LONG_SEGMENT_S = 15.0  # a segment of which the word times are known is cut where it is longer
SENTENCE_END = (".", "!", "?", "。", "！", "？", "…")
SENTENCE_END_WORTH_S = 1.0  # so long a pause is as good a place to cut


@dataclass(frozen=True, eq=False)
class Piece:
    """A stretch of a recording, on its way to the recognizer.

    Attributes:
        channel: index of the channel it is in.
        floor: position before which no speech of a later piece begins.
    """

    stretch: Stretch
    channel: int
    floor: int


@dataclass(frozen=True, eq=False)
class _Heard:
    """A piece and what was recognized of it, as far as it is not a segment yet."""

    piece: Piece
    tokens: Sequence[Token]
    language: str


class Assembly:
    """Makes the segments of one recording; pieces in, in the order they were cut, segments out."""

    def __init__(self, *, split: bool = False) -> None:
        """Set up for one recording.

        Args:
            split: its channels are different speakers, who are called "1", "2" and so on.
        """
        self._split = split
        self._held: dict[int, _Heard] = {}  # by channel: cut within speech, and waiting for what goes on behind
        self._ready: list[tuple[float, int, Segment]] = []  # a heap: by start, then in the order they came
        self._numbers = itertools.count()

    def push(self, piece: Piece, recognized: Recognized) -> Iterator[Segment]:
        """Take a piece and what was recognized of it; yield the segments that none can come before any more."""
        heard = _Heard(piece, tokens_of(piece.stretch, recognized), recognized.language)
        before = self._held.pop(piece.channel, None)
        if before is not None:
            cut_s = before.piece.stretch.speech_end / CAPTURE_RATE
            n_kept, n_dropped = seam(before.tokens, heard.tokens, cut_s)
            self._add(before, before.tokens[:n_kept])
            heard = _Heard(piece, heard.tokens[n_dropped:], heard.language)
        if piece.stretch.goes_on:
            self._held[piece.channel] = heard
        else:
            self._add(heard, heard.tokens)
        held = (each.piece.stretch.speech_start for each in self._held.values())
        floor_s = min([piece.floor, *held]) / CAPTURE_RATE - MARGIN_S  # a word may begin in the margin
        while self._ready and self._ready[0][0] <= floor_s:
            yield heapq.heappop(self._ready)[2]

    def finish(self) -> Iterator[Segment]:
        """End the recording: yield the rest."""
        for heard in self._held.values():
            self._add(heard, heard.tokens)
        self._held.clear()
        while self._ready:
            yield heapq.heappop(self._ready)[2]

    def _add(self, heard: _Heard, tokens: Sequence[Token]) -> None:
        for part in shortened(tokens):
            segment = self._segment(heard, part)
            if segment.text:
                heapq.heappush(self._ready, (segment.start_s, next(self._numbers), segment))

    def _segment(self, heard: _Heard, tokens: Sequence[Token]) -> Segment:
        timed = bool(tokens) and all(token.timed for token in tokens)
        stretch = heard.piece.stretch
        return Segment(
            text=joined(tokens),
            start_s=tokens[0].start_s if timed else stretch.speech_start / CAPTURE_RATE,
            end_s=max(token.end_s for token in tokens) if timed else stretch.speech_end / CAPTURE_RATE,
            words=tuple(token.word for token in tokens) if timed else (),
            speaker=str(heard.piece.channel + 1) if self._split else "",
            language=heard.language,
        )


def shortened(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """Cut the words of a long segment where a sentence ends or the longest pause is, until no part is long."""
    if len(tokens) < 2 or not tokens[0].timed or tokens[-1].end_s - tokens[0].start_s <= LONG_SEGMENT_S:
        return [tokens]
    middle_s = (tokens[0].start_s + tokens[-1].end_s) / 2
    half_s = (tokens[-1].end_s - tokens[0].start_s) / 2

    def worth(index: int) -> float:
        before, behind = tokens[index - 1], tokens[index]
        pause_s = behind.start_s - before.end_s
        ends = before.text.rstrip("\"'”’)»").endswith(SENTENCE_END)
        # Near an edge a cut helps little.
        nearness = 1 - abs((before.end_s + behind.start_s) / 2 - middle_s) / half_s
        return (pause_s + SENTENCE_END_WORTH_S * ends + 0.1) * (0.2 + max(0.0, nearness))

    place = max(range(1, len(tokens)), key=worth)
    return [*shortened(tokens[:place]), *shortened(tokens[place:])]
