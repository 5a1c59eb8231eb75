"""Captions as broadcasters want them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.transcripts.captions import Caption, Captioner, Rules, text_of, width
from voicechat.types import Segment, Word

RULES = Rules()
TEXT = (
    "The crown of the English language, he said, is the short word. It goes to the heart; it needs no help. "
    "We who write for a living know that, and yet we reach for the long one, because it sounds as if we knew more."
)


def captions_of(*segments: Segment) -> list[Caption]:
    captioner = Captioner()
    made = [caption for segment in segments for caption in captioner.push(segment)]
    return [*made, *captioner.finish()]


def spoken(text: str, *, start_s: float = 1.0, chars_per_s: float = 14.0, words: bool = True) -> Segment:
    """Say a text at an even pace."""
    at_s = start_s
    told = []
    for part in text.split():
        told.append(Word(part, at_s, at_s + len(part) / chars_per_s))
        at_s += (len(part) + 1) / chars_per_s
    return Segment(text, start_s, told[-1].end_s, tuple(told) if words else ())


def shown(caption: Caption) -> list[str]:
    return [text_of(line) for line in caption.lines]


def speed(caption: Caption) -> float:
    return sum(width(line) for line in caption.lines) / (caption.end_s - caption.start_s)


@st.composite
def talks(draw: st.DrawFn) -> list[Segment]:
    """A talk at 8 to 16 characters a second, with pauses."""
    segments = []
    at_s = 0.5
    for _ in range(draw(st.integers(1, 4))):
        words = draw(st.lists(st.text("abcdefgh", min_size=1, max_size=14), min_size=1, max_size=60))
        marks = draw(st.lists(st.sampled_from(["", "", "", ",", "."]), min_size=60, max_size=60))
        text = " ".join(word + mark for word, mark in zip(words, marks, strict=False))
        rate = draw(st.floats(8, 16))
        segments.append(spoken(text, start_s=at_s, chars_per_s=rate, words=draw(st.booleans())))
        at_s = segments[-1].end_s + draw(st.floats(0.5, 4))
    return segments


@given(talks())
def test_no_caption_breaks_a_rule_of_space_or_time(talk: list[Segment]) -> None:
    captions = captions_of(*talk)

    for caption in captions:
        assert len(caption.lines) <= RULES.max_lines
        assert all(width(line) <= RULES.line_chars for line in caption.lines)
        assert caption.end_s - caption.start_s <= RULES.max_s + 0.001
    for before, after in itertools.pairwise(captions):
        assert after.start_s - before.end_s >= RULES.gap_s - 0.001
    words = [word for caption in captions for line in shown(caption) for word in line.split()]
    assert words == [word for segment in talk for word in segment.text.split()]


@given(talks())
def test_who_speaks_at_a_readable_pace_is_read_at_one(talk: list[Segment]) -> None:
    # The two frames between captions are taken from the time of the words.
    assert all(speed(caption) <= 20 for caption in captions_of(*talk) if sum(map(width, caption.lines)) > 25)


@given(talks())
def test_the_last_caption_stays_long_enough(talk: list[Segment]) -> None:
    last = captions_of(*talk)[-1]

    assert last.end_s - last.start_s >= RULES.min_s - 0.001
    assert speed(last) <= RULES.chars_per_s + 0.01 or last.end_s - last.start_s > RULES.max_s - 0.01


def test_captions_break_where_sentences_and_clauses_do() -> None:
    captions = captions_of(spoken(TEXT))

    ends = [shown(caption)[-1][-1] for caption in captions]
    assert sum(end in ".,;" for end in ends) >= len(ends) - 1
    assert len(captions) <= 5


def test_a_caption_ends_with_its_sentence_though_more_would_fit() -> None:
    captions = captions_of(
        spoken("He said that he would come on the day. But then he never came to see us at all that year.")
    )

    assert [shown(caption)[-1].endswith(".") for caption in captions] == [True, True]


def test_a_short_caption_is_one_line_and_a_longer_one_two_of_about_the_same_length() -> None:
    assert shown(captions_of(spoken("It goes to the heart."))[0]) == ["It goes to the heart."]
    (caption,) = captions_of(spoken("a row of short words that is about as long as a caption"))
    first, second = shown(caption)
    assert abs(len(first) - len(second)) <= 6


def test_a_word_stays_until_it_can_be_read_if_nothing_follows() -> None:
    (caption,) = captions_of(Segment("yes", 1.0, 1.2))

    assert caption.end_s == pytest.approx(1.0 + RULES.min_s)


def test_a_caption_makes_room_for_the_next() -> None:
    first, second = captions_of(Segment("yes of course I do", 1.0, 1.6), Segment("good", 1.9, 2.4))

    assert first.end_s == pytest.approx(1.9 - RULES.gap_s)
    assert second.start_s == 1.9


def test_who_speaks_at_the_same_time_takes_no_time_from_the_other() -> None:
    first, second = captions_of(
        Segment("this is what the one says", 1.0, 4.0, speaker="1"), Segment("hm", 2.0, 2.5, speaker="2")
    )

    assert first.end_s >= 4.0
    assert second.start_s == 2.0


def test_a_script_without_spaces_is_taken_apart_and_its_characters_count_twice() -> None:
    captions = captions_of(Segment("字" * 100, 0.0, 25.0))

    assert "".join("".join(shown(caption)) for caption in captions) == "字" * 100
    assert all(len(line) <= 21 for caption in captions for line in shown(caption))


def test_a_word_that_fits_on_no_line_is_taken_apart() -> None:
    captions = captions_of(Segment("x" * 100 + " end", 0.0, 8.0))

    assert "".join("".join(shown(caption)) for caption in captions).replace(" ", "") == "x" * 100 + "end"
    assert all(len(line) <= 42 for caption in captions for line in shown(caption))
