"""Whether a short sound is words: "stop" is, a cough, an "mhm" and a slammed door are not. Audio in, one number out.

Words are articulated: lips and tongue move, so the shape of the spectrum changes from one moment to the next while the
voice goes on. A hum keeps its shape, a laugh repeats it, a cough is mostly rushing air, what is struck only fades. A
score weighs such measures and their squares. Each is relative to the sound itself: the microphone's level does not
count.

Knows nothing of turns or replies. It takes one or two milliseconds for each second of audio.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np

from voicechat.types import CAPTURE_RATE

HOP = 160  # samples: 10 ms
WINDOW = 512  # samples: 32 ms, more than two periods of the lowest voice
N_FFT = 1024
LOWEST_HZ = 60.0  # below lies hum
PITCH_HZ = (70, 450)
VOICED = 0.55  # periodicity from which a moment is voiced; noise seldom reaches it
CORE_DB = 15.0  # so far below its loudest moment a sound still counts; then come reverberation and noise
HEARD_DB = 30.0  # and so far it is heard at all
N_BANDS = 18  # equally wide in mel, from 100 Hz to 7 kHz
BAND_RANGE_DB = 30.0  # a band further than this below the whole is masked, and so is one in the noise
N_SHAPE = 6  # cepstral coefficients: so few show formants and tilt, but no harmonics
LIP_HZ = 700.0  # closed lips let hardly anything through above
HISS_HZ = 3500.0
STEADY_DB = 4.0


@dataclass(frozen=True)
class Sound:
    """What a sound is like."""

    run_movement_db: float  # how far the shape strays within one voiced stretch: a laugh repeats itself in each of its
    movement_db: float  # the same in all that is voiced,
    core_movement_db: float  # and in all that is loud
    unevenness_db: float  # how much the level changes in 10 ms: what is struck or clicks does so a lot
    clarity: float  # mean periodicity, weighted with power: near 1 for a hum, 0.3 for rushing air
    leaps: float  # share of voiced moments in which the pitch leaps: what seems voiced in noise has no pitch
    openness_db: float  # power above LIP_HZ against below, in its most open voiced moments
    hiss: float  # share of it with most of the power above HISS_HZ
    core: float  # ln of how many hops it is near its loudest
    swing_db: float  # by which its level comes and goes: syllables do so by 8 dB or more, a fan by 3

    @property
    def steady(self) -> bool:
        """Whether it is too even to be speech, whatever else it is like."""
        return self.swing_db < STEADY_DB


# Each measure's mean, deviation, weight and weight of its square, in the order of Sound without the swing: a logistic
# regression on made-up sounds, espeak-ng's words and babble, as they come out of the echo canceller and without one. No
# recording is in it.
WEIGHTS = (
    (9.131, 7.018, 0.72, -0.31),  # run_movement_db
    (12.432, 7.898, 1.27, -0.14),  # movement_db
    (14.737, 8.181, 1.49, -0.19),  # core_movement_db
    (1.876, 0.818, -1.69, 0.31),  # unevenness_db
    (0.76, 0.21, 0.28, -0.60),  # clarity
    (0.267, 0.294, -1.14, -0.29),  # leaps
    (-0.089, 11.62, -0.80, -0.44),  # openness_db
    (0.071, 0.124, 1.60, -0.56),  # hiss
    (3.638, 0.508, -0.20, 0.39),  # core
)
CONSTANT = 2.04
LIMIT = 3.0  # deviations beyond which a measure tells no more


def periodicity(samples: np.ndarray) -> float:
    """Give how periodic the last 32 ms are at the pitch of a voice, 0 to 1; float (n,) at 16 kHz."""
    window = np.zeros(WINDOW)
    window[max(0, WINDOW - len(samples)) :] = samples[-WINDOW:]
    return float(_pitch(_power(window[None]))[0][0])


def measure(samples: np.ndarray, *, background_dbfs: float) -> Sound | None:
    """Measure a sound.

    Args:
        samples: float (n,) at 16 kHz, from where it begins or a little before.
        background_dbfs: RMS of what else there is.

    Returns:
        None if there is nothing above the background, or less than 70 ms.
    """
    if len(samples) < WINDOW + 4 * HOP:
        return None
    hops = np.lib.stride_tricks.sliding_window_view(np.asarray(samples, np.float64), WINDOW)[::HOP]
    centre = hops[:, (WINDOW - 2 * HOP) // 2 : (WINDOW + 2 * HOP) // 2]
    level_db = 10 * np.log10((centre**2).mean(axis=1) + 1e-12)  # (n_hops,)
    loudest_db = float(level_db.max())
    heard = level_db > max(background_dbfs + 3.0, loudest_db - HEARD_DB)
    core = heard & (level_db > loudest_db - CORE_DB)
    if not core.any():
        return None
    power = _power(hops)
    clarity, octave = _pitch(power)
    voiced = core & (clarity > VOICED)
    bands = power @ _BANDS.T  # (n_hops, N_BANDS)
    shape = _shape(bands, background_dbfs)
    weight = 10 ** (level_db / 10) * heard
    steps_db = np.abs(np.diff(level_db[core]))
    return Sound(
        run_movement_db=max((_movement_db(shape[run]) for run in _runs(voiced)), default=0.0),
        movement_db=_movement_db(shape[voiced]),
        core_movement_db=_movement_db(shape[core]),
        unevenness_db=float(steps_db.mean()) if len(steps_db) > 1 else 0.0,
        clarity=float(weight @ clarity / weight.sum()),
        leaps=_leaps(octave, voiced),
        openness_db=_openness_db(bands[voiced]),
        hiss=float(_is_hiss(bands)[heard].mean()),
        core=math.log(1 + int(core.sum())),
        swing_db=float(np.ptp(np.percentile(level_db[heard], [10, 90]))),
    )


def wordiness(sound: Sound) -> float:
    """Give how much it sounds like words: above 0 more like them than like anything else, as log odds."""
    if sound.steady:
        return -math.inf
    score = CONSTANT
    for value, (mean, deviation, weight, weight_of_square) in zip(astuple(sound)[:-1], WEIGHTS, strict=True):
        standard = min(LIMIT, max(-LIMIT, (value - mean) / deviation))
        score += weight * standard + weight_of_square * standard**2
    return score


def _power(hops: np.ndarray) -> np.ndarray:
    """Give the power spectrum of windows (n, WINDOW): (n, N_FFT // 2 + 1), summing to the mean square."""
    spectrum = np.fft.rfft(hops * _WINDOW, N_FFT)
    power = (spectrum.real**2 + spectrum.imag**2) * (2 / N_FFT / (_WINDOW**2).sum())
    power[:, _FREQUENCIES < LOWEST_HZ] = 0
    return np.asarray(power)


def _pitch(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the periodicity, 0 to 1, and the pitch in octaves over 1 Hz of power spectra (n, n_bins): (n,) each.

    The autocorrelation is divided by the window's own (P. Boersma, "Accurate short-term analysis of the fundamental
    frequency and the harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993).
    """
    correlation = np.fft.irfft(power, N_FFT)[:, : _LONGEST + 2] / _WINDOW_CORRELATION
    correlation /= correlation[:, :1] + 1e-15
    lags = correlation[:, _SHORTEST : _LONGEST + 1]
    is_peak = (lags > correlation[:, _SHORTEST - 1 : _LONGEST]) & (lags >= correlation[:, _SHORTEST + 1 : _LONGEST + 2])
    peaks = np.where(is_peak, lags, 0.0)
    return np.clip(peaks.max(axis=1), 0, 1), np.log2(CAPTURE_RATE / (_SHORTEST + peaks.argmax(axis=1)))


def _shape(bands: np.ndarray, background_dbfs: float) -> np.ndarray:
    """Give the smoothed shape of the spectrum without its level, (n, N_SHAPE) in dB: a mel cepstrum (S. Davis,
    P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", IEEE Trans. ASSP 28,
    1980)."""
    masked = bands.sum(axis=1, keepdims=True) * 10 ** (-BAND_RANGE_DB / 10)
    noise = 2 * 10 ** (background_dbfs / 10) / N_BANDS
    return np.asarray(10 * np.log10(np.maximum(bands, np.maximum(masked, noise))) @ _COSINES.T)


def _openness_db(voiced_bands: np.ndarray) -> float:
    """Give the power above closed lips against that below; an "m" has next to none (O. Fujimura, "Analysis of nasal
    consonants", JASA 34, 1962)."""
    if not len(voiced_bands):
        return -30.0
    low = voiced_bands[:, _CENTRES < LIP_HZ].sum(axis=1)
    high = voiced_bands[:, (_CENTRES >= LIP_HZ) & (_CENTRES < 4000)].sum(axis=1)
    return float(np.clip(np.percentile(10 * np.log10((high + 1e-12) / (low + 1e-12)), 90), -30, 15))


def _movement_db(shape: np.ndarray) -> float:
    if len(shape) < 3:
        return 0.0
    return math.sqrt(float(((shape - shape.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _runs(flags: np.ndarray) -> list[slice]:
    """Give the stretches of True that last 40 ms or more."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [slice(begin, end) for begin, end in edges.reshape(-1, 2) if end - begin >= 4]


def _leaps(octave: np.ndarray, voiced: np.ndarray) -> float:
    pitch = octave[voiced]
    return float((np.abs(np.diff(pitch)) > 0.12).mean()) if len(pitch) > 2 else 0.0


def _is_hiss(bands: np.ndarray) -> np.ndarray:
    high = _CENTRES > HISS_HZ
    return np.asarray(bands[:, high].sum(axis=1) > bands[:, ~high].sum(axis=1))


def _mel_bands() -> tuple[np.ndarray, np.ndarray]:
    """Give triangular bands that overlap by half, (N_BANDS, n_bins), and their centres in Hz."""
    low_mel, high_mel = (2595 * math.log10(1 + hz / 700) for hz in (100, 7000))
    edges = 700 * (10 ** (np.linspace(low_mel, high_mel, N_BANDS + 2) / 2595) - 1)
    width = np.diff(edges)[:, None]
    rising = (_FREQUENCIES - edges[:-2, None]) / width[:-1]
    falling = (edges[2:, None] - _FREQUENCIES) / width[1:]
    return np.clip(np.minimum(rising, falling), 0, None), edges[1:-1]


# Tables -----------------------------------------------------------------------------------------

_FREQUENCIES = np.fft.rfftfreq(N_FFT, 1 / CAPTURE_RATE)
_SHORTEST, _LONGEST = CAPTURE_RATE // PITCH_HZ[1], CAPTURE_RATE // PITCH_HZ[0]  # periods in samples
_WINDOW = np.hanning(WINDOW)
_WINDOW_CORRELATION = np.fft.irfft(np.abs(np.fft.rfft(_WINDOW, N_FFT)) ** 2, N_FFT)[: _LONGEST + 2]
_BANDS, _CENTRES = _mel_bands()
_COSINES = math.sqrt(2 / N_BANDS) * np.cos(
    np.pi * np.arange(1, N_SHAPE + 1)[:, None] * (np.arange(N_BANDS) + 0.5) / N_BANDS
)
