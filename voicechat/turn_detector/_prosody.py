"""How the last sounds before a pause were spoken: their pitch, their length, their loudness, each against the turn's.

Everything is relative to what the same speaker has said in the same turn, so that no voice, microphone or room is the
wrong one; and what the pause sounds like is noise, and is taken off. Knows nothing of words, nor what any of it means;
plain numpy, a few milliseconds for a whole turn.

Pitch is found by autocorrelation, corrected for its window: P. Boersma, "Accurate short-term analysis of the
fundamental frequency and the harmonics-to-noise ratio of a sampled sound", Proc. Inst. Phonetic Sciences 17, 1993.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from voicechat.types import CAPTURE_RATE

LONGEST_S = 4.0  # of the turn, back from its end: as much tells how this speaker speaks
SHORTEST_S = 0.15  # of speech: less has no melody
RATE = CAPTURE_RATE // 2  # Hz; pitch and loudness need no more
HOP = RATE // 100  # 10 ms
WINDOW = 4 * HOP  # 40 ms: two periods and more of the lowest voice
N_FFT = 1024  # more than two windows, so that the autocorrelation does not wrap around
LAGS = (RATE // 400, RATE // 62)  # samples: the periods of a voice, 400 to 62 Hz
PERIODIC = 0.55  # autocorrelation of a voiced frame, at least
TAIL_FRAMES = 5  # at the start of a pause, the sound may still die away
NOISE_FACTOR = 1.5  # noise varies: this much of its mean is taken off
SOUND_DB = 30.0  # what is this much below the loudest is none
SILENT_DB = -80.0  # of a frame's power: less than the last bit of 16
VOICE_DB = 25.0  # and what is this much below it has no pitch worth knowing
OCTAVE_ST = 9.0  # semitones; a frame this far from the median is taken for an octave error
END_FRAMES = 8  # of voice, at the end: the last pitch
SLOPE_FRAMES = 25  # within as many at the end: the last movement
HELD_ST = 1.0  # semitones within which a held vowel stays, as a hesitation does
NUCLEUS_DB = 18.0  # the loudest moment of a syllable is at most this much below the loudest of all
SYLLABLE_GAP = 9  # frames, at least, between two syllables
SYLLABLE_DIP_DB = 2.0  # and between them it is softer by this, at least
USUAL_SYLLABLE = 20.0  # frames, where too few syllables were heard to know: five in a second
LONGEST_RELEASE = 3.0  # syllables


@dataclass(frozen=True)
class Prosody:
    """The end of what was said; what could not be told is 0, which speaks for nothing."""

    spoken_s: float  # of the turn so far, pauses included, at most LONGEST_S
    pitch_st: float = 0.0  # the last pitch above the turn's median, in semitones
    pitch_slope: float = 0.0  # semitones per second over the last voice
    held_s: float = 0.0  # how long the last pitch had been the same
    release: float = 0.0  # from the loudest of the last syllable to its end, in the turn's usual syllables


def measure(audio: np.ndarray, *, silence_s: float) -> Prosody | None:
    """Measure the end of a turn so far; None if there is too little speech.

    Args:
        audio: float32 (n,) at 16 kHz, the pause included; NaN counts as 0.
        silence_s: how much at its end is pause.
    """
    n_pause = max(0, min(len(audio), round(silence_s * CAPTURE_RATE)))
    heard = audio[max(0, len(audio) - n_pause - round(LONGEST_S * CAPTURE_RATE)) :]
    heard = np.nan_to_num(heard[: len(heard) // 2 * 2].astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    power, noise_db = _power(heard.reshape(-1, 2).mean(axis=1), n_pause // 2 // HOP)
    level_db = _db(power.sum(axis=1))
    sound = np.flatnonzero(level_db >= max(noise_db, _loudest_db(level_db) - SOUND_DB))
    if len(sound) < 2 or sound[-1] - sound[0] < SHORTEST_S * RATE / HOP:
        return None
    power, level_db = power[sound[0] : sound[-1] + 1], level_db[sound[0] : sound[-1] + 1]
    spoken_s, release = len(level_db) * HOP / RATE, _release(level_db)
    pitch_st, periodicity = _pitch(power)
    voiced = np.flatnonzero((periodicity >= PERIODIC) & (level_db >= max(noise_db, _loudest_db(level_db) - VOICE_DB)))
    if len(voiced):
        voiced = voiced[np.abs(pitch_st[voiced] - np.median(pitch_st[voiced])) < OCTAVE_ST]
    if len(voiced) < END_FRAMES:
        return Prosody(spoken_s, release=release)
    last_st = float(np.median(pitch_st[voiced[-END_FRAMES:]]))
    return Prosody(
        spoken_s,
        pitch_st=last_st - float(np.median(pitch_st[voiced])),
        pitch_slope=_slope(voiced[voiced > voiced[-1] - SLOPE_FRAMES], pitch_st),
        held_s=_held_s(voiced, np.abs(pitch_st[voiced] - last_st) <= HELD_ST),
        release=release,
    )


def _power(samples: np.ndarray, n_pause: int) -> tuple[np.ndarray, float]:
    """Give the power of each frame before the pause by frequency, (n_frames, N_FFT / 2 + 1), without the noise.

    Besides, how loud the noise is: of what is no louder, what is left is not the voice.
    """
    if len(samples) < WINDOW:
        return np.zeros((0, N_FFT // 2 + 1)), SILENT_DB
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = np.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * _window()[0], N_FFT)
    power: np.ndarray = spectrum.real**2 + spectrum.imag**2
    n_before = max(0, len(power) - n_pause)
    noise = power[n_before + TAIL_FRAMES :]
    if not len(noise):
        return power[:n_before], SILENT_DB
    mean = noise.mean(axis=0)
    return np.maximum(power[:n_before] - NOISE_FACTOR * mean, 0.0), max(SILENT_DB, float(_db(mean.sum())))


def _db(power: np.ndarray) -> np.ndarray:
    decibels: np.ndarray = 10 * np.log10(power + 1e-9)
    return decibels


def _loudest_db(level_db: np.ndarray) -> float:
    return float(np.percentile(level_db, 95)) if len(level_db) else 0.0


def _pitch(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each frame's pitch in semitones, and how periodic it is: 1 for a tone, about 0 for noise."""
    shortest, longest = LAGS
    lags = np.fft.irfft(power, N_FFT)[:, : longest + 1]
    correlation = lags / (lags[:, :1] + 1e-12) / _window()[1]
    # Of two lags that fit as well, the shorter one is the period and the other a multiple of it.
    favoured = correlation[:, shortest:longest] - 0.001 * np.arange(longest - shortest)
    best = favoured.argmax(axis=1) + shortest
    rows = np.arange(len(power))
    before, at, after = (correlation[rows, best + k] for k in (-1, 0, 1))
    curvature = np.minimum(before - 2 * at + after, -1e-9)
    period = best + np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)  # of the parabola through the three
    return 12 * np.log2(RATE / period), at


