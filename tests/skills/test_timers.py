from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.skills.asking import ask, talk
from voicechat.skills.durations import find_duration, say_duration
from voicechat.skills.timers import MAX_TIMERS, Timers
from voicechat.skills.words import with_digits


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timers(clock: Clock) -> Timers:
    return Timers(clock)


@pytest.mark.parametrize(
    ("request_text", "reply", "seconds", "announcement"),
    [
        ("set a timer for two minutes", "Timer set for two minutes.", 120, "Your two minute timer is up."),
        ("set a timer for 2 minutes", "Timer set for two minutes.", 120, "Your two minute timer is up."),
        ("set a pasta timer for ten minutes", "Pasta timer set for ten minutes.", 600, "Your pasta timer is up."),
        ("set a timer for the eggs for six minutes", "Eggs timer set for six minutes.", 360, "Your eggs timer is up."),
        ("set a timer for ten minutes called tea", "Tea timer set for ten minutes.", 600, "Your tea timer is up."),
        ("start a five minute timer", "Timer set for five minutes.", 300, "Your five minute timer is up."),
        ("ten minute timer", "Timer set for ten minutes.", 600, "Your ten minute timer is up."),
        ("set a twenty second timer", "Timer set for 20 seconds.", 20, "Your 20 second timer is up."),
        ("timer for ninety seconds", "Timer set for one minute and 30 seconds.", 90, "Your 90 second timer is up."),
        ("set a timer for half an hour", "Timer set for 30 minutes.", 1800, "Your 30 minute timer is up."),
        ("set a timer for an hour and a half", "Timer set for one hour and 30 minutes.", 5400,
         "Your one hour 30 minute timer is up."),
        ("set a timer for two and a half minutes", "Timer set for two minutes and 30 seconds.", 150,
         "Your two minute 30 second timer is up."),
        ("remind me in ten minutes to stretch my legs", "I will remind you in ten minutes.", 600,
         "It is time to stretch your legs."),
        ("remind me to call mom in five minutes", "I will remind you in five minutes.", 300, "It is time to call mom."),
        ("count down from ten", "Timer set for ten seconds.", 10, "Your ten second timer is up."),
        # as a recognizer hears them
        ("set timer four for minutes", "Timer set for four minutes.", 240, "Your four minute timer is up."),
        ("set a timer for to minutes", "Timer set for two minutes.", 120, "Your two minute timer is up."),
        ("said a timer for five minutes", "Timer set for five minutes.", 300, "Your five minute timer is up."),
        ("set up so i wear for five minutes", "Timer set for five minutes.", 300, "Your five minute timer is up."),
        ("set time are for one minute", "Timer set for one minute.", 60, "Your one minute timer is up."),
    ],
)  # fmt: skip
def test_a_timer_is_set_and_speaks_up(
    timers: Timers, clock: Clock, request_text: str, reply: str, seconds: int, announcement: str
):
    assert ask(timers.answer, request_text) == reply
    assert timers.next_due_at() == clock.now + seconds

    clock.now += seconds - 0.01
    assert timers.take_due() == ""
    clock.now += 0.01
    assert timers.take_due() == announcement
    assert timers.take_due() == ""
    assert timers.next_due_at() is None


def test_the_timer_that_is_due_first_comes_first(timers: Timers, clock: Clock):
    talk(
        timers.answer, "set a timer for ten minutes", "set a timer for two minutes", "set a tea timer for five minutes"
    )

    assert timers.next_due_at() == clock.now + 120

    clock.now += 300
    assert timers.take_due() == "Your two minute timer and your tea timer are up."
    assert timers.next_due_at() == clock.now + 300


def test_the_time_that_is_left_is_told(timers: Timers, clock: Clock):
    assert ask(timers.answer, "how long is left") == "No timer is running."
    talk(timers.answer, "set a timer for ten minutes")
    clock.now += 299.5

    assert ask(timers.answer, "how long is left") == "Your ten minute timer has five minutes and one second left."
    talk(timers.answer, "set an egg timer for ten minutes")
    assert ask(timers.answer, "how much time is left on the egg timer") == "Your egg timer has ten minutes left."
    assert ask(timers.answer, "what timers are running") == (
        "You have two timers. The ten minute timer has five minutes and one second left. "
        "The egg timer has ten minutes left."
    )


def test_the_only_timer_is_cancelled_without_a_name(timers: Timers):
    talk(timers.answer, "set a timer for ten minutes")

    assert ask(timers.answer, "cancel the timer") == "Your ten minute timer is cancelled."
    assert timers.next_due_at() is None
    assert ask(timers.answer, "stop the timer") == "No timer is running."


