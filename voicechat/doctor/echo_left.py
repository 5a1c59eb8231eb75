"""How much of the speaker's sound an echo canceller leaves in the microphone. Pure; which canceller is up to others."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from voicechat.types import CAPTURE_RATE

# What the speaker played and what the microphone took in, both float32 (n,) at 16 kHz and at the same times, to the
# microphone's sound without the echo, float32 (n,).
Cancel = Callable[[np.ndarray, np.ndarray], np.ndarray]

SPOKEN_S = 2.0
SPOKEN_DBFS = -26.0
SYLLABLES_PER_S = 4.0
N_PASSES = 4  # over the same sound: a canceller learns the room in the first ones
SEED = 1


def speech_like(sample_rate: int) -> np.ndarray:
    """Make noise that falls off and comes in syllables as speech does, float32 (n,): cancellers are made for that."""
    n = round(SPOKEN_S * sample_rate)
    noise = np.random.default_rng(SEED).standard_normal(n)
    frequencies = np.fft.rfftfreq(n, 1 / sample_rate)
    spectrum = np.fft.rfft(noise) / np.maximum(frequencies, 200.0)
    spectrum[(frequencies < 100.0) | (frequencies > 7000.0)] = 0
    at_s = np.arange(n) / sample_rate
    samples = np.fft.irfft(spectrum, n) * (0.55 - 0.45 * np.cos(2 * np.pi * SYLLABLES_PER_S * at_s))
    rms = math.sqrt(float(np.mean(samples**2)))
    scaled: np.ndarray = (samples * (10 ** (SPOKEN_DBFS / 20) / rms)).astype(np.float32)
    return scaled


def reduction_db(cancel: Cancel, played: np.ndarray, recorded: np.ndarray) -> float:
    """Give how much weaker the recorded echo is after cancelling, in dB, once the canceller has settled.

    Args:
        played: float32 (n,) at 16 kHz, silent at both ends, so that it can be repeated.
        recorded: likewise, of the same time.
    """
    n = len(recorded)
    left = cancel(np.tile(played, N_PASSES), np.tile(recorded, N_PASSES))[-n:]
    before, after = (float(np.mean(np.square(one, dtype=np.float64))) for one in (recorded, left))
    return 10 * math.log10(max(before, 1e-20) / max(after, 1e-20))


def placed(samples: np.ndarray, at_s: float, n: int) -> np.ndarray:
    """Put a sound, float32 (m,) at 16 kHz, at a time into n samples of silence; what lies outside is cut."""
    silence = np.zeros(n, np.float32)
    first = round(at_s * CAPTURE_RATE)
    begin, end = max(0, first), min(n, first + len(samples))
    if begin < end:
        silence[begin:end] = samples[begin - first : end - first]
    return silence
