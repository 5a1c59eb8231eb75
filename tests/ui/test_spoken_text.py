from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicechat.ui.spoken_text import CHARS_PER_S, SpokenText

pieces = st.lists(st.tuples(st.text("ab é日 \n", min_size=1), st.floats(0, 20)))


def spoken(pushed: list[tuple[str, float]]) -> SpokenText:
    text = SpokenText()
    for words, at_s in sorted(pushed, key=lambda piece: piece[1]):
        text.push(words, at_s)
    return text


def whole(pushed: list[tuple[str, float]]) -> str:
    return "".join(words for words, _ in sorted(pushed, key=lambda piece: piece[1]))


@given(pieces, st.floats(0, 60), st.floats(0, 60))
def test_what_was_spoken_grows_and_is_always_a_beginning_of_the_reply(
    pushed: list[tuple[str, float]], one_s: float, other_s: float
):
    text = spoken(pushed)

    earlier, later = text.until(min(one_s, other_s)), text.until(max(one_s, other_s))

    assert later.startswith(earlier)
    assert whole(pushed).startswith(later)


@given(pieces)
def test_in_the_end_all_of_it_was_spoken(pushed: list[tuple[str, float]]):
    assert spoken(pushed).until(1e6) == whole(pushed)


def test_a_piece_begins_at_its_place_in_the_audio():
    text = spoken([("One two.", 0.0), (" Three four.", 2.0)])

    assert text.until(-0.1) == ""
    assert text.until(1.99) == "One two."
    assert text.until(2.0) == "One two. Three"


def test_words_appear_at_the_pace_at_which_they_are_spoken():
    text = spoken([("one two three four", 0.0), ("five", 18 / CHARS_PER_S)])

    assert text.until(0.0) == "one"
    assert text.until(3.5 / CHARS_PER_S) == "one two"
    assert text.until(9 / CHARS_PER_S) == "one two three"


def test_tokens_that_came_before_their_audio_are_one_piece():
    text = spoken([("Hel", 0.0), ("lo ", 0.0), ("world", 0.0)])

    assert text.until(0.0) == "Hello"


def test_a_script_without_spaces_does_not_appear_all_at_once():
    text = spoken([("今" * 100, 0.0)])

    assert len(text.until(1.0)) == CHARS_PER_S + 1


def test_a_word_that_was_shown_is_not_taken_back():
    text = spoken([("one two three four", 0.0)])
    shown = text.until(0.5)

    text.push(" five", 10.0)  # so the words before were slower than it seemed

    assert text.until(0.5) == shown
