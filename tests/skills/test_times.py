from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.skills.asking import ask, request, talk
from voicechat.skills import times


@pytest.mark.parametrize(
    "text",
    ["what time is it", "what is the time", "what's the time?", "time", "tell me the time please",
     "do you have the time", "do you know what time it is", "what time is it now", "what time do we have",
     "could you give me the time", "what is the current time", "hello what time is it", "time is it"],
)  # fmt: skip
def test_the_time_is_told(text: str):
    assert ask(times.answer, text) == "It is 3:05 PM."


@pytest.mark.parametrize(
    ("place", "reply"),
    [
        ("tokyo", "It is 11:05 PM in Tokyo."),
        ("new york", "It is 9:05 AM in New York."),
        ("san francisco", "It is 6:05 AM in San Francisco."),
        ("london right now", "It is 2:05 PM in London."),
        ("new delhi", "It is 7:35 PM in New Delhi."),
        ("lima", "It is 9:05 AM in Lima."),
        ("rio de janeiro", "It is 11:05 AM in Rio de Janeiro."),
        (
            "gotham city",
            "I do not know what time it is in Gotham City. Ask me about a big city, like Tokyo or New York.",
        ),
    ],
)
def test_the_time_elsewhere_is_told(place: str, reply: str):
    assert ask(times.answer, f"what time is it in {place}") == reply


def test_every_place_in_the_table_has_a_zone():
    places = [place for places in times._PLACES.values() for place in places.split(", ")]

    assert [place for place in places if times._zone(place) is None] == []


def test_a_follow_up_asks_about_another_place():
    replies = talk(times.answer, "what type it in tokyo", "on the new york", "and in new york", "what about london")

    assert replies == [
        "It is 11:05 PM in Tokyo.",
        "It is 9:05 AM in New York.",
        "It is 9:05 AM in New York.",
        "It is 2:05 PM in London.",
    ]


@pytest.mark.parametrize("text", ["and in new york", "what is ten times three", "how much time is left", "set a timer"])
def test_what_is_not_about_the_time_is_left_to_others(text: str):
    assert ask(times.answer, text) is None


@pytest.mark.parametrize(
    ("hour", "minute", "on_twelve", "on_twenty_four"),
    [
        (0, 0, "12 midnight", "0 o'clock"),
        (0, 5, "12:05 AM", "0:05"),
        (9, 0, "9 AM", "9 o'clock"),
        (12, 0, "12 noon", "12 o'clock"),
        (12, 30, "12:30 PM", "12:30"),
        (23, 59, "11:59 PM", "23:59"),
    ],
)
def test_times_are_said_as_the_clock_of_the_user_has_them(hour: int, minute: int, on_twelve: str, on_twenty_four: str):
    now = datetime(2026, 1, 1, hour, minute, tzinfo=ZoneInfo("UTC"))

    assert times.answer(request("what time is it", now=now)) == f"It is {on_twelve}."
    assert times.answer(request("what time is it", now=now, clock_hours=24)) == f"It is {on_twenty_four}."
