from __future__ import annotations

import numpy as np
import pytest

from tests.vad.signals import voice, white
from voicechat.audio.echo_delay import EchoDelay, EchoEstimate
from voicechat.types import CAPTURE_RATE

FRAME = 160
SURE = 15.0


def delayed(samples: np.ndarray, seconds: float) -> np.ndarray:
    """Give a sound later, or earlier for a negative delay."""
    n = round(seconds * CAPTURE_RATE)
    if n < 0:
        return np.concatenate([samples[-n:], np.zeros(-n)])
    return np.concatenate([np.zeros(n), samples])[: len(samples)]


def reverberated(samples: np.ndarray) -> np.ndarray:
    at_s = np.arange(3000) / CAPTURE_RATE
    response = np.random.default_rng(1).standard_normal(3000) * 10 ** (-3 * at_s / 0.3)
    response[0] = 8.0
    n = len(samples) + len(response)
    echo = np.fft.irfft(np.fft.rfft(samples, n) * np.fft.rfft(response, n), n)[: len(samples)]
    return 0.05 * echo


def estimates(near: np.ndarray, far: np.ndarray) -> list[EchoEstimate]:
    delay = EchoDelay()
    found = [delay.push(near[i : i + FRAME], far[i : i + FRAME]) for i in range(0, len(near) - FRAME + 1, FRAME)]
    return [estimate for estimate in found if estimate is not None]


@pytest.mark.parametrize("delay_s", [-0.2, 0.0, 0.05, 0.4, 0.9])
def test_an_echo_is_found_wherever_it_is(delay_s: float):
    far = 0.5 * voice(8, seed=4)
    near = delayed(reverberated(far), delay_s) + 1e-3 * white(8)

    last = estimates(near, far)[-1]
    assert last.lag_s == pytest.approx(delay_s, abs=0.012)
    assert last.certainty > SURE


def test_an_echo_is_found_while_the_user_speaks_over_it():
    far = 0.5 * voice(8, seed=4)
    near = delayed(reverberated(far), 0.3) + 0.1 * voice(8, seed=9)[: len(far)]

    assert estimates(near, far)[-1].lag_s == pytest.approx(0.3, abs=0.012)


def test_nobody_is_sure_of_an_echo_that_is_not_there():
    assert max(e.certainty for e in estimates(1e-3 * white(12), 0.5 * voice(12, seed=4))) < SURE


def test_silence_says_nothing():
    silence = np.zeros(5 * CAPTURE_RATE)

    assert estimates(1e-3 * white(5), silence) == []
    assert estimates(silence, silence) == []


def test_a_drift_shows_as_a_shift_with_its_sign():
    far = 0.5 * white(14)
    echo = reverberated(far)
    at = np.arange(len(echo))
    late = np.interp(at * (1 - 60e-6) - 800, at, echo)
    early = np.interp(at * (1 + 60e-6) - 800, at, echo)

    shifts = {
        name: [e.shift for e in estimates(near, far)[4:] if e.shift is not None]
        for name, near in (("late", late), ("early", early), ("still", delayed(echo, 0.05)))
    }
    assert np.median(shifts["late"]) > 1
    assert np.median(shifts["early"]) < -1
    assert np.abs(shifts["still"]).max() < 0.05
