"""What setup hears: levels, speech, and the notes it plays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speaking import QUESTION, read_audio
from voicechat.doctor.chime import LEVEL, chime
from voicechat.doctor.hearing import LEVEL_S, Levels
from voicechat.doctor.speech_check import SpeechCheck, is_faint
from voicechat.registry import load_backend
from voicechat.types import CAPTURE_RATE


def check() -> SpeechCheck:
    return SpeechCheck(load_backend("vad", "webrtc", {}))


def pushed(speech_check: SpeechCheck, samples: np.ndarray) -> SpeechCheck:
    for start in range(0, len(samples), 700):
        speech_check.push(samples[start : start + 700])
    return speech_check


@given(st.lists(st.integers(0, 3000), max_size=20))
def test_there_is_one_level_per_piece_however_the_stream_is_cut(lengths):
    samples = np.random.default_rng(1).standard_normal(sum(lengths)).astype(np.float32)
    levels = Levels(CAPTURE_RATE)

    cut = [level for piece in np.split(samples, np.cumsum(lengths)) for level in levels.push(piece)]

    assert cut == Levels(CAPTURE_RATE).push(samples)
    assert len(cut) == int(len(samples) / (LEVEL_S * CAPTURE_RATE))


def test_silence_has_no_level_and_a_full_square_wave_has_0_dbfs():
    assert Levels(100).push(np.zeros(5, np.float32)) == [-math.inf]
    assert Levels(100).push(np.ones(5, np.float32)) == [0.0]


def test_a_question_is_enough_speech_and_its_loudness_is_known():
    question = read_audio(QUESTION)
    faint = 0.1 * question

    loud = pushed(check(), question)

    assert loud.enough
    assert pushed(check(), faint).speech_dbfs == pytest.approx(loud.speech_dbfs - 20, abs=1.5)


def test_noise_is_no_speech():
    noise = 0.01 * np.random.default_rng(1).standard_normal(5 * CAPTURE_RATE).astype(np.float32)
    speech_check = check()
    speech_check.learn(noise)

    assert not pushed(speech_check, noise).enough


def test_what_was_heard_of_the_room_does_not_count():
    speech_check = check()
    speech_check.learn(read_audio(QUESTION))

    assert speech_check.speech_dbfs is None


def test_speech_is_faint_by_its_distance_to_the_noise():
    assert is_faint(-40.0, -45.0)
    assert not is_faint(-40.0, -60.0)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_the_notes_are_moderately_loud_and_do_not_click(rate):
    notes = chime(rate)

    assert 0.5 < len(notes) / rate < 1.0
    assert 0.5 * LEVEL < np.abs(notes).max() <= LEVEL
    assert np.abs(np.diff(notes)).max() < 0.5 * LEVEL
