from __future__ import annotations

import pytest

from tests.skills.asking import ask, request
from voicechat.skills import repetition
from voicechat.types import Message


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("repeat after me hello world", "Hello world."),
        ("Repeat after me: I have 2 dogs!", "I have 2 dogs!"),
        ("say good morning", "Good morning."),
        ("please say one two three", "One two three."),
        ("can you say banana", "Banana."),
        ("repeat after me what time is it", "What time is it."),
        ("repeat after me", "What shall I say?"),
        ("what did i say", "You have said nothing before that."),
        ("say that again", "I have not said anything yet."),
    ],
)
def test_words_are_repeated(text: str, reply: str):
    assert ask(repetition.answer, text) == reply


@pytest.mark.parametrize(
    "text",
    ["again", "say that again", "repeat that", "can you repeat that please", "could you say that again",
     "what did you say", "pardon", "once more", "say it again", "saying that again", "i did not hear that",
     "come again"],
)  # fmt: skip
def test_the_last_reply_is_repeated(text: str):
    earlier = (Message("user", "what is one plus one"), Message("assistant", "1 plus 1 is 2."))

    assert repetition.answer(request(text, *earlier)) == "1 plus 1 is 2."


def test_the_users_own_words_are_repeated():
    earlier = (Message("user", "what is one plus one"), Message("assistant", "1 plus 1 is 2."))

    assert repetition.answer(request("what did i say", *earlier)) == "You said: What is one plus one."


@pytest.mark.parametrize("text", ["it", "", "what do you say about that", "roll again", "what time is it"])
def test_what_is_not_to_be_repeated_is_left_to_others(text: str):
    assert ask(repetition.answer, text) is None
