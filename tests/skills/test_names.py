from __future__ import annotations

from tests.skills.asking import ask, talk
from voicechat.skills import names


def test_a_name_that_was_told_is_remembered():
    replies = talk(names.answer, "hello my name is paul", "what time is it", "what is my name")

    assert replies == ["Nice to meet you, Paul.", None, "You said that your name is Paul."]


def test_the_last_name_that_was_told_counts():
    assert ask(names.answer, "my name is paul", "call me ishmael", "who am i") == "You said that your name is Ishmael."


def test_a_name_that_was_not_told_is_not_known():
    assert ask(names.answer, "do you know my name") == "I do not know. You have not told me your name."


def test_what_is_not_about_the_users_name_is_left_to_others():
    assert ask(names.answer, "what is your name") is None
    assert ask(names.answer, "my name is not important") is None
