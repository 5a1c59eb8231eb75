from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.dead_microphone import (
    DEAD_S,
    DeadMicrophone,
    MicrophoneDied,
    MicrophoneRevived,
    describe,
    how_to_revive,
)

RATE = 100
LIMIT = round(DEAD_S * RATE)

# Signals as (value, how many samples of it); few values, so that runs meet.
runs = st.lists(st.tuples(st.sampled_from([0.0, 0.25, -1.0]), st.integers(1, 2 * LIMIT)), max_size=6)


def signal(pieces):
    return np.concatenate([np.zeros(0, np.float32), *(np.full(n, value, np.float32) for value, n in pieces)])


@given(runs, st.lists(st.integers(1, LIMIT), max_size=30))
def test_the_verdict_does_not_depend_on_how_the_stream_is_cut(pieces, lengths):
    samples = signal(pieces)
    whole, cut = DeadMicrophone(RATE), DeadMicrophone(RATE)

    whole.push(samples)
    for piece in np.split(samples, [n for n in np.cumsum(lengths) if n < len(samples)]):
        cut.push(piece)

    assert cut.dead == whole.dead
    assert whole.dead == (len(samples) >= LIMIT and bool(np.ptp(samples[-LIMIT:]) == 0))


@pytest.mark.parametrize("value", [0.0, 0.02])
def test_one_value_for_three_seconds_is_death_and_is_told_once(value):
    detector = DeadMicrophone(48_000)
    events = [detector.push(np.full(480, value, np.float32)) for _ in range(1000)]

    assert [at for at, event in enumerate(events) if event] == [299]
    assert events[299] == MicrophoneDied(pytest.approx(value))


def test_the_faintest_noise_is_life():
    noise = np.random.default_rng(1).integers(0, 2, 10 * RATE).astype(np.float32) * 2**-23
    detector = DeadMicrophone(RATE)

    assert detector.push(noise) is None
    assert not detector.dead


def test_the_first_sound_revives_it_and_it_may_die_again():
    detector = DeadMicrophone(RATE)
    detector.push(np.zeros(5 * RATE, np.float32))

    assert detector.push(np.array([0.5], np.float32)) == MicrophoneRevived(dead_s=5.0)
    assert detector.push(np.zeros(LIMIT - 1, np.float32)) is None
    assert detector.push(np.zeros(1, np.float32)) == MicrophoneDied(0.0)


def test_an_empty_piece_changes_nothing():
    detector = DeadMicrophone(RATE)
    detector.push(np.zeros(LIMIT, np.float32))

    assert detector.push(np.zeros(0, np.float32)) is None
    assert detector.dead


def test_the_words_tell_zeros_from_a_stuck_converter():
    assert "muted, dead, or this terminal may not use it" in describe(MicrophoneDied(0.0))
    assert "0.25" in describe(MicrophoneDied(0.25))


@pytest.mark.parametrize(
    ("platform", "place"),
    [("darwin", "Privacy & Security"), ("win32", "Privacy & security"), ("linux", "pactl set-source-mute")],
)
def test_each_platform_has_its_own_fix(platform, place):
    assert place in how_to_revive(platform)
    assert "\n" not in how_to_revive(platform)
