from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from voicechat.ui.commands import Command
from voicechat.ui.talk_key import FIRST_REPEAT_S, REPEAT_S, TalkKey

DOWN, UP, TOGGLE = Command.TALK_DOWN, Command.TALK_UP, Command.TALK_TOGGLE
POLL_S = 0.1  # how often time is let pass


def commands(presses_at: list[float]) -> list[tuple[float, Command]]:
    """Give the commands of presses, with their times, of a key that is asked ten times a second."""
    key = TalkKey()
    given_: list[tuple[float, Command]] = []
    now = 0.0
    for at in [*presses_at, presses_at[-1] + 1.0]:
        while now < at:
            given_ += [(now, command) for command in key.pass_time(now)]
            now += POLL_S
        if at in presses_at:
            given_ += [(at, command) for command in key.press(at)]
    return given_


@given(st.lists(st.floats(REPEAT_S * 1.05, 5.0), min_size=1, max_size=8))
def test_each_press_is_one_toggle_however_soon_the_next_comes(gaps_s: list[float]):
    presses = list(accumulate(gaps_s))

    assert [command for _, command in commands(presses)] == [TOGGLE] * len(presses)


@given(st.floats(0.15, FIRST_REPEAT_S * 0.99), st.lists(st.floats(0.02, REPEAT_S * 0.95), min_size=2, max_size=60))
def test_a_key_that_is_held_talks_until_it_is_let_go(first_repeat_s: float, repeats_s: list[float]):
    presses = list(accumulate([5.0, first_repeat_s, *repeats_s]))

    (begun_at, begun), (ended_at, ended) = commands(presses)

    assert (begun, ended) == (TOGGLE, TOGGLE)
    assert begun_at == presses[0]
    assert 0 <= ended_at - presses[-1] <= REPEAT_S + 2 * POLL_S


def test_a_single_press_acts_at_once():
    assert TalkKey().press(7.0) == [TOGGLE]


def test_where_releases_are_reported_the_key_is_held():
    key = TalkKey()
    key.reports_release = True

    assert key.press(1.0) == [DOWN]
    assert key.press(1.1) == []
    assert key.release() == [UP]
    assert key.release() == []
    assert key.press(1.2) == [DOWN]
    assert key.pass_time(9.0) == []