def test_a_timer_is_cancelled_by_its_name_or_its_duration(timers: Timers, clock: Clock):
    talk(
        timers.answer, "set a timer for ten minutes", "set an egg timer for five minutes", "set a timer for two minutes"
    )

    assert ask(timers.answer, "cancel the egg timer") == "Your egg timer is cancelled."
    assert ask(timers.answer, "stop the two minute timer") == "Your two minute timer is cancelled."
    assert timers.next_due_at() == clock.now + 600


def test_which_timer_to_cancel_is_asked_if_there_are_several(timers: Timers):
    replies = talk(
        timers.answer,
        "set a timer for ten minutes",
        "set an egg timer for five minutes",
        "cancel the timer",
        "the egg one",
    )

    assert replies[2] == (
        "Which timer? You have an egg timer and a ten minute timer. Say cancel all timers to stop them all."
    )
    assert replies[3] == "Your egg timer is cancelled."


def test_a_timer_is_prolonged(timers: Timers, clock: Clock):
    replies = talk(
        timers.answer, "set a timer for ten minutes", "add five minutes to the timer", "egg timer for one minute"
    )

    assert replies[1] == "Your ten minute timer now has 15 minutes left."
    assert ask(timers.answer, "add one minute to the egg timer") == "Your egg timer now has two minutes left."
    assert "To which timer" in (ask(timers.answer, "add one minute to the timer") or "")
    assert ask(timers.answer, "add 24 hours to the egg timer") == "My timers run from one second to 24 hours."
    assert timers.next_due_at() == clock.now + 120


def test_all_timers_are_cancelled_at_once(timers: Timers):
    talk(timers.answer, *["set a timer for ten minutes"] * 3)

    assert ask(timers.answer, "cancel all timers") == "All three timers are cancelled."
    assert timers.next_due_at() is None


def test_a_timer_without_a_duration_is_asked_for_one(timers: Timers, clock: Clock):
    replies = talk(timers.answer, "set a pasta timer", "eight minutes")

    assert replies == [
        "For how long? Say, for example, set a timer for five minutes.",
        "Pasta timer set for eight minutes.",
    ]
    assert timers.next_due_at() == clock.now + 480


@pytest.mark.parametrize(
    "text", ["set a timer for zero seconds", "set a timer for 25 hours", "set a timer for 9e99 hours"]
)
def test_durations_that_cannot_be_are_refused(timers: Timers, text: str):
    talk(timers.answer, text)

    assert timers.next_due_at() is None


def test_the_number_of_timers_is_bounded(timers: Timers):
    replies = talk(timers.answer, *["set a timer for five minutes"] * (MAX_TIMERS + 1))

    assert "all I can keep" in (replies[-1] or "")
    assert ask(timers.answer, "cancel all timers") == f"All {MAX_TIMERS} timers are cancelled."


def test_alarms_at_a_time_of_day_are_honestly_refused(timers: Timers):
    assert "I cannot wake you" in (ask(timers.answer, "wake me up at seven") or "")
    assert timers.next_due_at() is None


@pytest.mark.parametrize(
    "text",
    ["what time is it", "five minutes", "how long is a mile in feet", "stop", "how many cookies are left", "cancel",
     "i am leaving in five minutes", "how long have you lived here"],
)  # fmt: skip
def test_what_is_not_about_timers_is_left_to_others(timers: Timers, text: str):
    assert ask(timers.answer, text) is None


def test_timers_set_from_many_threads_are_all_kept_and_announced_once(timers: Timers, clock: Clock):
    started = threading.Barrier(8)
    announced: list[str] = []

    def set_one() -> None:
        started.wait(timeout=5)
        ask(timers.answer, "set a timer for one minute")

    def take() -> None:
        started.wait(timeout=5)
        announced.append(timers.take_due())

    _run_together(set_one, 8)
    clock.now += 60
    _run_together(take, 8)

    assert sorted(announced)[:-1] == [""] * 7
    assert announced[announced.index(max(announced))].count("one minute timer") == 8


def _run_together(target, n: int) -> None:
    threads = [threading.Thread(target=target) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)
        assert not thread.is_alive()


@settings(deadline=None)
@given(st.integers(1, 24 * 3600))
def test_a_duration_that_is_said_is_the_duration_that_is_found(seconds: int):
    found = find_duration(with_digits(say_duration(seconds)))

    assert found is not None
    assert found.seconds == seconds
