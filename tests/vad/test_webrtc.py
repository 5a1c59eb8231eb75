from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.vad.signals import (
    NOISES,
    PRE_ROLL_S,
    Turn,
    as_recorded,
    at_dbfs,
    pink,
    probabilities,
    question,
    silence,
    turns,
    voice,
    white,
)
from voicechat.errors import ConfigError, ModelError
from voicechat.types import CAPTURE_RATE
from voicechat.vad.webrtc import DOUBT, FRAME_SAMPLES, Options, WebRtcVAD, load

FRAME_S = FRAME_SAMPLES / CAPTURE_RATE
END_SILENCE_S = 0.5
ROOM_DB = -45  # a quiet room, against a voice's peak


@pytest.fixture
def vad() -> WebRtcVAD:
    return load(Options())


def in_room(samples: np.ndarray, *, peak_dbfs: float, noise: np.ndarray | None = None) -> np.ndarray:
    """Give a voice as recorded in a quiet room, or in `noise` (as loud against its peak as given)."""
    if noise is None:
        noise = at_dbfs(white(len(samples) / CAPTURE_RATE), ROOM_DB)
    return as_recorded(at_dbfs(samples + noise[: len(samples)], peak_dbfs))


def assert_found(found: list[Turn], spoken: list[tuple[float, float]], *, end_tolerance_s: float = 0.15) -> None:
    assert len(found) == len(spoken)
    for turn, (start_s, end_s) in zip(found, spoken, strict=True):
        assert turn.start_s - PRE_ROLL_S <= start_s  # the first syllable is in the pre-roll
        assert turn.start_s >= start_s - PRE_ROLL_S
        assert turn.end_s == pytest.approx(end_s, abs=end_tolerance_s)


@pytest.mark.parametrize("peak_dbfs", [-50, -40, -25, -12, -3, 20])
def test_speech_is_found_at_every_level_from_a_whisper_to_clipping(vad, peak_dbfs):
    scene = np.concatenate([silence(1), voice(1.5), silence(0.7), voice(1, seed=1), silence(1)])

    found = turns(vad, in_room(scene, peak_dbfs=peak_dbfs))

    assert_found(found, [(1, 2.5), (3.2, 4.2)])


@pytest.mark.parametrize("peak_dbfs", [-45, -6])
def test_a_real_question_is_one_turn(vad, peak_dbfs):
    spoken = question()
    scene = np.concatenate([silence(1), spoken / np.abs(spoken).max(), silence(1)])

    found = turns(vad, in_room(scene, peak_dbfs=peak_dbfs))

    assert_found(found, [(1, 1 + len(spoken) / CAPTURE_RATE)])


@pytest.mark.parametrize("peak_dbfs", [-45, -6])
@pytest.mark.parametrize("room", [True, False])
@pytest.mark.parametrize("duration_s", [0.35, 2])
def test_speech_from_the_very_first_sample_counts(vad, peak_dbfs, room, duration_s):
    scene = np.concatenate([voice(duration_s), silence(2)])
    noise = None if room else silence(5)

    found = turns(vad, in_room(scene, peak_dbfs=peak_dbfs, noise=noise))

    # The floor is still unknown here, so a short word's end is found a little late.
    assert_found(found, [(0, duration_s)], end_tolerance_s=0.25)


def test_words_between_digital_silence_are_found(vad):
    scene = np.concatenate([silence(1), voice(0.5), silence(0.7), voice(0.5, seed=4), silence(1)])

    assert_found(turns(vad, in_room(scene, peak_dbfs=-20, noise=silence(9))), [(1, 1.5), (2.2, 2.7)])


@pytest.mark.parametrize("offset", [0.0, 0.5, -1.0])
def test_digital_silence_is_never_speech(vad, offset):
    assert set(probabilities(vad, silence(3) + offset)) == {0.0}


@pytest.mark.parametrize("dbfs", [-75, -50, -30, -15])
@pytest.mark.parametrize("noise", NOISES)
def test_a_steady_noise_is_no_turn(vad, noise, dbfs):
    assert turns(vad, as_recorded(at_dbfs(NOISES[noise](6), dbfs))) == []


@pytest.mark.parametrize("noise", ["white", "pink", "fan", "hum"])
def test_speech_in_a_steady_noise_is_found_and_ends(vad, noise):
    scene = np.concatenate([silence(2), voice(1.5), silence(0.8), voice(1.5, seed=1), silence(1)])
    loudness = -28  # against the peak: about 15 dB under the voice's own RMS

    found = turns(vad, in_room(scene, peak_dbfs=-20, noise=at_dbfs(NOISES[noise](8), loudness)))

    assert_found(found, [(2, 3.5), (4.3, 5.8)], end_tolerance_s=0.25)


def test_a_word_of_a_fifth_of_a_second_beside_a_fan_is_mostly_found():
    found = 0
    for seed in range(6):
        for noise in ("white", "pink", "fan"):
            scene = np.concatenate([silence(2 + seed * 0.0037), voice(0.2, seed=seed), silence(1)])
            found += len(turns(load(Options()), in_room(scene, peak_dbfs=-20, noise=at_dbfs(NOISES[noise](4), -20))))

    assert 12 <= found <= 18  # 2 if the fading end of the word did not count