@cache
def _window() -> tuple[np.ndarray, np.ndarray]:
    """Give the window of a frame, and its autocorrelation, by which that of a frame is divided."""
    window = np.hanning(WINDOW)
    lags = np.fft.irfft(np.abs(np.fft.rfft(window, N_FFT)) ** 2, N_FFT)[: LAGS[1] + 1]
    return window, lags / lags[0]


def _slope(frames: np.ndarray, pitch_st: np.ndarray) -> float:
    if len(frames) < END_FRAMES:
        return 0.0
    at_s = (frames - frames.mean()) * HOP / RATE
    return float(at_s @ pitch_st[frames] / (at_s @ at_s))


def _held_s(voiced: np.ndarray, same: np.ndarray) -> float:
    """Give how long, back from the last voice, the pitch stays where it ends and no consonant interrupts it."""
    breaks = np.flatnonzero(~same[:-1] | (np.diff(voiced) > 3))
    first = int(breaks[-1]) + 1 if len(breaks) else 0
    return float(voiced[-1] - voiced[first] + 1) * HOP / RATE


def _release(level_db: np.ndarray) -> float:
    smooth = np.hanning(11)[1:-1]
    level_db = np.convolve(np.pad(level_db, 4, mode="edge"), smooth / smooth.sum(), mode="valid")
    inner = level_db[1:-1]
    is_peak = (inner >= level_db[:-2]) & (inner > level_db[2:]) & (inner > _loudest_db(level_db) - NUCLEUS_DB)
    nuclei: list[int] = []
    for at in (np.flatnonzero(is_peak) + 1).tolist():
        if nuclei:
            dip_db = min(level_db[at], level_db[nuclei[-1]]) - level_db[nuclei[-1] : at + 1].min()
            if at - nuclei[-1] < SYLLABLE_GAP or dip_db < SYLLABLE_DIP_DB:  # the same syllable
                if level_db[at] > level_db[nuclei[-1]]:
                    nuclei[-1] = at
                continue
        nuclei.append(at)
    if not nuclei:
        return 0.0
    usual = float(np.median(np.diff(nuclei))) if len(nuclei) > 2 else USUAL_SYLLABLE
    return min(LONGEST_RELEASE, (len(level_db) - nuclei[-1]) / usual)
