"""Pieces and their words to segments: where each begins, in what order, and how long it may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.speech.assembly import LONG_SEGMENT_S, Assembly, Piece, shortened
from voicechat.speech.stretches import Stretch
from voicechat.speech.tokens import Token, joined
from voicechat.types import CAPTURE_RATE, Recognized, Segment, Word


def piece(
    start_s: float, end_s: float, *, channel: int = 0, floor_s: float | None = None, goes_on: bool = False
) -> Piece:
    """Give a piece whose stretch has no margin."""
    start, end = round(start_s * CAPTURE_RATE), round(end_s * CAPTURE_RATE)
    stretch = Stretch(np.zeros(end - start, np.float32), start, start, end, goes_on)
    return Piece(stretch, channel, round((end_s if floor_s is None else floor_s) * CAPTURE_RATE))


def assembled(assembly: Assembly, *pieces: tuple[Piece, Recognized]) -> list[Segment]:
    segments = [segment for each, recognized in pieces for segment in assembly.push(each, recognized)]
    return [*segments, *assembly.finish()]


def test_a_segment_has_the_times_of_its_words() -> None:
    recognized = Recognized("one two", (Word("one", 0.5, 0.9), Word("two", 1.0, 1.5)), "en")

    (segment,) = assembled(Assembly(), (piece(10, 12), recognized))

    words = (Word("one", 10.5, 10.9), Word("two", 11.0, 11.5))
    assert segment == Segment("one two", 10.5, 11.5, words, language="en")


def test_without_word_times_it_has_those_of_the_speech() -> None:
    assert assembled(Assembly(), (piece(10, 12), Recognized("one two"))) == [Segment("one two", 10.0, 12.0)]


def test_a_piece_without_words_is_no_segment() -> None:
    assert assembled(Assembly(), (piece(1, 2), Recognized("")), (piece(3, 4), Recognized("  "))) == []


def test_what_was_cut_within_speech_waits_for_what_goes_on_and_is_put_together() -> None:
    assembly = Assembly()
    left = Recognized("a b c d", tuple(Word(text, i, i + 0.5) for i, text in enumerate("abcd")))
    right = Recognized("c d e f", tuple(Word(text, i, i + 0.5) for i, text in enumerate("cdef")))

    first = list(assembly.push(piece(0, 4, goes_on=True), left))
    rest = [*assembly.push(piece(2, 6), right), *assembly.finish()]

    assert first == []
    assert " ".join(segment.text for segment in rest) == "a b c d e f"
    assert [word.start_s for segment in rest for word in segment.words] == [0, 1, 2, 3, 4, 5]


def test_the_channels_are_the_speakers() -> None:
    segments = assembled(
        Assembly(split=True), (piece(1, 2), Recognized("hello")), (piece(3, 4, channel=1), Recognized("hi"))
    )

    assert [(segment.speaker, segment.text) for segment in segments] == [("1", "hello"), ("2", "hi")]


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(1, 40), st.integers(1, 20)), min_size=1, max_size=20),
)
def test_segments_come_in_the_order_they_were_spoken_though_pieces_come_as_they_end(
    spoken: list[tuple[int, int, int]],
) -> None:
    ends = [0.0, 0.0]
    spans = []
    for channel, pause, length in spoken:
        start_s = ends[channel] + pause / 10 + 0.5
        ends[channel] = start_s + length / 10
        spans.append((ends[channel], start_s, channel))
    spans.sort()
    pieces = []
    for index, (end_s, start_s, channel) in enumerate(spans):
        floor_s = min([later_start for _, later_start, _ in spans[index + 1 :]], default=end_s)
        pieces.append((piece(start_s, end_s, channel=channel, floor_s=floor_s), Recognized(f"{start_s:.1f}")))

    segments = assembled(Assembly(split=True), *pieces)

    assert [segment.start_s for segment in segments] == sorted(segment.start_s for segment in segments)
    assert len(segments) == len(spans)


def test_a_segment_is_given_as_soon_as_none_can_come_before_it() -> None:
    assembly = Assembly()

    assert list(assembly.push(piece(0, 2, floor_s=2.6), Recognized("now")))


@given(gaps=st.lists(st.floats(0, 1), min_size=1, max_size=200), sentences=st.integers(3, 30))
def test_a_long_segment_is_cut_until_no_part_is_long_and_no_word_is_lost(gaps: list[float], sentences: int) -> None:
    tokens = []
    at_s = 0.0
    for index, gap in enumerate(gaps):
        at_s += gap
        text = f"w{index}." if index % sentences == 0 else f"w{index}"
        tokens.append(Token(" " if index else "", text, at_s, at_s + 0.3))
        at_s += 0.3

    parts = shortened(tokens)

    assert [token for part in parts for token in part] == tokens
    assert all(part[-1].end_s - part[0].start_s <= LONG_SEGMENT_S or len(part) == 1 for part in parts)


def test_a_long_segment_is_cut_where_a_sentence_ends() -> None:
    texts = [f"w{index}" for index in range(60)]
    texts[25] = "end."
    tokens = [Token(" ", text, 0.3 * index, 0.3 * index + 0.25) for index, text in enumerate(texts)]

    first, second = shortened(tokens)

    assert joined(first).endswith("end.")
    assert first[-1].end_s == pytest.approx(7.75)
    assert len(second) == 34
