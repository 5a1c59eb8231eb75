from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.doctor.sweep import Sweep

RATE = 16_000
SWEEP = Sweep()


def heard(delay_s: float, gain: float, *, noise: float = 0.0, seconds: float = 3.0, seed: int = 1) -> np.ndarray:
    """What a microphone records of the sweep."""
    recorded = noise * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    samples = SWEEP.samples(RATE)
    first = round(delay_s * RATE)
    recorded[first : first + len(samples)] += gain * samples
    return recorded.astype(np.float32)


@settings(max_examples=20)
@given(st.floats(0.0, 1.9), st.floats(-50.0, 10.0))
def test_delay_and_loss_are_found_for_every_delay_and_gain(delay_s, gain_db):
    echo = SWEEP.find(heard(delay_s, 10 ** (gain_db / 20)), RATE)

    assert echo is not None
    assert echo.delay_s == pytest.approx(delay_s, abs=1 / RATE)
    assert echo.return_loss_db == pytest.approx(-gain_db, abs=0.1)


def test_it_is_found_beside_noise_that_is_louder_than_its_echo():
    echo = SWEEP.find(heard(0.123, 0.03, noise=0.01), RATE)

    assert echo is not None
    assert echo.delay_s == pytest.approx(0.123, abs=1 / RATE)
    assert echo.return_loss_db == pytest.approx(30.5, abs=3.0)


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_no_echo(seed):
    assert SWEEP.find(heard(0.0, 0.0, noise=0.1, seed=seed), RATE) is None


def test_silence_and_nothing_are_no_echo():
    assert SWEEP.find(np.zeros(RATE, np.float32), RATE) is None
    assert SWEEP.find(np.zeros(0, np.float32), RATE) is None


def test_a_reverberant_room_has_the_delay_of_its_first_arrival_and_the_loss_of_all_of_it():
    room = np.zeros(RATE // 3)
    tail = np.random.default_rng(3).standard_normal(RATE // 5) * np.exp(-np.arange(RATE // 5) / 800) * 0.02
    room[800] = 0.25
    room[900 : 900 + len(tail)] += tail
    recorded = np.convolve(heard(0.1, 1.0, seconds=2.0), room)[: 2 * RATE].astype(np.float32)

    echo = SWEEP.find(recorded, RATE)

    assert echo is not None
    assert echo.delay_s == pytest.approx(0.15, abs=1 / RATE)
    assert echo.return_loss_db == pytest.approx(-10 * np.log10(np.sum(room**2)), abs=1.0)


def test_a_speaker_that_distorts_does_not_seem_nearer():
    distorted = np.clip(10 * SWEEP.samples(RATE), -0.5, 0.5)
    recorded = np.zeros(3 * RATE, np.float32)
    recorded[6400 : 6400 + len(distorted)] = distorted

    echo = SWEEP.find(recorded, RATE)

    assert echo is not None
    assert echo.delay_s == pytest.approx(0.4, abs=2 / RATE)


def test_what_comes_before_it_can_have_been_played_is_not_it():
    recorded = heard(0.2, 1.0) + heard(1.2, 0.2)

    echo = SWEEP.find(recorded, RATE, not_before_s=1.0)

    assert echo is not None
    assert echo.delay_s == pytest.approx(1.2, abs=1 / RATE)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_it_is_no_louder_than_it_says_and_begins_and_ends_softly(rate):
    samples = SWEEP.samples(rate)

    assert len(samples) == rate
    assert np.abs(samples).max() == pytest.approx(SWEEP.level, rel=0.01)
    assert np.abs(samples[[0, -1]]).max() < 0.01 * SWEEP.level
