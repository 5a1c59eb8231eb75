from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.gain import GLIDES, Gain
from voicechat.types import Loudness

RATE = 1000


def test_at_full_loudness_samples_are_passed_on_as_they_are():
    samples = np.ones(10, np.float32)
    assert Gain().applied(samples) is samples


@given(
    turns=st.lists(st.tuples(st.sampled_from(Loudness), st.integers(0, 400)), max_size=5),
    cut=st.integers(1, 50),
)
def test_the_gain_is_the_same_however_the_samples_are_cut(turns, cut):
    def played(step: int | None) -> np.ndarray:
        gain, out = Gain(), [np.zeros(0)]
        for loudness, n_samples in turns:
            gain.turn_to(loudness, RATE)
            for start in range(0, n_samples, step or max(1, n_samples)):
                n = min(step or n_samples, n_samples - start)
                out.append(gain.applied(np.ones(n, np.float32)))
                gain.advance(n)
        return np.concatenate(out)

    assert played(cut) == pytest.approx(played(None), abs=1e-6)


@pytest.mark.parametrize("loudness", Loudness)
def test_each_loudness_is_reached_without_a_step(loudness):
    gain = Gain()
    gain.turn_to(Loudness.DUCKED, RATE)
    gain.advance(400)
    gain.turn_to(loudness, RATE)
    curve = gain.applied(np.ones(400, np.float32))

    assert curve[-1] == pytest.approx(GLIDES[loudness][1])
    assert np.abs(np.diff(curve)).max() < 0.01
