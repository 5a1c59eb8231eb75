from __future__ import annotations

from itertools import pairwise

import pytest

from tests.skills.asking import ask, request, talk
from voicechat.skills import about, courtesy, eliza, knowledge, limits, silence, small_talk
from voicechat.skills.script import Script, reflect
from voicechat.types import Message


@pytest.mark.parametrize(
    ("words", "reflected"),
    [
        ("i like you", "you like me"),
        ("i am tired", "you are tired"),
        ("you are my friend", "I am your friend"),
        ("are you sure i can", "am I sure you can"),
        ("what you think of yourself", "what I think of myself"),
        ("he was mine", "he was yours"),
        ("i was late", "you were late"),
    ],
)
def test_the_speakers_view_becomes_the_listeners(words: str, reflected: str):
    assert reflect(words) == reflected


def test_the_first_row_that_fits_answers_with_the_groups_reflected():
    script = Script(((r"i want (.+)", ("Why {0}?",)), (r"i .*", ("Second row.",))))

    assert ask(script.answer, "well i want my dog") == "Why your dog?"
    assert ask(script.answer, "i do not") == "Second row."
    assert ask(script.answer, "whatever") is None


def test_lines_take_turns_and_never_come_twice_in_a_row():
    script = Script(((r"(.*)", ("One {0}.", "Two.", "Three.")),))

    replies = talk(script.answer, *"abcdefg")

    assert replies == ["One a.", "Two.", "Three.", "One d.", "Two.", "Three.", "One g."]


def test_a_line_that_was_interrupted_counts_as_said():
    script = Script(((r"go", ("First line of all.", "Second line.")),))
    earlier = (Message("user", "go"), Message("assistant", "First line"))

    assert script.answer(request("go", *earlier)) == "Second line."


def test_a_group_that_caught_braces_or_nothing_does_no_harm():
    script = Script(((r"say( it)?( never)?", ("Yes{0}{1}.",)),))

    assert ask(script.answer, "say {0} {x}") == "Yes."


@pytest.mark.parametrize(
    ("skill", "text", "part"),
    [
        (about.answer, "what can you do", "time"),
        (about.answer, "help", "time"),
        (about.answer, "who are you", "built-in assistant"),
        (about.answer, "tell me about yourself", "built-in assistant"),
        (about.answer, "how do i stop you", "Control C"),
        (about.answer, "how can i interrupt you", "Control C"),
        (about.answer, "how do i save this conversation", "option save"),
        (about.answer, "how do i use another model", "voicechat config show"),
        (about.answer, "can i use a better model", "profile"),
        (about.answer, "where are the settings", "voicechat config show"),
        (about.answer, "how do i change the microphone", "voicechat devices"),
        (about.answer, "can you speak slower", "speed"),
        (about.answer, "are you recording me", "computer"),
        (courtesy.farewell, "goodbye", "Goodbye."),
        (courtesy.farewell, "stop", "Goodbye."),
        (courtesy.farewell, "good night", "Good night."),
        (courtesy.farewell, "that is all for now", "goodbye"),
        (courtesy.answer, "hello", "Hello"),
        (courtesy.answer, "hi there", "Hello"),
        (courtesy.answer, "good morning", "Good morning"),
        (courtesy.answer, "thank you very much", "welcome"),
        (courtesy.answer, "thanks", "welcome"),
        (courtesy.answer, "yes thank you", "welcome"),
        (courtesy.answer, "i have a question", "Go ahead"),
        (courtesy.farewell, "have a nice day", "You too"),
        (about.answer, "how do you work", "skills"),
        (about.answer, "can you help me", "time"),
        (small_talk.answer, "may i ask your name", "voicechat"),
        (small_talk.answer, "do you have feelings", "skills"),
        (limits.answer, "what is the weather today", "offline"),
        (limits.answer, "will it rain tomorrow", "offline"),
        (limits.answer, "what is the whether like", "offline"),
        (limits.answer, "tell me the news", "offline"),
        (limits.answer, "search the web for cats", "offline"),
        (limits.answer, "play some music", "cannot"),
        (limits.answer, "call my mother", "cannot"),
        (limits.answer, "turn on the lights", "cannot"),
        (limits.answer, "how do you say cat in french", "English"),
        (small_talk.answer, "what is your name", "voicechat"),
        (small_talk.answer, "and what is your name", "voicechat"),
        (small_talk.answer, "how are you feeling today", "program"),
        (small_talk.answer, "are you feeding the day", "program"),
        (small_talk.answer, "how are you", "program"),
        (small_talk.answer, "what are your hobbies", "program"),
        (small_talk.answer, "are you a robot", "program"),
        (small_talk.answer, "how old are you", "program"),
        (small_talk.answer, "where do you live", "computer"),
        (small_talk.answer, "who made you", "voicechat"),
        (small_talk.answer, "tell me a joke", "timer"),
        (small_talk.answer, "can you hear me", "hear you"),
        (knowledge.answer, "what is the capital of france", "do not know"),
        (knowledge.answer, "who is the president", "do not know"),
        (silence.answer, "", "did not catch that"),
        (silence.answer, "?!", "did not catch that"),
        (silence.answer, "你好", "English"),
    ],
)
def test_what_is_asked_of_the_assistant_gets_its_kind_of_answer(skill, text: str, part: str):
    assert part in (ask(skill, text) or "")


@pytest.mark.parametrize(
    ("skill", "text"),
    [
        (courtesy.farewell, "how do i stop you"),
        (courtesy.farewell, "say goodbye to my friend"),
        (courtesy.answer, "hello what time is it"),
        (knowledge.answer, "what should i do"),
        (knowledge.answer, "my dog is sick"),
        (silence.answer, "a"),
    ],
)
def test_what_is_for_another_skill_is_left_to_it(skill, text: str):
    assert ask(skill, text) is None


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("my dog is sick", "Your dog?"),
        ("i need a vacation", "What would a vacation change for you?"),
        ("i hate mondays", "What bothers you about mondays?"),
        ("i am a teacher", "How long have you been a teacher?"),
        ("i think you are right", "Are you sure?"),
        ("yes", "I see. And why is that?"),
        ("where am i", "I cannot know that. You have not told me."),
        ("i want to go home", "What happens if you do not go home?"),
        ("blah blah", "I see. Tell me more."),
    ],
)
def test_anything_else_is_talked_about(text: str, reply: str):
    assert ask(eliza.answer, text) == reply


def test_talk_that_got_stuck_comes_back_to_what_the_user_spoke_of():
    replies = talk(eliza.answer, "my dog is sick", "ah", "hm", "well", "so")

    assert replies[-1] == "Earlier you spoke of your dog. How is that?"


def test_the_same_words_again_and_again_never_get_the_same_reply_twice_in_a_row():
    replies = talk(eliza.answer, *["blah"] * 20)

    assert all(one != next_one for one, next_one in pairwise(replies))
