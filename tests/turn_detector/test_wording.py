from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.turn_detector._wording import MOST, points


@pytest.mark.parametrize(
    "words",
    [
        "what time is it",
        "can you tell me what time it is",
        "how many feet are there in a mile",
        "what is it for",
        "who are you talking to",
        "how old is he",
        "turn the lights on",
        "set a timer for ten minutes",
        "i would like a table for two",
        "thank you",
        "stop",
        "no thank you",
        "When is the next train?",
    ],
)
def test_what_is_complete_sounds_finished(words):
    assert points(words) > 0


@pytest.mark.parametrize(
    "words",
    [
        "um",
        "i would like um",
        "put the meeting on the",
        "i am looking for a book but",
        "remind me to call my",
        "send a message to",
        "if it rains tomorrow",
        "when i get home",
        "i need",
        "can you tell me",
        "my number is five five five",
        "well",
        "i was thinking that we could",
        "set a timer for ten minutes,",
        "so what i mean is…",
        "I'd like to know whether",
    ],
)
def test_what_needs_more_sounds_unfinished(words):
    assert points(words) < 0


@pytest.mark.parametrize("words", ["", "   ", "...", "你好", "123", "yes", "okay"])
def test_what_may_be_either_does_not_tell(words):
    assert points(words) == 0


@pytest.mark.parametrize("words", ["what time is it", "i need", "the red one over there"])
def test_neither_case_nor_a_full_stop_changes_anything(words):
    assert points(f"{words.capitalize()}.") == points(words)


@given(st.text(max_size=60) | st.lists(st.sampled_from(["the", "um", "what", "is", "it", "five", "?"])).map(" ".join))
def test_any_text_has_points_within_bounds(words):
    assert -MOST <= points(words) <= MOST
