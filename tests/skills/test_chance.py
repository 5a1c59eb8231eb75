from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.skills.asking import ask, request
from voicechat.skills import chance
from voicechat.types import Message

_ROLL = r"You rolled an? [1-6]\."
_TWO = r"You rolled [1-6] and [1-6]\. Together that is \d+\."


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("roll a die", _ROLL),
        ("roll dice", _ROLL),
        ("throw a dice", _ROLL),
        ("roll the dice", _TWO),
        ("roll two dice", _TWO),
        ("roll three dice", r"You rolled [1-6], [1-6] and [1-6]\. Together that is \d+\."),
        ("roll a d twenty", r"You rolled an? \d+\."),
        ("roll a d20", r"You rolled an? \d+\."),
        ("roll three d six", r"You rolled [1-6], [1-6] and [1-6]\. Together that is \d+\."),
        ("roll a twelve sided die", r"You rolled an? \d+\."),
        ("flip a coin", r"It is (heads|tails)\."),
        ("toss a coin", r"It is (heads|tails)\."),
        ("heads or tails", r"It is (heads|tails)\."),
        ("flip three coins", r"(Heads|Tails), (heads|tails) and (heads|tails)\."),
        ("pick a number between one and ten", r"I pick ([1-9]|10)\."),
        ("give me a random number", r"I pick \d+\."),
        ("random number from minus five to five", r"I pick (minus )?[0-5]\."),
        ("choose between tea and coffee", r"I choose (tea|coffee)\."),
        ("roll five hundred dice", r"I can roll up to 20 dice at once\."),
        ("roll a d one", r"My dice have from two to 1000 sides\."),
        ("pick a number between 1 and 9999999999999999", r"That is further than I can count\."),
        ("flip ninety coins", r"I can flip up to 20 coins at once\."),
        ("pick a card", r"The \w+ of (clubs|diamonds|hearts|spades)\."),
        ("pick a color", r"I pick \w+\."),
        ("roll again", r"What shall I draw\? .*"),
        # as a recognizer hears them
        ("role too dice", _TWO),
        ("rule two guys", _TWO),
        ("roll and i", _ROLL),
        ("roll a dye", _ROLL),
        ("roller be twenty", r"You rolled an? \d+\."),
        ("flip a cone", r"It is (heads|tails)\."),
        ("the compiler between one and ten", r"I pick ([1-9]|10)\."),
        ("between won and tin", None),
        ("between one and tin", r"I pick ([1-9]|10)\."),
    ],
)
def test_chance_is_asked_and_drawn(text: str, reply: str | None):
    answer = ask(chance.answer, text)

    assert answer is None if reply is None else re.fullmatch(reply, answer or "")


@pytest.mark.parametrize(
    "text",
    ["row a boat", "i like to roll in the hay", "the difference between one and ten", "that is so random",
     "what number", "pick me up at five", "i met two guys"],
)  # fmt: skip
def test_what_is_not_left_to_chance_is_left_to_others(text: str):
    assert ask(chance.answer, text) is None


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_the_same_seed_draws_the_same_and_stays_within_bounds(seed: int):
    replies = [chance.answer(request("roll two d ten", seed=seed)) or "" for _ in range(2)]

    assert replies[0] == replies[1]
    first, second, total = (int(n) for n in re.findall(r"\d+", replies[0]))
    assert 1 <= min(first, second) <= max(first, second) <= 10
    assert total == first + second


def test_all_sides_of_a_die_come_up():
    rolls = {chance.answer(request("roll a die", seed=seed)) for seed in range(200)}

    assert len(rolls) == 6


def test_again_repeats_the_last_draw_with_new_luck():
    earlier = (Message("user", "roll three dice"), Message("assistant", "You rolled 1, 1 and 1. Together that is 3."))

    replies = {chance.answer(request("roll again", *earlier, seed=seed)) for seed in range(20)}

    assert len(replies) > 1
    assert all(re.fullmatch(r"You rolled \d, \d and \d\. Together that is \d+\.", reply or "") for reply in replies)
