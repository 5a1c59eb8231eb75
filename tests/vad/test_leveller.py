from __future__ import annotations

import math

import numpy as np
import pytest

from tests.vad.signals import at_dbfs, tone
from voicechat.vad._leveller import NOISE_CEILING_DBFS, TARGET_DBFS, Leveller
from voicechat.vad._noise_gate import Measured

FRAME_SAMPLES = 320
FRAMES_PER_S = 50
MAX_GAIN_DB = 40.0


@pytest.fixture
def leveller() -> Leveller:
    return Leveller(frame_samples=FRAME_SAMPLES, max_gain_db=MAX_GAIN_DB)


def level_dbfs(frame: np.ndarray) -> float:
    return 10 * math.log10(float(np.mean(frame**2)))


def raised(leveller: Leveller, dbfs: float, *, floor_dbfs: float = -95, n_frames: int = 1) -> np.ndarray:
    """Give the last of some frames of a tone after levelling."""
    frame = at_dbfs(tone(FRAME_SAMPLES / 16_000), dbfs)
    measured = Measured(above_floor_db=0, movement_db=0, level_dbfs=dbfs, floor_dbfs=floor_dbfs)
    return [leveller.raise_level(frame, measured) for _ in range(n_frames)][-1]


@pytest.mark.parametrize(
    ("dbfs", "floor_dbfs", "expected_dbfs"),
    [
        (-40, -95, TARGET_DBFS),
        (-75, -95, -75 + MAX_GAIN_DB),  # bounded
        (-10, -95, -10),  # loud enough
        (-50, -55, -40),  # the noise is raised to its ceiling, no further
        (-40, NOISE_CEILING_DBFS + 5, -40),  # and never lowered
    ],
)
def test_a_sound_is_raised_to_speech_level_within_bounds(leveller, dbfs, floor_dbfs, expected_dbfs):
    assert level_dbfs(raised(leveller, dbfs, floor_dbfs=floor_dbfs)) == pytest.approx(expected_dbfs, abs=0.1)


def test_a_bang_is_forgotten_within_three_seconds(leveller):
    raised(leveller, -3)

    quiet = raised(leveller, -60, n_frames=3 * FRAMES_PER_S)

    assert level_dbfs(quiet) == pytest.approx(TARGET_DBFS, abs=1)


def test_the_gain_glides_from_one_frame_to_the_next(leveller):
    before = raised(leveller, -60)
    measured = Measured(above_floor_db=0, movement_db=0, level_dbfs=-20, floor_dbfs=-95)

    after = leveller.raise_level(np.full(FRAME_SAMPLES, 0.001), measured)

    gain = level_dbfs(before) + 60
    assert 20 * math.log10(after[0] / 0.001) == pytest.approx(gain, abs=0.2)
    assert 20 * math.log10(after[-1] / 0.001) == pytest.approx(0, abs=0.2)
    assert (np.diff(after) <= 0).all()


def test_an_offset_is_taken_away_from_the_first_frame_on(leveller):
    first = leveller.clean(np.full(FRAME_SAMPLES, 0.4, np.float32))

    assert np.abs(first).max() < 1e-6


def test_an_offset_that_changes_is_followed(leveller):
    leveller.clean(np.zeros(FRAME_SAMPLES, np.float32))

    later = [leveller.clean(np.full(FRAME_SAMPLES, 0.4, np.float32)) for _ in range(3 * FRAMES_PER_S)]

    assert np.abs(later[-1]).max() < 0.001


def test_no_sample_leaves_beyond_full_scale(leveller):
    wild = np.array([np.nan, np.inf, -np.inf, 3e38] * 80, np.float32)

    assert np.isfinite(leveller.clean(wild)).all()
    assert np.abs(raised(leveller, 0)).max() <= 1
