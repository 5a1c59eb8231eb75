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


def speech_like() -> np.ndarray:
    """Make noise that falls off and comes in syllables as speech does, float32 (n,) at 16 kHz: cancellers know that."""
    n = round(SPOKEN_S * CAPTURE_RATE)
    noise = np.random.default_rng(SEED).standard_normal(n)
    frequencies = np.fft.rfftfreq(n, 1 / CAPTURE_RATE)
    spectrum = np.fft.rfft(noise) / np.maximum(frequencies, 200.0)
    spectrum[(frequencies < 100.0) | (frequencies > 7000.0)] = 0
    at_s = np.arange(n) / CAPTURE_RATE
    samples = np.fft.irfft(spectrum, n) * (0.55 - 0.45 * np.cos(2 * np.pi * SYLLABLES_PER_S * at_s))
    rms = math.sqrt(float(np.mean(samples**2)))
    scaled: np.ndarray = (samples * (10 ** (SPOKEN_DBFS / 20) / rms)).astype(np.float32)
    return scaled


def left_of(cancel: Cancel, played: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """Give what is left of a recorded echo, float32 (n,) at 16 kHz, once the canceller has settled.

    Args:
        played: float32 (n,) at 16 kHz, silent at both ends, so that it can be repeated.
        recorded: likewise, of the same time.
    """
    return cancel(np.tile(played, N_PASSES), np.tile(recorded, N_PASSES))[-len(recorded) :]


def loudness_dbfs(samples: np.ndarray) -> float:
    """Give the RMS of samples, (n,), in dB of full scale; -200 for silence."""
    return 10 * math.log10(max(1e-20, float(np.mean(np.square(samples, dtype=np.float64)))))


def placed(samples: np.ndarray, at_s: float, n: int) -> np.ndarray:
    """Put a sound, float32 (m,) at 16 kHz, at a time into n samples of silence; what lies outside is cut."""
    silence = np.zeros(n, np.float32)
    first = round(at_s * CAPTURE_RATE)
    begin, end = max(0, first), min(n, first + len(samples))
    if begin < end:
        silence[begin:end] = samples[begin - first : end - first]
    return silence
