from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vad.signals import at_dbfs, fan, silence, voice, white
from voicechat.turn_detector._prosody import Prosody, measure
from voicechat.types import CAPTURE_RATE

PAUSE_S = 0.16


def melody(*stretches: tuple[float, float, float]) -> np.ndarray:
    """Give a buzzing voice: stretches of so many seconds that glide from one pitch to another, in Hz, 40 ms apart."""
    pieces = []
    for duration_s, from_hz, to_hz in stretches:
        n = round(duration_s * CAPTURE_RATE)
        phase = 2 * np.pi * np.cumsum(np.geomspace(from_hz, to_hz, n)) / CAPTURE_RATE
        buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
        edge = np.minimum(1.0, np.minimum(np.arange(n), np.arange(n)[::-1]) / 160)
        pieces += [0.1 * buzz * edge, silence(0.04)]
    return np.concatenate(pieces[:-1])


def measured(speech: np.ndarray, *, pause: np.ndarray | None = None, pause_s: float = PAUSE_S) -> Prosody:
    quiet = silence(pause_s) if pause is None else pause
    found = measure(np.concatenate([speech, quiet]).astype(np.float32), silence_s=pause_s)
    assert found is not None
    return found


SYLLABLES = [(0.15, 120.0, 120.0)] * 6


def test_a_fall_is_low_and_falling():
    found = measured(melody(*SYLLABLES, (0.3, 120, 85)))

    assert found.pitch_st == pytest.approx(12 * np.log2(87 / 120), abs=1)
    assert found.pitch_slope == pytest.approx(12 * np.log2(85 / 120) / 0.3, rel=0.2)


def test_a_rise_is_high_and_rising():
    found = measured(melody(*SYLLABLES, (0.3, 120, 170)))

    assert found.pitch_st > 4
    assert found.pitch_slope == pytest.approx(12 * np.log2(170 / 120) / 0.3, rel=0.2)


@pytest.mark.parametrize("held_s", [0.3, 0.5, 0.8])
def test_a_vowel_that_is_held_is_as_long_as_it_is(held_s):
    found = measured(melody(*SYLLABLES, (held_s, 115, 115)))

    assert found.held_s == pytest.approx(held_s, abs=0.06)
    assert abs(found.pitch_slope) < 1


@pytest.mark.parametrize("base_hz", [85, 110, 180, 260, 330])
def test_every_voice_has_the_same_melody(base_hz):
    found = measured(melody(*[(0.15, base_hz, base_hz)] * 6, (0.3, base_hz, base_hz * 0.75)))

    assert found.pitch_st == pytest.approx(-4.2, abs=1)
    assert found.pitch_slope == pytest.approx(-16.6, abs=3)


def test_a_long_last_syllable_has_a_long_release():
    short = measured(melody(*SYLLABLES, (0.15, 120, 120)))
    fading = melody((0.45, 120, 120)) * np.geomspace(1, 0.05, round(0.45 * CAPTURE_RATE))
    long = measured(np.concatenate([melody(*SYLLABLES), silence(0.04), fading]))

    assert long.release > short.release + 0.8


FALLING = melody(*SYLLABLES, (0.3, 120, 85))


@pytest.mark.parametrize("dbfs", [-60, -40, 0])
def test_loudness_changes_nothing(dbfs):
    louder = measured(at_dbfs(FALLING / np.abs(FALLING).max(), dbfs))

    assert louder.pitch_st == pytest.approx(measured(FALLING).pitch_st, abs=0.1)
    assert louder.release == pytest.approx(measured(FALLING).release, abs=0.1)


def test_a_voice_that_creaks_at_the_end_is_no_octave_lower():
    syllables = [(0.15, 140.0, 140.0)] * 6 + [(0.3, 140.0, 110.0)]

    creaking = measured(melody(*syllables, (0.1, 67, 67)))

    assert creaking.pitch_st == pytest.approx(measured(melody(*syllables)).pitch_st, abs=0.5)


@pytest.mark.parametrize("noise", [white, fan])
def test_noise_that_is_in_the_pause_as_well_changes_little_though_the_pause_is_noticed_late(noise):
    speech = np.concatenate([FALLING, silence(0.15)])
    rush = at_dbfs(noise((len(speech) + 1) / CAPTURE_RATE + PAUSE_S), -32)
    n_pause = round(PAUSE_S * CAPTURE_RATE)

    found = measured(speech + rush[: len(speech)], pause=rush[len(speech) : len(speech) + n_pause])

    assert found.pitch_st == pytest.approx(measured(FALLING).pitch_st, abs=1)
    assert found.pitch_slope < -8


@pytest.mark.parametrize("pause_s", [0.1, 0.2, 0.6, 1.2])
def test_how_long_the_pause_has_been_changes_nothing(pause_s):
    assert measured(FALLING, pause_s=pause_s).pitch_st == pytest.approx(measured(FALLING).pitch_st, abs=0.2)


def test_what_was_said_long_before_changes_nothing():
    long_ago = voice(20, seed=4)

    assert measured(np.concatenate([long_ago, silence(4.5), FALLING])).pitch_st == measured(FALLING).pitch_st


def test_a_whisper_has_no_melody_but_it_has_a_release():
    found = measured(at_dbfs(white(1.0), -30))

    assert (found.pitch_st, found.pitch_slope, found.held_s) == (0, 0, 0)


@pytest.mark.parametrize("speech", [np.zeros(0), silence(2), FALLING[:800], np.full(16_000, np.nan)])
def test_too_little_speech_is_not_measured(speech):
    assert measure(np.concatenate([speech, silence(PAUSE_S)]).astype(np.float32), silence_s=PAUSE_S) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 20_000), st.floats(0, 3), st.integers(0, 9))
def test_whatever_is_heard_gives_finite_numbers(n_samples, silence_s, seed):
    rng = np.random.default_rng(seed)
    audio = rng.normal(0, 10.0 ** rng.uniform(-6, 1), n_samples).astype(np.float32)
    audio[rng.random(n_samples) < 0.01] = np.nan

    found = measure(audio, silence_s=silence_s)

    assert found is None or all(np.isfinite(value) for value in vars(found).values())
