from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.doctor.finding import Status
from voicechat.doctor.levels import SILENCE_DBFS, clipped_share, judge, noise_floor_dbfs

RATE = 16_000


def noise(dbfs: float, seconds: float = 2.0) -> np.ndarray:
    samples = np.random.default_rng(1).standard_normal(round(seconds * RATE))
    return (samples * 10 ** (dbfs / 20)).astype(np.float32)


@given(st.floats(-90, -20))
def test_the_floor_is_the_rooms_noise_although_somebody_speaks_half_of_the_time(dbfs):
    samples = noise(dbfs)
    samples[: len(samples) // 2] += 0.1 * np.sin(np.arange(len(samples) // 2) / 5).astype(np.float32)

    assert noise_floor_dbfs(samples, RATE) == pytest.approx(dbfs, abs=1.0)


@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), np.zeros(0, np.float32), np.full(9, 1e-9, np.float32)])
def test_silence_has_a_floor_that_is_a_number(samples):
    assert noise_floor_dbfs(samples, RATE) == SILENCE_DBFS


def test_samples_at_full_scale_clip_only_in_company():
    samples = noise(-40)
    samples[[100, 200, 201]] = 1.0
    assert clipped_share(samples) == 0

    samples[300:304] = [1.0, 1.0, -1.0, -1.0]
    assert clipped_share(samples) == 4 / len(samples)


@pytest.mark.parametrize(
    ("samples", "calibrated_dbfs", "status", "words"),
    [
        (noise(-60), 0.0, Status.OK, "noise at -60 dBFS"),
        (noise(-60), -58.0, Status.OK, "noise at -60 dBFS"),
        (noise(-60), -40.0, Status.WARN, "it was -40 at the setup"),
        (noise(-25), 0.0, Status.WARN, "speech will hardly stand out"),
        (np.clip(noise(0), -1, 1), 0.0, Status.WARN, "it clips"),
    ],
)
def test_a_room_is_judged_by_its_noise(samples, calibrated_dbfs, status, words):
    finding = judge(samples, RATE, calibrated_dbfs=calibrated_dbfs)

    assert (finding.name, finding.status) == ("level", status)
    assert words in finding.detail
    assert bool(finding.fix) == (status is Status.WARN)
