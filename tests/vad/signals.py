"""Made-up signals: a voice that changes its vowel four times a second, and the noises of a room. 16 kHz, seeded."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voicechat.endpointer import Endpointer, SpeechStarted
from voicechat.protocols import VoiceActivityDetector
from voicechat.types import CAPTURE_RATE

QUESTION = Path(__file__).parents[2] / "config" / "demo" / "question.wav"
SYLLABLES_PER_S = 4
# First three formants in Hz of "ah", "ee", "oo", "eh", "aw" (Peterson and Barney 1952, men).
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
FORMANT_WIDTH = 60  # Hz
PRE_ROLL_S = 0.3


@dataclass(frozen=True)
class Turn:
    """A turn in seconds of the signal: its first and last speech, and when each was noticed."""

    start_s: float
    started_at_s: float
    end_s: float
    ended_at_s: float


def turns(vad: VoiceActivityDetector, signal: np.ndarray, *, end_silence_ms: float = 500) -> list[Turn]:
    """Give the turns in `signal`; one that is still open at its end has not ended and is left out."""
    frame_s = vad.frame_samples / CAPTURE_RATE
    endpointer = Endpointer(frame_ms=frame_s * 1000, end_silence_ms=end_silence_ms)
    found: list[Turn] = []
    start_s = started_at_s = 0.0
    for n, probability in enumerate(probabilities(vad, signal), start=1):
        event = endpointer.push(probability)
        if isinstance(event, SpeechStarted):
            start_s, started_at_s = (n - event.speech_frames) * frame_s, n * frame_s
        elif event is not None:
            found.append(Turn(start_s, started_at_s, (n - event.silence_frames) * frame_s, n * frame_s))
    return found


def probabilities(vad: VoiceActivityDetector, signal: np.ndarray) -> list[float]:
    n_frame = vad.frame_samples
    samples = signal.astype(np.float32)
    return [vad.probability(samples[i : i + n_frame]) for i in range(0, len(samples) - n_frame + 1, n_frame)]


def question() -> np.ndarray:
    """Give the spoken question that ships with voicechat, without its silent ends."""
    with wave.open(str(QUESTION)) as reader:
        assert reader.getframerate() == CAPTURE_RATE
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2") / 32768
    loud = np.flatnonzero(np.abs(samples) > 0.05 * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1]


def voice(duration_s: float, *, seed: int = 0, held: bool = False) -> np.ndarray:
    """Give a voice with a peak of 1: syllables, or one `held` vowel."""
    rng = np.random.default_rng(seed)
    n = round(duration_s * CAPTURE_RATE)
    at_s = np.arange(n) / CAPTURE_RATE
    n_syllables = max(1, round(duration_s * SYLLABLES_PER_S))
    pitch = 120 * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * at_s)) if not held else np.full(n, 120.0)
    phase = 2 * np.pi * np.cumsum(pitch) / CAPTURE_RATE
    drawn = np.zeros(n_syllables + 1, int) if held else rng.integers(len(VOWELS), size=n_syllables + 1)
    targets = np.array(VOWELS)[drawn]  # (n_syllables + 1, 3)
    edges_s = np.linspace(0, duration_s, n_syllables + 1)
    formants = [np.interp(at_s, edges_s, targets[:, k]) for k in range(3)]
    samples = np.zeros(n)
    for harmonic in range(1, 30):
        frequency = harmonic * pitch
        gain = sum(
            weight * FORMANT_WIDTH / np.hypot(frequency - formant, FORMANT_WIDTH)
            for formant, weight in zip(formants, (1, 0.5, 0.25), strict=True)
        )
        samples += gain * (frequency < 4500) * np.sin(harmonic * phase)
    if not held:
        samples *= 0.15 + 0.85 * np.abs(np.sin(np.pi * at_s / duration_s * n_syllables))
    return samples / np.abs(samples).max()


def white(duration_s: float, *, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(duration_s * CAPTURE_RATE))


def pink(duration_s: float, *, seed: int = 2) -> np.ndarray:
    spectrum = np.fft.rfft(white(duration_s, seed=seed))
    return _unit(np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1))))


def hum(duration_s: float) -> np.ndarray:
    at_s = np.arange(round(duration_s * CAPTURE_RATE)) / CAPTURE_RATE
    return _unit(sum(np.sin(2 * np.pi * 50 * k * at_s + k) / k for k in (1, 2, 3, 4, 6, 8, 10)))


def fan(duration_s: float, *, seed: int = 3) -> np.ndarray:
    """Give a blade's harmonics in rushing air, waxing and waning a little."""
    n = round(duration_s * CAPTURE_RATE)
    at_s = np.arange(n) / CAPTURE_RATE
    blades = _unit(sum(np.sin(2 * np.pi * 87 * k * at_s) / k for k in range(1, 8)))
    air = pink(duration_s + 1 / CAPTURE_RATE, seed=seed)[:n]
    return _unit((blades[: len(air)] + 0.8 * air) * (1 + 0.1 * np.sin(2 * np.pi * 0.4 * at_s[: len(air)])))


def tone(duration_s: float) -> np.ndarray:
    return np.sqrt(2) * np.sin(2 * np.pi * 440 * np.arange(round(duration_s * CAPTURE_RATE)) / CAPTURE_RATE)


NOISES = {"white": white, "pink": pink, "hum": hum, "fan": fan, "tone": tone}


def silence(duration_s: float) -> np.ndarray:
    return np.zeros(round(duration_s * CAPTURE_RATE))


def at_dbfs(samples: np.ndarray, dbfs: float) -> np.ndarray:
    """Scale so that what is 1 becomes `dbfs`: the RMS of a noise, the peak of a voice."""
    return samples * 10 ** (dbfs / 20)


def as_recorded(samples: np.ndarray) -> np.ndarray:
    """Clip and round as a 16-bit sound card does."""
    return np.round(np.clip(samples, -1, 32767 / 32768) * 32768) / 32768


def _unit(samples: np.ndarray) -> np.ndarray:
    return samples / np.sqrt(np.mean(samples**2))
