from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.alignment import GLIDE_S, LEAD_S, LOOKED_FOR, MIN_LEAD_S, PATIENCE_S, Alignment
from voicechat.audio.echo_delay import EchoEstimate
from voicechat.types import CAPTURE_RATE

STEP_S = 0.02
N_STEP = round(STEP_S * CAPTURE_RATE)


class World:
    """Two devices, looked at every 20 ms; the speaker began to play at `begun_s`."""

    def __init__(self, *, input_s: float = 0.05, output_s: float = 0.1, begun_s: float = 0.0) -> None:
        self.alignment = Alignment()
        self.input_s = input_s
        self.output_s = output_s
        self.begun_s = begun_s
        self.stood_s = 0.0
        self.drift = 0.0
        self.now_s = begun_s
        self.alignment.open(output_s)

    def run(self, seconds: float, *, silent: bool = True) -> int:
        """Let time pass; give how often the reference was moved."""
        n_moved = 0
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            played_s = (self.now_s - self.begun_s - self.stood_s) * (1 + self.drift)
            self.alignment.captured(self.now_s * CAPTURE_RATE, self.now_s, self.input_s)
            self.alignment.played(played_s * CAPTURE_RATE, self.now_s)
            n_moved += self.alignment.advance(N_STEP, silent=silent)
        return n_moved

    @property
    def lead_s(self) -> float:
        """How early a sample of the stream lies beside the capture of its echo."""
        heard_s = self.begun_s + self.stood_s + self.output_s
        captured_s = heard_s + self.input_s  # when the capture of it is counted
        return captured_s - self.alignment.start / CAPTURE_RATE


def sure(lag_s: float, shift: float | None = None) -> EchoEstimate:
    return EchoEstimate(lag_s, 100.0, shift)


@given(input_s=st.floats(0.03, 0.4), output_s=st.floats(0.06, 0.6), begun_s=st.floats(0, 100))
def test_devices_that_tell_the_truth_put_the_reference_a_little_early(input_s, output_s, begun_s):
    world = World(input_s=input_s, output_s=output_s, begun_s=begun_s)
    world.run(1)

    assert world.lead_s == pytest.approx(LEAD_S, abs=1e-4)


@given(input_s=st.floats(0, 0.05), output_s=st.floats(0, 0.05))
def test_the_reference_is_never_late_by_the_clocks(input_s, output_s):
    world = World(input_s=input_s, output_s=output_s)
    world.run(1)

    assert 0 < world.lead_s <= LEAD_S + 1e-6
    # Its sound leaves the callback at the earliest when the capture of its echo is there, less this.
    assert world.lead_s <= max(MIN_LEAD_S, input_s + output_s - PATIENCE_S) + 1e-6


def test_a_driver_that_knows_better_when_a_sample_is_heard_is_believed_before_the_sound():
    world = World()
    world.run(1)
    world.output_s = 0.25
    world.alignment.heard(CAPTURE_RATE, world.begun_s + 1 + 0.25)
    world.run(0.5)

    assert world.lead_s == pytest.approx(LEAD_S, abs=1e-3)


def test_a_time_that_cannot_be_is_not_believed():
    world = World()
    world.run(1)
    world.alignment.heard(CAPTURE_RATE, world.begun_s + 5)
    world.alignment.heard(CAPTURE_RATE, world.begun_s - 5)
    world.run(0.5)

    assert world.lead_s == pytest.approx(LEAD_S, abs=1e-3)


def test_what_no_driver_tells_is_learnt_from_two_estimates_and_kept_for_the_next_stream():
    world = World()
    world.run(2)
    world.output_s += 0.6

    assert not world.alignment.estimated(sure(0.65))
    assert world.alignment.estimated(sure(0.652))
    assert world.lead_s == pytest.approx(LEAD_S, abs=0.003)
    assert not world.alignment.known

    world.alignment.open(0.1)
    world.run(1)
    assert world.lead_s == pytest.approx(LEAD_S, abs=0.003)


