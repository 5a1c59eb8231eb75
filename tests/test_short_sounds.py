from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks._sounds import NO_WORDS, in_a_room
from tests.speaking import synthesized
from tests.vad.signals import NOISES, at_dbfs, voice, white
from voicechat.audio.resample import Resampler
from voicechat.short_sounds import Sound, measure, periodicity, wordiness
from voicechat.types import CAPTURE_RATE

ROOM_DBFS = -65.0


def in_noise(sound: np.ndarray, dbfs: float = -15) -> np.ndarray:
    padded = np.concatenate([np.zeros(640), at_dbfs(sound, dbfs), np.zeros(640)])
    return padded + at_dbfs(white(len(padded) / CAPTURE_RATE), ROOM_DBFS)[: len(padded)]


def measured(sound: np.ndarray, dbfs: float = -15) -> Sound:
    result = measure(in_noise(sound, dbfs), background_dbfs=ROOM_DBFS)
    assert result is not None
    return result


def said(text: str, **options: int) -> np.ndarray:
    chunk = synthesized(text, **options)
    resampler = Resampler(chunk.sample_rate, CAPTURE_RATE)
    samples = np.concatenate([resampler.push(chunk.samples), resampler.flush()]).astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1] / np.abs(samples).max()


@pytest.mark.parametrize("text", ["stop", "no", "wait", "okay", "hold on", "what time is it"])
@pytest.mark.parametrize("pitch", [30, 50, 85])
def test_words_sound_like_words(text, pitch):
    assert wordiness(measured(said(text, pitch=pitch))) > 0


@pytest.mark.parametrize("kind", ["mm", "mhm", "cough", "throat", "sneeze", "breathing", "door slam", "keyboard"])
def test_what_is_no_word_does_not(kind):
    scores = []
    for seed in range(20):
        rng = np.random.default_rng([seed, 1234])
        scores.append(wordiness(measured(in_a_room(NO_WORDS[kind](rng), rng))))

    assert sum(score > 0 for score in scores) <= 2  # a slam may ring like a vowel


@pytest.mark.parametrize("gain_db", [-20, 15])
def test_the_microphones_level_does_not_count(gain_db):
    scene = in_noise(said("hold on"), -25)

    as_heard = measure(scene, background_dbfs=ROOM_DBFS)
    louder = measure(at_dbfs(scene, gain_db), background_dbfs=ROOM_DBFS + gain_db)

    assert as_heard is not None
    assert louder is not None
    assert wordiness(louder) == pytest.approx(wordiness(as_heard), abs=0.05)


def test_a_voice_is_periodic_and_air_is_not():
    held = voice(0.1, held=True)

    assert periodicity(held) > 0.9
    assert periodicity(white(0.1)) < 0.5
    assert periodicity(held[:40]) < 1  # shorter than the window


@pytest.mark.parametrize("name", ["white", "hum", "fan", "tone"])
def test_what_drones_is_steady_and_never_words(name):
    sound = measure(at_dbfs(NOISES[name](1.0), -30), background_dbfs=ROOM_DBFS)

    assert sound is not None
    assert sound.steady
    assert wordiness(sound) == -math.inf


def test_closed_lips_let_no_treble_through():
    rng = np.random.default_rng(7)

    assert measured(NO_WORDS["mm"](rng)).openness_db < measured(voice(0.4, held=True)).openness_db - 6


def test_lips_and_tongue_move_in_words_only():
    rng = np.random.default_rng(7)

    hum = measured(NO_WORDS["mm"](rng))
    words = measured(said("hold on"))

    assert words.movement_db > 2 * hum.movement_db


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros(600), np.zeros(16000), at_dbfs(white(0.5), -90)],
    ids=["none", "short", "0", "-90"],
)
def test_there_is_nothing_to_measure_in_silence(samples):
    assert measure(samples, background_dbfs=ROOM_DBFS) is None
