from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.skills.asking import ask
from voicechat.skills import spelling


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("spell necessary", "Necessary is spelled N, E, C, E, S, S, A, R, Y."),
        ("how do you spell necessary", "Necessary is spelled N, E, C, E, S, S, A, R, Y."),
        ("can you spell the word cat for me", "Cat is spelled C, A, T."),
        ("how is the word cat spelled", "Cat is spelled C, A, T."),
        ("how do you spell can't", "Can't is spelled C, A, N, T."),
        ("spell ice cream", "Ice: I, C, E. Cream: C, R, E, A, M."),
        ("spell", "Which word shall I spell? Say, for example, spell necessary."),
        ("spell " + "a" * 61, "That is too long to spell. Give me a word or two."),
        # as a recognizer hears it
        ("how do you still necessary", "Necessary is spelled N, E, C, E, S, S, A, R, Y."),
    ],
)
def test_words_are_spelled(text: str, reply: str):
    assert ask(spelling.answer, text) == reply


@pytest.mark.parametrize("text", ["how do you feel", "i am still here", "what does necessary mean"])
def test_what_is_not_to_be_spelled_is_left_to_others(text: str):
    assert ask(spelling.answer, text) is None


@settings(deadline=None)
@given(st.text(string.ascii_lowercase, min_size=2, max_size=60))
def test_the_letters_make_the_word(word: str):
    reply = ask(spelling.answer, f"spell the word {word}") or ""

    letters = reply.removesuffix(".").rpartition(" is spelled ")[2]
    if letters:
        assert letters.replace(", ", "").lower() == word
