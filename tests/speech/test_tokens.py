"""Words of stretches in the recording's time, and each word once where two stretches hold the same sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.speech.stretches import Stretch
from voicechat.speech.tokens import joined, seam, tokens_of
from voicechat.types import CAPTURE_RATE, Recognized, Word


def stretch(start_s: float, end_s: float, *, goes_on: bool = False) -> Stretch:
    start, end = round(start_s * CAPTURE_RATE), round(end_s * CAPTURE_RATE)
    return Stretch(np.zeros(end - start, np.float32), start, start, end, goes_on)


def timed(text: str, words: str | None = None, *, step_s: float = 0.5) -> Recognized:
    """Give what a recognizer tells of a text, each word half a second after the one before."""
    parts = (words or text).split()
    return Recognized(text, tuple(Word(word, step_s * i, step_s * i + 0.4) for i, word in enumerate(parts)))


def test_times_are_those_of_the_recording() -> None:
    tokens = tokens_of(stretch(100, 110), timed("one two three"))

    assert [(token.text, token.start_s, token.end_s) for token in tokens] == [
        ("one", 100.0, 100.4),
        ("two", 100.5, 100.9),
        ("three", 101.0, 101.4),
    ]


def test_a_time_outside_the_stretch_is_brought_back_into_it() -> None:
    recognized = Recognized("a b", (Word("a", -1.0, 0.5), Word("b", 9.0, 99.0)))

    tokens = tokens_of(stretch(100, 110), recognized)

    assert (tokens[0].start_s, tokens[1].end_s) == (100.0, 110.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world. How are you?", "Hello, world. How are you?"),
        ("Hello, world. How are you?", "Hello world How are you"),
        ("  Hello,   world. ", "Hello world"),
        ("“Hello,” he said…", "Hello he said"),
        ("— well, no", "well no"),
        ("你好世界。再见", "你 好 世 界。 再 见"),
        ("你好世界。再见", "你 好 世 界 再 见"),
        ("it's a-b c", "it's a-b c"),
        ("", ""),
    ],
)
def test_the_tokens_are_the_text_however_the_words_are_told(text: str, words: str) -> None:
    tokens = tokens_of(stretch(0, 60), timed(text, words))

    assert " ".join(joined(tokens).split()) == " ".join(text.split())


def test_words_that_are_not_in_the_text_are_the_text() -> None:
    tokens = tokens_of(stretch(0, 60), timed("quite different", "one two three"))

    assert joined(tokens) == "one two three"


def test_without_word_times_the_text_is_spread_over_the_stretch() -> None:
    tokens = tokens_of(stretch(10, 20), Recognized("aaaa bbbb"))

    assert [token.text for token in tokens] == ["aaaa", "bbbb"]
    assert not any(token.timed for token in tokens)
    assert tokens[0].start_s == 10
    assert tokens[-1].end_s == pytest.approx(20)


COMMON = "the a cat dog sat on mat and then it was red blue"
WORDS = st.lists(st.sampled_from(COMMON.split()), min_size=4, max_size=40)


@given(
    words=WORDS,
    cut=st.floats(0.2, 0.8),
    jitter=st.lists(st.floats(-0.06, 0.06), min_size=80, max_size=80),
    debris=st.tuples(st.booleans(), st.booleans()),
)
def test_each_word_is_there_once_wherever_the_cut_falls(
    words: list[str], cut: float, jitter: list[float], debris: tuple[bool, bool]
) -> None:
    """Both sides know the words that they hold whole, at times that differ a little, and may invent one at the edge."""
    spans = [(0.35 * i, 0.35 * i + 0.3) for i in range(len(words))]
    end_s = spans[-1][1]
    cut_s = cut * end_s
    left_end, right_start = min(end_s, cut_s + 1), max(0.0, cut_s - 1)

    def side(start_s: float, until_s: float, offset: int) -> Recognized:
        known = [
            Word(word, a - start_s + jitter[offset + i], b - start_s + jitter[offset + i])
            for i, (word, (a, b)) in enumerate(zip(words, spans, strict=True))
            if a >= start_s and b <= until_s
        ]
        return Recognized(" ".join(word.text for word in known), tuple(known))

    left, right = side(0.0, left_end, 0), side(right_start, end_s, 40)
    if debris[0]:
        edge = Word("uh", left_end - 0.05, left_end)
        left = Recognized(f"{left.text} uh", (*left.words, edge))
    if debris[1]:
        right = Recognized(f"hm {right.text}", (Word("hm", 0.0, 0.05), *right.words))
    left_tokens = tokens_of(stretch(0, left_end, goes_on=True), left)
    right_tokens = tokens_of(stretch(right_start, end_s), right)

    n_kept, n_dropped = seam(left_tokens, right_tokens, cut_s)

    assert [token.text for token in [*left_tokens[:n_kept], *right_tokens[n_dropped:]]] == words


def test_without_times_the_same_words_in_a_row_show_the_seam() -> None:
    text = (
        "we were talking of the weather and of the crops in the valley when the door was opened and the old man who "
        "kept the gate came in with a letter for the lady of the house"
    )
    n = len(text)
    left_text, right_text = text[: n * 11 // 20], text[n * 9 // 20 :]  # each begins or ends within a word
    left = tokens_of(stretch(0, 11, goes_on=True), Recognized(left_text))
    right = tokens_of(stretch(9, 20), Recognized(right_text))

    n_kept, n_dropped = seam(left, right, 10.0)

    assert " ".join(token.text for token in [*left[:n_kept], *right[n_dropped:]]) == text
