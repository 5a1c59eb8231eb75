from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.skills.asking import NOW
from voicechat.errors import ConfigError
from voicechat.llm.skills import Options, SkillsModel, load
from voicechat.protocols import Announcer
from voicechat.types import Message


class Clock:
    """Stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def model() -> SkillsModel:
    return SkillsModel(Options(seed=1), clock=Clock(), wall_clock=lambda: NOW)


def reply(model: SkillsModel, *texts: str) -> str:
    """Say the texts one after another; give the reply to the last."""
    messages: list[Message] = []
    for text in texts:
        messages.append(Message("user", text))
        messages.append(Message("assistant", "".join(model.stream(messages))))
    return messages[-1].text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("what time is it", "It is 3:05 PM."),
        ("hello what time is it", "It is 3:05 PM."),
        ("hey computer what time is it", "It is 3:05 PM."),
        ("what time is it in tokyo", "11:05 PM in Tokyo"),
        ("what day is it today", "Sunday, November 22nd"),
        ("how many days until christmas", "33 days"),
        ("what is twenty three plus nineteen", " is 42."),
        ("hey computer what is two plus two", " is 4."),
        ("how many miles is ten kilometers", "6.214 miles"),
        ("how many seconds in an hour", "3600 seconds"),
        ("set a timer for five minutes", "Timer set for five minutes."),
        ("how long is left", "No timer is running."),
        ("roll two dice", "You rolled"),
        ("flip a coin", "It is"),
        ("pick a number between one and ten", "I pick"),
        ("spell necessary", "N, E, C, E, S, S, A, R, Y."),
        ("repeat after me set a timer for five minutes", "Set a timer for five minutes."),
        ("say hello", "Hello."),
        ("what can you do", "time"),
        ("who are you", "built-in assistant"),
        ("how do i stop you", "Control C"),
        ("how do i use another model", "profile"),
        ("what is your name", "voicechat"),
        ("how are you feeling today", "program"),
        ("what are your hobbies", "program"),
        ("hello", "Hello."),
        ("thank you", "welcome"),
        ("goodbye", "Goodbye."),
        ("stop", "Goodbye."),
        ("what is the weather today", "offline"),
        ("what is the capital of france", "do not know"),
        ("how much instantly minus three", "sum"),
        ("how many miles is the key loggers", "miles"),
        ("", "did not catch that"),
        ("my dog is sick", "dog"),
        ("in being comparatively modern", "."),
    ],
)
def test_every_kind_of_request_finds_its_skill(model: SkillsModel, text: str, part: str):
    assert part in reply(model, text)


def test_the_talk_so_far_is_remembered(model: SkillsModel):
    assert reply(model, "what time is it in tokyo", "and in new york") == "It is 9:05 AM in New York."
    assert reply(model, "what is two plus three", "times two") == "5 times 2 is 10."
    assert reply(model, "what is two plus three", "say that again") == "2 plus 3 is 5."


def test_a_reply_comes_sentence_by_sentence(model: SkillsModel):
    deltas = list(model.stream([Message("user", "roll two dice")]))

    assert len(deltas) == 2
    assert re.fullmatch(r"You rolled \d and \d\. Together that is \d+\.", "".join(deltas))


def test_a_decimal_point_ends_no_sentence(model: SkillsModel):
    assert list(model.stream([Message("user", "one divided by eight")])) == ["1 divided by 8 is 0.125."]


@settings(deadline=None)
@given(st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_any_text_gets_a_printable_reply_that_ends_as_a_sentence(text: str, earlier: list[tuple[str, str]]):
    model = SkillsModel(Options(), clock=Clock(), wall_clock=lambda: NOW)
    talk = [Message(role, part) for pair in earlier for role, part in zip(("user", "assistant"), pair, strict=True)]

    answer = "".join(model.stream([*talk, Message("user", text)]))

    assert answer.strip()
    assert answer.isprintable()


_WORDS = re.findall(
    r"\S+",
    "what is the time date how many miles kilometers set a timer for five minutes cancel roll dice d twenty flip coin "
    "pick number between and ten spell say repeat after me again times plus minus divided by square root of percent to "
    "power until christmas may third in tokyo you your i my am are do can hello stop two to too four half an hour that "
    "point hundred million seconds convert celsius it first second remind wake up choose or not because ( ) 5 0.5 - + "
    "% 99999999999",
)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(_WORDS), max_size=14), min_size=1, max_size=4))
def test_any_jumble_of_the_words_it_knows_is_answered_quickly(sentences: list[list[str]]):
    model = SkillsModel(Options(), clock=Clock(), wall_clock=lambda: NOW)

    answer = reply(model, *(" ".join(sentence) for sentence in sentences))

    assert answer.strip()
    assert answer.isprintable()


@pytest.mark.parametrize(
    "text",
    ["what " * 200, "5 feet " * 140 + "x", "1 " * 500, "( " * 500, "how many miles is " * 50, "- " * 500,
     "one hundred " * 80, "roll " * 200, "remind me in " * 80, "set a timer for " * 60, "9" * 1000 + " plus 1",
     "my " * 300, "say " * 250, "point one " * 100, "what is 2 " + "^ 9 " * 200, "and in " * 140, "a " * 500,
     "minutes and a half " * 50, "spell the the " * 70, "what is " + "half of " * 120 + "1", "a" * 1000,
     "is it " * 160],
)  # fmt: skip
def test_no_pattern_hangs_on_hostile_text(model: SkillsModel, text: str):
    reply(model, "how many miles is ten kilometers")
    started_at = time.perf_counter()

    assert reply(model, "how many miles is ten kilometers", text).isprintable()

    assert time.perf_counter() - started_at < 2


def test_a_timer_speaks_up_by_itself_and_once():
    clock = Clock()
    model = SkillsModel(Options(), clock=clock, wall_clock=lambda: NOW)
    assert isinstance(model, Announcer)
    assert model.next_announcement_at() is None

    reply(model, "set a timer for two minutes")
    assert model.next_announcement_at() == clock.now + 120
    assert model.announcement() == ""
    clock.now += 120

    assert model.announcement() == "Your two minute timer is up."
    assert model.announcement() == ""
    assert model.next_announcement_at() is None


def test_the_same_seed_makes_the_same_talk_with_different_draws_in_it():
    talks = [
        [reply(SkillsModel(Options(seed=7)), *["roll a d one hundred"] * n) for n in range(1, 6)] for _ in range(2)
    ]

    assert talks[0] == talks[1]
    assert len(set(talks[0])) > 1
    assert talks[0] != [reply(SkillsModel(Options(seed=8)), *["roll a d one hundred"] * n) for n in range(1, 6)]


def test_without_a_seed_draws_differ():
    model = SkillsModel(Options())

    assert len({reply(model, "pick a number between one and one million") for _ in range(5)}) > 1


def test_times_are_said_on_the_clock_that_is_configured():
    model = SkillsModel(Options(clock_hours=24), wall_clock=lambda: NOW)

    assert reply(model, "what time is it") == "It is 15:05."


def test_a_clock_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="clock_hours must be 12 or 24, not 10"):
        Options(clock_hours=10)


def test_the_model_that_is_loaded_uses_the_clocks_of_this_machine():
    model = load(Options())

    reply(model, "set a timer for one hour")
    due_at = model.next_announcement_at()
    model.close()

    assert due_at is not None
    assert 3590 < due_at - time.monotonic() <= 3600