def test_an_echo_that_a_canceller_follows_is_known_and_nothing_is_moved():
    world = World()
    world.run(2)
    start = world.alignment.start

    assert not any(world.alignment.estimated(sure(0.12)) for _ in range(3))
    assert world.alignment.known
    assert world.alignment.start == start


def test_an_echo_that_is_almost_too_late_is_moved_to_in_the_next_silence():
    world = World()
    world.run(2)
    start = world.alignment.start
    world.alignment.estimated(sure(0.4))
    world.alignment.estimated(sure(0.4))
    assert world.run(0.1, silent=False) == 0
    world.run(0.1)

    assert world.alignment.start - start == pytest.approx((0.4 - LEAD_S) * CAPTURE_RATE)


def test_estimates_that_disagree_or_doubt_move_nothing():
    world = World()
    world.run(2)
    start = world.alignment.start
    for lag_s in (0.6, 0.9, -0.2, 0.7):
        assert not world.alignment.estimated(sure(lag_s))
        assert not world.alignment.estimated(EchoEstimate(lag_s, 8.0, None))

    assert world.alignment.start == start


def test_an_echo_that_was_looked_for_in_vain_is_taken_for_none_until_there_is_one():
    world = World()
    world.run(2)
    for _ in range(LOOKED_FOR):
        assert not world.alignment.known
        world.alignment.estimated(EchoEstimate(0.3, 5.0, None))
    assert (world.alignment.known, world.alignment.absent) == (True, True)

    world.alignment.estimated(sure(0.1))
    world.alignment.estimated(sure(0.1))
    assert (world.alignment.known, world.alignment.absent) == (True, False)


def test_another_device_is_another_echo_but_the_same_one_after_an_abort_is_not():
    world = World()
    world.run(2)
    world.alignment.estimated(sure(0.1))
    world.alignment.estimated(sure(0.1))

    world.alignment.open(0.1, resumed=True)
    assert world.alignment.known
    world.alignment.open(0.1)
    assert not world.alignment.known


def test_a_device_that_stood_still_in_the_middle_of_a_sound_is_followed_at_once():
    world = World()
    world.run(3)
    world.alignment.estimated(sure(0.05))
    world.alignment.estimated(sure(0.05))
    world.stood_s = 0.02
    world.alignment.interrupt((world.now_s - world.begun_s) * CAPTURE_RATE)
    world.run(0.04, silent=False)

    assert world.lead_s == pytest.approx(LEAD_S, abs=1e-3)


def test_one_that_nobody_noticed_is_followed_within_a_second():
    world = World()
    world.run(3)
    world.stood_s = 0.15
    world.run(1.2, silent=False)

    assert world.lead_s == pytest.approx(LEAD_S, abs=1e-3)


def test_without_an_echo_the_clocks_drift_is_followed():
    world = World()
    world.run(3)
    world.drift = 100e-6
    for _ in range(60):
        world.run(10, silent=False)

    drifted_s = (world.now_s - world.begun_s) * world.drift
    assert world.lead_s - drifted_s == pytest.approx(LEAD_S, abs=100e-6 * GLIDE_S * 2)


def test_with_one_its_shift_drives_the_reference_to_rest():
    world = World()
    world.run(3)
    alignment = world.alignment
    alignment.estimated(sure(0.05))
    echo_at = alignment.start  # where the reference would have to lie
    for _ in range(240):
        world.run(0.5, silent=False)
        echo_at += 100e-6 * 0.5 * CAPTURE_RATE
        alignment.estimated(sure(0.05, echo_at - alignment.start))

    assert abs(echo_at - alignment.start) < 0.5


def test_captured_sound_that_was_thrown_away_moves_the_reference():
    world = World()
    world.run(2)
    before = world.alignment.start
    world.alignment.discard()
    for _ in range(10):
        world.now_s += STEP_S
        world.alignment.captured((world.now_s - 1.0) * CAPTURE_RATE, world.now_s, world.input_s)
        world.alignment.played((world.now_s - world.begun_s) * CAPTURE_RATE, world.now_s)
        world.alignment.advance(N_STEP, silent=True)

    assert before - world.alignment.start == pytest.approx(CAPTURE_RATE, abs=1)
