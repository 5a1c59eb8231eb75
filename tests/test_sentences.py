from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.sentences import FIRST_CHARS, MAX_CHARS, sentences

# Sentences and what looks like their ends, between random text.
PIECES = [
    "Hello there. ",
    "It is 3.14. ",
    "Dr. No",
    " e.g. ",
    "5 p.m. ",
    "Why? ",
    "… ",
    "。",
    "！」",
    "\n",
    "http://a.b/c?d=1. ",
    ", ",
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=20) | st.just("word " * 70), max_size=15).map("".join)


def chunked(text: str, sizes: list[int]) -> Iterator[str]:
    position = 0
    for size in itertools.cycle(sizes or [1]):
        if position >= len(text):
            return
        yield text[position : position + size]
        position += size


@given(texts)
def test_nothing_is_lost_but_white_space(text: str):
    found = list(sentences([text]))

    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(sentence and sentence == sentence.strip() for sentence in found)


@given(texts, st.lists(st.integers(1, 30), max_size=5))
def test_how_the_text_is_cut_into_deltas_makes_no_difference(text: str, sizes: list[int]):
    assert list(sentences(chunked(text, sizes))) == list(sentences([text]))


@given(texts)
@settings(max_examples=50)
def test_what_is_held_back_is_bounded(text: str):
    given_chars = spoken_chars = 0
    most_held = 0

    def deltas() -> Iterator[str]:
        nonlocal given_chars, most_held
        for char in text:
            most_held = max(most_held, given_chars - spoken_chars)
            given_chars += not char.isspace()
            yield char

    for sentence in sentences(deltas()):
        spoken_chars += len("".join(sentence.split()))
        assert len(sentence) <= MAX_CHARS

    assert most_held <= MAX_CHARS + 1


@pytest.mark.parametrize(
    "expected",
    [
        ["Hello.", "How are you?", "Fine!", "Good."],
        ["It is 3.14 or 1,000.5 now.", "Yes."],
        ["Dr. Smith met Mr. and Mrs. Jones, e.g. here, i.e. at St. Mary's.", "They left."],
        ["It is 5 p.m. in Rome.", "It is 5 p.m.", "The sun sets."],
        ["See https://example.org/a?b=c.d!e for more.", "Bye."],
        ["No. 5 is alive.", "No.", "I do not."],
        ["Jan. 5 is a Monday.", "J. R. Tolkien wrote it.", "It was I.", "He left."],
        ["He said \"Stop!\" and left.", "\"Why?\" he asked.", "(Yes.)", "*Bold.*", "“Good.”", "Well."],
        ["Well... maybe.", "Well...", "Maybe…", "So be it."],
        ["1. Take an egg.", "2. Boil it."],
        ["Really?!", "Yes.", "ok.", "fine."],
        ["The U.S. economy, etc., grows.", "It ended in the U.S. 50 years ago."],
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_would_end_them(expected: list[str]):
    assert list(sentences([" ".join(expected)])) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好。今天好吗？好！", ["你好。", "今天好吗？", "好！"]),
        ("「好。」他说。", ["「好。」", "他说。"]),
        ("first line\nsecond line\r\n\nthird", ["first line", "second line", "third"]),
        ("क्या? हाँ। ठीक", ["क्या?", "हाँ।", "ठीक"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_other_scripts_and_lines_end_too(text: str, expected: list[str]):
    assert list(sentences([text])) == expected


@pytest.mark.parametrize("sentence", ["Hello there.", "Why?", "Oh!", "好。", "Is it 3.14?", "He said “no.”"])
def test_a_sentence_is_given_with_the_first_character_after_it(sentence: str):
    asked = []

    def deltas() -> Iterator[str]:
        for char in f"{sentence} Xyz":
            asked.append(char)
            yield char

    assert next(sentences(deltas())) == sentence
    assert "".join(asked) == f"{sentence} X"


def test_a_line_is_given_with_its_end():
    assert next(sentences(iter(["a heading\n", pytest.fail]))) == "a heading"


def test_a_long_first_sentence_begins_with_its_first_clauses():
    text = (
        "The weather will be fine in the whole of the country today, with some clouds in the north, " + "and rain " * 9
    )

    first, *rest = sentences([text])

    assert first == "The weather will be fine in the whole of the country today,"
    assert len(first) < FIRST_CHARS
    assert len(rest) == 1


def test_later_sentences_are_not_cut_at_a_comma():
    later = "The weather will be fine in the whole of the country today, with some clouds in the north, and rain."

    assert list(sentences(["Yes. ", later])) == ["Yes.", later]


def test_text_without_an_end_is_cut_between_words():
    found = list(sentences(["word " * 200]))

    assert len(found) > 1
    assert all(set(sentence.split()) == {"word"} for sentence in found)


def test_a_word_without_an_end_is_cut_too():
    found = list(sentences(["x" * 1000]))

    assert [len(sentence) for sentence in found] == [MAX_CHARS] * 3 + [100]
