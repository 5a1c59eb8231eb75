from __future__ import annotations

import numpy as np
import pytest

from tests.vad.signals import NOISES, at_dbfs, silence, voice, white
from voicechat.types import CAPTURE_RATE
from voicechat.vad._noise_gate import Measured, NoiseGate

FRAME_SAMPLES = 320
FRAMES_PER_S = CAPTURE_RATE // FRAME_SAMPLES
FLOOR_WINDOW_S = 2.0


@pytest.fixture
def gate() -> NoiseGate:
    return NoiseGate(frame_samples=FRAME_SAMPLES, floor_window_s=FLOOR_WINDOW_S)


def measure(gate: NoiseGate, signal: np.ndarray) -> list[Measured]:
    return [
        gate.push(frame) for frame in signal[: len(signal) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    ]


@pytest.mark.parametrize("dbfs", [-80, -50, -20])
@pytest.mark.parametrize("noise", ["white", "pink", "fan"])
def test_a_steady_noise_hardly_ever_stands_above_its_own_floor(gate, noise, dbfs):
    heard = measure(gate, at_dbfs(NOISES[noise](8), dbfs))[round(1.5 * FRAMES_PER_S) :]

    above_db = np.array([m.above_floor_db for m in heard])
    assert np.percentile(above_db, 99) < 2
    assert -2 < np.median(above_db) < 0


@pytest.mark.parametrize("noise", ["white", "pink", "fan", "hum", "tone"])
def test_a_steady_noise_hardly_moves_and_a_voice_does(gate, noise):
    room = at_dbfs(white(4), -80)

    still = [m.movement_db for m in measure(gate, room + at_dbfs(NOISES[noise](4), -25))[10:]]
    moving = [m.movement_db for m in measure(gate, room + at_dbfs(voice(4), -15))[10:]]

    assert np.median(still) < 1 < np.median(moving)


def test_the_floor_is_the_level_of_the_noise_even_under_a_voice(gate):
    noise = at_dbfs(white(6), -60)
    scene = noise + np.concatenate([silence(2), at_dbfs(voice(1.5), -20), silence(2.5)])
    level_db = np.median([m.level_dbfs for m in measure(NoiseGate(frame_samples=320, floor_window_s=2), noise)])

    floors_db = [m.floor_dbfs for m in measure(gate, scene)[round(1.6 * FRAMES_PER_S) :]]

    assert max(abs(floor_db - level_db) for floor_db in floors_db) < 3


def test_the_first_frames_do_not_pull_the_floor_down(gate):
    noise = at_dbfs(white(8), -40)

    floors_db = [m.floor_dbfs for m in measure(gate, noise)]

    before = floors_db[round(1.6 * FRAMES_PER_S) : round(1.9 * FRAMES_PER_S)]
    after = floors_db[round(4 * FRAMES_PER_S) :]
    assert np.mean(before) == pytest.approx(np.mean(after), abs=0.5)


def test_a_louder_noise_has_become_the_floor_after_the_window(gate):
    scene = np.concatenate([at_dbfs(white(3), -70), at_dbfs(white(3), -30)])

    above_db = [m.above_floor_db for m in measure(gate, scene)]

    since = 3 * FRAMES_PER_S
    assert min(above_db[since + 3 : since + round(1.9 * FRAMES_PER_S)]) > 30
    assert max(above_db[since + round((FLOOR_WINDOW_S + 0.1) * FRAMES_PER_S) :]) < 3


def test_a_quieter_noise_is_the_floor_within_moments(gate):
    scene = np.concatenate([at_dbfs(white(3), -30), at_dbfs(white(1), -70)])

    floors_db = [m.floor_dbfs for m in measure(gate, scene)]

    assert floors_db[-1] == pytest.approx(floors_db[3 * FRAMES_PER_S - 1] - 40, abs=3)
    assert floors_db[3 * FRAMES_PER_S + 25] < -65


def test_each_band_has_its_own_floor(gate):
    loud_hum = at_dbfs(NOISES["hum"](4) + at_dbfs(white(4), -50), -20)
    quiet_voice = np.concatenate([silence(3), at_dbfs(voice(1), -30)])  # ten dB under the hum

    heard = measure(gate, loud_hum + quiet_voice)[3 * FRAMES_PER_S :]

    assert np.median([m.above_floor_db for m in heard]) > 10