@pytest.mark.parametrize("noise", ["white", "fan"])
def test_a_fan_that_switches_on_starts_no_turn(vad, noise):
    running = at_dbfs(NOISES[noise](5), -35)
    room = at_dbfs(white(3), -75)

    assert turns(vad, as_recorded(np.concatenate([room, running, room]))) == []


@pytest.mark.parametrize("noise", ["white", "fan"])
def test_a_fan_that_switches_on_in_a_turn_does_not_hold_it_open(vad, noise):
    scene = np.concatenate([silence(1), voice(2), silence(6)])
    scene += at_dbfs(white(9), -60)
    scene[round(2.5 * CAPTURE_RATE) :] += at_dbfs(NOISES[noise](6.5), -25)

    (found,) = turns(vad, as_recorded(at_dbfs(scene, -15)))

    assert found.ended_at_s <= 2.5 + Options().floor_window_s + END_SILENCE_S + 0.3


def test_a_held_vowel_goes_on_with_a_turn(vad):
    scene = np.concatenate([silence(1), voice(0.75), voice(1.5, held=True), silence(1)])

    found = turns(vad, in_room(scene, peak_dbfs=-12))

    assert_found(found, [(1, 3.25)])


def test_a_steady_sound_with_a_voice_is_in_doubt_not_silent(vad):
    scene = np.concatenate([silence(1), voice(1.5, held=True)])

    heard = probabilities(vad, in_room(scene, peak_dbfs=-12))

    assert DOUBT in heard[round(1.5 / FRAME_S) :]


@pytest.mark.parametrize("duration_ms", [5, 30, 80, 140])
@pytest.mark.parametrize("dbfs", [-30, -10])
def test_a_click_or_a_short_bang_is_no_turn(vad, duration_ms, dbfs):
    scene = at_dbfs(white(8), -70)
    n = round(duration_ms / 1000 * CAPTURE_RATE)
    for i, start_s in enumerate((1, 2.3, 3.1, 5.7)):
        start = round(start_s * CAPTURE_RATE)
        scene[start : start + n] += at_dbfs(white(1, seed=i)[:n], dbfs)

    assert turns(vad, as_recorded(scene)) == []


def test_a_slammed_door_does_not_deafen_it(vad):
    quiet = in_room(np.concatenate([silence(3.5), voice(1), silence(1)]), peak_dbfs=-50)
    quiet[CAPTURE_RATE : CAPTURE_RATE + 1600] = np.clip(at_dbfs(white(0.1), -6), -1, 1)

    assert_found(turns(vad, quiet), [(3.5, 4.5)])


def test_an_offset_changes_nothing(vad):
    scene = in_room(np.concatenate([silence(1), voice(1), silence(1)]), peak_dbfs=-40)

    assert_found(turns(vad, scene + 0.3), [(1, 2)])


def test_nan_is_silence_and_leaves_no_trace(vad):
    scene = in_room(np.concatenate([silence(1), voice(1), silence(1)]), peak_dbfs=-20)

    assert set(probabilities(vad, np.full(CAPTURE_RATE, np.nan))) == {0.0}
    scene[::1000] = np.nan
    assert_found(turns(vad, scene), [(1, 2)])


@settings(max_examples=50, deadline=None)
@given(st.lists(hnp.arrays(np.float32, FRAME_SAMPLES, elements=st.floats(width=32)), max_size=4))
def test_any_samples_give_a_probability(frames):
    vad = load(Options())

    assert {vad.probability(frame) for frame in frames} <= {0.0, DOUBT, 1.0}


def test_the_frame_is_left_as_it_was(vad):
    frame = np.full(FRAME_SAMPLES, 2.0, np.float32)
    frame.flags.writeable = False

    vad.probability(frame)


def test_reset_keeps_the_learnt_floor(vad):
    running = as_recorded(at_dbfs(pink(4), -30))
    unlearnt = probabilities(vad, running)[:25]
    vad.reset()

    learnt = probabilities(vad, running)[:25]

    assert sum(p > 0 for p in learnt) <= 3 < sum(p > 0 for p in unlearnt)


def test_reset_forgets_the_signal(vad):
    scene = in_room(np.concatenate([silence(3), voice(1), silence(3)]), peak_dbfs=-30)
    first = probabilities(vad, scene)
    vad.reset()

    again = probabilities(vad, scene)

    # The floor is known by now, so nothing before or after the word passes; the word itself is heard as before.
    word = slice(round(3 / FRAME_S), round(4 / FRAME_S))
    assert again[word] == first[word]


@pytest.mark.parametrize("length", [0, 160, FRAME_SAMPLES - 1, FRAME_SAMPLES + 1])
def test_a_frame_of_another_length_is_refused(vad, length):
    with pytest.raises(ValueError, match="320 samples"):
        vad.probability(np.zeros(length, np.float32))


@pytest.mark.parametrize("options", [Options(aggressiveness=4), Options(aggressiveness=-1), Options(floor_window_s=0)])
def test_an_option_out_of_range_is_named(options):
    with pytest.raises(ConfigError, match=r"\[vad.webrtc\] .* must be .*, not"):
        load(options)


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "webrtcvad", None)

    with pytest.raises(ModelError, match="webrtc needs the package webrtcvad-wheels; run: pip install"):
        load(Options())
