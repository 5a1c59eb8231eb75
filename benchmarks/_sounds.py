"""Sounds made up: coughs, hums, laughter, slams, keys, and babble. 16 kHz, each drawn from a seeded generator.

Source and filter (G. Fant, "Acoustic theory of speech production", 1960): a buzz of harmonics or a noise, shaped by the
resonances of a mouth, a nose or a thing that is struck. No recording went into them: they show that rules are sane, not
how often they err in a real room. Where figures were measured on people, the function says whose they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from voicechat.types import CAPTURE_RATE

CONTROL_SAMPLES = 80  # 5 ms between two values of what changes in a sound
N_FFT = 512
# First three formants in Hz of "ah", "uh", "er", "eh", "aw", what laughter, "uh-huh" and the end of a cough sound like,
# and of "ee", "ih", "ae", "u", "oo" (men's; G. Peterson, H. Barney, "Control methods used in a study of the vowels",
# JASA 24, 1952).
OPEN_VOWELS = ((730, 1090, 2440), (640, 1190, 2390), (490, 1350, 1690), (530, 1840, 2480), (570, 840, 2410))
VOWELS = (*OPEN_VOWELS, (270, 2290, 3010), (390, 1990, 2550), (660, 1720, 2410), (440, 1020, 2240), (300, 870, 2240))
Track = float | np.ndarray  # a frequency, or one for each sample


@dataclass(frozen=True)
class Mouth:
    """A filter: resonances and the notches between them, as (Hz, width in Hz)."""

    resonances: Sequence[tuple[Track, float]]
    notches: Sequence[tuple[float, float]] = ()
    tilt_db: float = -6.0  # per octave above 100 Hz; a glottis with the lips' radiation

    def gain(self, frequency: np.ndarray) -> np.ndarray:
        """Give the amplitude at each frequency in Hz, of any shape."""
        gain = (np.maximum(frequency, 100.0) / 100.0) ** (self.tilt_db / 6.02)
        for centre, width in self.resonances:
            gain = gain * centre**2 / np.hypot(centre**2 - frequency**2, frequency * width)
        for centre, width in self.notches:
            gain = gain * np.hypot(centre**2 - frequency**2, frequency * width) / centre**2
        return np.asarray(gain)


def vowel(formants: Sequence[Track], *, scale: float = 1.0, tilt_db: float = -6.0) -> Mouth:
    """Give an open mouth; `scale` is above 1 for a shorter one."""
    widths = (80.0, 100.0, 140.0, 200.0)
    return Mouth([(f * scale, w) for f, w in zip((*formants, 3500.0), widths, strict=True)], tilt_db=tilt_db)


def closed_lips(rng: np.random.Generator, *, drift: np.ndarray | float = 1.0) -> Mouth:
    """Give a murmur: the nose's resonances, the mouth a side branch that swallows (O. Fujimura, "Analysis of nasal
    consonants", JASA 34, 1962: the first at about 300 Hz, the notch of an "m" at 750 to 1250 Hz).

    Args:
        rng: of the nose.
        drift: of its resonances, one value per sample or for all: a throat is never quite still.
    """
    scale = rng.uniform(0.9, 1.15) * drift
    return Mouth(
        [(rng.uniform(230, 330) * scale, 70), (1000 * scale, 150), (2100 * scale, 220), (3000 * scale, 300)],
        [(rng.uniform(750, 1250), 130)],
        tilt_db=rng.uniform(-10, -7),
    )


def buzz(pitch: np.ndarray, mouth: Mouth, rng: np.random.Generator, *, jitter: float = 0.01) -> np.ndarray:
    """Give a voice without loudness changes.

    Args:
        pitch: Hz, one value per sample.
        mouth: what shapes it.
        rng: of its irregularities.
        jitter: how irregular the pitch is, as a part of it.
    """
    n = len(pitch)
    knots = rng.standard_normal(n // CONTROL_SAMPLES + 2) * jitter
    pitch = pitch * (1 + np.interp(np.arange(n) / CONTROL_SAMPLES, np.arange(len(knots)), knots))
    phase = 2 * np.pi * np.cumsum(pitch) / CAPTURE_RATE
    samples = np.zeros(n)
    for harmonic in range(1, int(7000 / pitch.min()) + 1):
        frequency = harmonic * pitch
        samples += mouth.gain(frequency) * (frequency < 7000) * np.sin(harmonic * phase + harmonic**2 * 0.3)
    return _peak_1(samples)


def rush(n: int, mouth: Mouth, rng: np.random.Generator) -> np.ndarray:
    """Give `n` samples of noise, shaped by a mouth or a body."""
    spectrum = np.fft.rfft(rng.standard_normal(n + N_FFT))
    spectrum *= mouth.gain(np.fft.rfftfreq(n + N_FFT, 1 / CAPTURE_RATE))
    return _peak_1(np.fft.irfft(spectrum)[:n])


def contour(n: int, *points: tuple[float, float]) -> np.ndarray:
    """Give `n` values through points of (where, 0 to 1; value)."""
    at, values = zip(*points, strict=True)
    return np.asarray(np.interp(np.linspace(0, 1, n), at, values))


def swell(n: int, attack_s: float, decay_s: float) -> np.ndarray:
    """Give a loudness that rises and falls smoothly, each within its time or half of the whole."""
    n_attack = max(1, min(_n(attack_s), n // 2))
    n_decay = max(1, min(_n(decay_s), n // 2))
    loudness = np.ones(n)
    loudness[:n_attack] = np.sin(np.linspace(0, np.pi / 2, n_attack)) ** 2
    loudness[-n_decay:] = np.cos(np.linspace(0, np.pi / 2, n_decay)) ** 2
    return loudness


def hum(rng: np.random.Generator) -> np.ndarray:
    """Give an "mm" of 150 to 700 ms: one or two humps of pitch and loudness, lips closed."""
    n = _n(rng.uniform(0.15, 0.7))
    base = _speaker_pitch(rng)
    rise = rng.uniform(0.85, 1.35)
    pitch = base * contour(n, (0, 1), (rng.uniform(0.2, 0.8), rise), (1, rng.uniform(0.85, 1.15)))
    dip = rng.uniform(0.3, 1)
    loudness = contour(n, (0, 1), (0.35, 1), (0.5, dip), (0.65, rng.uniform(0.7, 1.2)), (1, 0.7))
    drift = contour(n, *((at, rng.uniform(0.94, 1.06)) for at in (0, 0.3, 0.7, 1)))
    sound = buzz(pitch, closed_lips(rng, drift=drift), rng) + _breath(n, closed_lips(rng), rng)
    return np.asarray(sound * loudness * swell(n, rng.uniform(0.02, 0.08), rng.uniform(0.04, 0.12)))


def mhm(rng: np.random.Generator) -> np.ndarray:
    """Give an "mhm": two hums, a breath through the nose or a stop of the voice between them."""
    lips, base = closed_lips(rng), _speaker_pitch(rng)
    first, second = _n(rng.uniform(0.08, 0.25)), _n(rng.uniform(0.12, 0.35))
    gap = _n(rng.uniform(0.02, 0.1))
    higher = rng.uniform(0.85, 1.4)
    low = buzz(base * contour(first, (0, 1), (1, rng.uniform(0.8, 1.05))), lips, rng)
    high = buzz(base * higher * contour(second, (0, 1), (0.4, rng.uniform(1, 1.15)), (1, 0.85)), lips, rng)
    breath = rush(gap, lips, rng) * rng.choice([0.0, rng.uniform(0.05, 0.3)])
    low *= swell(first, 0.03, 0.04) * rng.uniform(0.5, 1)
    return np.concatenate([low, breath, high * swell(second, 0.03, 0.1)])


def uh_huh(rng: np.random.Generator) -> np.ndarray:
    """Give an "uh-huh": one vowel twice, a breath through the same mouth between."""
    scale, tilt_db, base = rng.uniform(0.9, 1.2), rng.uniform(-9, -6), _speaker_pitch(rng)
    mouth = vowel(OPEN_VOWELS[1], scale=scale, tilt_db=tilt_db)
    again = vowel(OPEN_VOWELS[1], scale=scale * rng.uniform(0.94, 1.06), tilt_db=tilt_db)
    first, gap, second = _n(rng.uniform(0.07, 0.16)), _n(rng.uniform(0.04, 0.1)), _n(rng.uniform(0.12, 0.28))
    low = buzz(base * contour(first, (0, 1), (1, 0.9)), mouth, rng) * swell(first, 0.02, 0.03)
    high = buzz(base * rng.uniform(0.9, 1.35) * contour(second, (0, 0.95), (0.5, 1.1), (1, 0.9)), again, rng)
    breath = rush(gap, mouth, rng) * rng.uniform(0.05, 0.25)
    return np.concatenate([low * rng.uniform(0.6, 1), breath, high * swell(second, 0.03, 0.08)])


def cough(rng: np.random.Generator) -> np.ndarray:
    """Give one to three coughs: a burst, a rush of air and, in half of them, a voiced end (J. Korpas, J. Sadlonova,
    M. Vrabec, "Analysis of the cough sound: an overview", Pulmonary Pharmacology 9, 1996)."""
    scale = rng.uniform(0.9, 1.25)
    mouth = vowel(OPEN_VOWELS[rng.integers(len(OPEN_VOWELS))], scale=scale, tilt_db=rng.uniform(-2, 1))
    pieces = []
    for i in range(rng.integers(1, 4)):
        n_burst, n_rush = _n(rng.uniform(0.03, 0.08)), _n(rng.uniform(0.08, 0.25))
        burst = rush(n_burst, mouth, rng) * contour(n_burst, (0, 0.2), (rng.uniform(0.05, 0.2), 1), (1, 0.6))
        air = rush(n_rush, mouth, rng) * contour(n_rush, (0, 0.45), (0.3, 0.25), (1, 0.08))
        pieces += [burst, air]
        if rng.random() < 0.5:
            n_end = _n(rng.uniform(0.05, 0.15))
            voiced = buzz(contour(n_end, (0, 260), (1, 140)) * scale, mouth, rng, jitter=0.05)
            pieces.append((voiced * 0.3 + rush(n_end, mouth, rng) * 0.1) * swell(n_end, 0.02, 0.04))
        pieces[-1] = pieces[-1] * 0.85**i
        pieces.append(np.zeros(_n(rng.uniform(0.02, 0.3))))
    return np.concatenate(pieces[:-1])


def throat(rng: np.random.Generator) -> np.ndarray:
    """Give a clearing of the throat: a rough noise that flutters at 25 to 70 Hz, sometimes twice."""
    mouth = vowel(OPEN_VOWELS[rng.integers(len(OPEN_VOWELS))], scale=rng.uniform(0.9, 1.15), tilt_db=-4)
    pieces = []
    for _ in range(rng.integers(1, 3)):
        n = _n(rng.uniform(0.12, 0.4))
        flutter = 0.5 + 0.5 * np.sin(np.cumsum(rng.uniform(25, 70, n)) * 2 * np.pi / CAPTURE_RATE)
        creak = buzz(np.full(n, rng.uniform(60, 110)), mouth, rng, jitter=0.25)
        rough = rush(n, mouth, rng) * flutter + rng.uniform(0, 0.5) * creak
        pieces += [rough * swell(n, rng.uniform(0.005, 0.05), 0.08), np.zeros(_n(rng.uniform(0.02, 0.1)))]
    return np.concatenate(pieces)


def laughter(rng: np.random.Generator) -> np.ndarray:
    """Give two to six pulses of one vowel or of breath, 4 to 6 a second, each lower and softer (J.-A. Bachorowski,
    M. Smoski, M. Owren, "The acoustic features of human laughter", JASA 110, 2001)."""
    formants, scale = OPEN_VOWELS[rng.integers(4)], rng.uniform(0.9, 1.25)
    pitch = _speaker_pitch(rng) * rng.uniform(1.2, 2)
    voiced = rng.random() < 0.7
    pieces = []
    for i in range(rng.integers(2, 7)):
        mouth = vowel(formants, scale=scale * rng.uniform(0.96, 1.04))
        n_breath, n = _n(rng.uniform(0.05, 0.11)), _n(rng.uniform(0.06, 0.12))
        tone = buzz(pitch * 0.95**i * contour(n, (0, 1.05), (1, 0.9)), mouth, rng, jitter=0.02)
        pulse = tone + 0.1 * rush(n, mouth, rng) if voiced else rush(n, mouth, rng)
        pieces += [pulse * swell(n, 0.02, 0.04) * 0.85**i, rush(n_breath, mouth, rng) * 0.1 * 0.85**i]
    return np.concatenate(pieces)


def sneeze(rng: np.random.Generator) -> np.ndarray:
    """Give an intake of breath and a burst of hissing air."""
    mouth = vowel(OPEN_VOWELS[rng.integers(4)], scale=rng.uniform(0.9, 1.2))
    hiss = Mouth([(rng.uniform(2500, 4500), 1500)], tilt_db=rng.uniform(-1, 2))
    intake, burst = _n(rng.uniform(0.1, 0.4)), _n(rng.uniform(0.12, 0.3))
    breath = rush(intake, mouth, rng) * 0.08 + buzz(np.full(intake, 220.0), mouth, rng) * rng.choice([0, 0.05])
    air = rush(burst, hiss, rng) * contour(burst, (0, 0.3), (0.08, 1), (1, 0.1))
    return np.concatenate([breath * swell(intake, 0.1, 0.02), air])


def breathing(rng: np.random.Generator) -> np.ndarray:
    """Give a sigh into the microphone: a slow rush of air."""
    n = _n(rng.uniform(0.3, 0.9))
    mouth = vowel(OPEN_VOWELS[rng.integers(len(OPEN_VOWELS))], scale=rng.uniform(0.9, 1.2), tilt_db=rng.uniform(-6, 0))
    return np.asarray(rush(n, mouth, rng) * swell(n, rng.uniform(0.08, 0.2), rng.uniform(0.1, 0.3)))


def slam(rng: np.random.Generator) -> np.ndarray:
    """Give a door: a bang, its boom and the rattle of the frame."""
    n = _n(rng.uniform(0.15, 0.5))
    modes_hz = [float(f) for f in rng.uniform(60, 900, 5)]
    body = Mouth([(f, f / rng.uniform(3, 12)) for f in modes_hz], tilt_db=rng.uniform(-5, 0))
    fades: np.ndarray = np.exp(-np.arange(n) / CAPTURE_RATE / rng.uniform(0.03, 0.12))
    bang: np.ndarray = rush(n, body, rng) * fades
    click = _n(0.004)
    bang[:click] += rng.standard_normal(click) * 0.4
    for _ in range(rng.integers(0, 3)):
        at = int(rng.integers(n // 4, n // 2))
        bang[at:] += rush(n - at, body, rng) * fades[: n - at] * rng.uniform(0.1, 0.4)
    return bang


def struck(rng: np.random.Generator) -> np.ndarray:
    """Give a knock on a desk, a cup set down or a clap: a few modes that ring 5 to 80 ms, once to four times."""
    modes, ring_s = rng.uniform(200, 4500, rng.integers(2, 7)), rng.uniform(0.005, 0.08)
    pieces = []
    for _ in range(rng.integers(1, 5)):
        n = _n(rng.uniform(0.08, 0.35))
        at_s = np.arange(n) / CAPTURE_RATE
        rings = sum(rng.uniform(0.2, 1) * np.sin(2 * np.pi * f * at_s + f) for f in modes)
        hit = rings * np.exp(-at_s / ring_s) + rng.standard_normal(n) * np.exp(-at_s / 0.003)
        pieces.append(hit * rng.uniform(0.5, 1))
    return np.concatenate(pieces)


def keyboard(rng: np.random.Generator) -> np.ndarray:
    """Give four to twelve keys, 5 to 10 a second: each goes down and, 50 to 100 ms later, up."""
    at_s = np.cumsum(rng.uniform(0.1, 0.2, rng.integers(4, 13)))
    samples = np.zeros(_n(at_s[-1] + 0.3))
    for down_s in at_s:
        for key_s, loudness in ((down_s, 1.0), (down_s + rng.uniform(0.05, 0.1), 0.4)):
            n = _n(0.05)
            case = Mouth([(rng.uniform(300, 700), 200), (rng.uniform(1500, 4000), 800)], tilt_db=0)
            tap = rush(n, case, rng) * np.exp(-np.arange(n) / CAPTURE_RATE / rng.uniform(0.002, 0.01))
            samples[_n(key_s) : _n(key_s) + n] += tap * loudness * rng.uniform(0.4, 1)
    return samples[_n(at_s[0]) :]


def clicks(rng: np.random.Generator) -> np.ndarray:
    """Give a mouse or a smack of the lips: one to four ticks of 2 to 10 ms."""
    pieces = []
    for _ in range(rng.integers(1, 5)):
        n = _n(rng.uniform(0.06, 0.2))
        body = Mouth([(rng.uniform(1000, 5000), 900)], tilt_db=1)
        pieces.append(rush(n, body, rng) * np.exp(-np.arange(n) / CAPTURE_RATE / rng.uniform(0.001, 0.004)))
    return np.concatenate(pieces)


def babble(rng: np.random.Generator) -> np.ndarray:
    """Give a word of one to three syllables in no language: consonants, and vowels that glide."""
    scale, base = rng.uniform(0.9, 1.25), _speaker_pitch(rng)
    pieces = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        n = _n(rng.uniform(0.09, 0.26))
        first, last = (np.array(VOWELS[i]) for i in rng.choice(len(VOWELS), 2, replace=False))
        # Lips or tongue come from the consonant's place within some 50 ms.
        place = first * rng.uniform(0.6, 1.4, 3) * (0.6, 1, 1)
        onset = min(0.5, rng.uniform(0.03, 0.07) * CAPTURE_RATE / n)
        formants = [
            contour(n, (0, p), (onset, a), (0.6, a), (1, b)) for p, a, b in zip(place, first, last, strict=True)
        ]
        pitch = base * contour(n, (0, rng.uniform(0.9, 1.1)), (0.5, rng.uniform(0.95, 1.2)), (1, rng.uniform(0.7, 1)))
        tone = buzz(pitch, vowel(formants, scale=scale, tilt_db=rng.uniform(-9, -6)), rng)
        pieces += [_consonant(base, rng), tone * swell(n, rng.uniform(0.005, 0.04), rng.uniform(0.02, 0.06))]
    if rng.random() < 0.5:
        pieces.append(_consonant(base, rng))
    return np.concatenate(pieces)


def _consonant(pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Give a hiss, a plosive, a nasal or nothing, against a vowel with a peak of 1."""
    kind = rng.integers(4)
    n = _n(rng.uniform(0.05, 0.13))
    hiss = Mouth([(rng.uniform(2000, 6500), rng.uniform(800, 2500))], tilt_db=rng.uniform(-2, 3))
    if kind == 0:
        return np.asarray(rush(n, hiss, rng) * swell(n, 0.03, 0.02) * rng.uniform(0.05, 0.4))
    if kind == 1:
        burst = rush(_n(rng.uniform(0.01, 0.04)), hiss, rng) * rng.uniform(0.1, 0.5)
        return np.concatenate([np.zeros(n // 2), burst])
    if kind == 2:
        murmur = buzz(np.full(n, pitch), closed_lips(rng), rng)
        return np.asarray(murmur * swell(n, 0.02, 0.01) * rng.uniform(0.2, 0.5))
    return np.zeros(1)


NO_WORDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "mm": hum,
    "mhm": mhm,
    "uh-huh": uh_huh,
    "cough": cough,
    "throat": throat,
    "laughter": laughter,
    "sneeze": sneeze,
    "breathing": breathing,
    "door slam": slam,
    "knock, cup": struck,
    "keyboard": keyboard,
    "mouse, lips": clicks,
}


def in_a_room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give the sound as it is across a desk: the direct way, and an echo that takes 0.1 to 0.4 s to fall by 60 dB."""
    decay_s = rng.uniform(0.1, 0.4)
    n = _n(decay_s)
    response = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    response *= 10 ** (rng.uniform(-15, -6) / 20) / np.sqrt(np.sum(response**2))
    response[0] = 1
    size = len(samples) + n
    return _peak_1(np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size))


def _speaker_pitch(rng: np.random.Generator) -> float:
    return float(rng.uniform(85, 150) if rng.random() < 0.5 else rng.uniform(160, 280))


def _breath(n: int, mouth: Mouth, rng: np.random.Generator) -> np.ndarray:
    """Give the air that is heard beside a voice."""
    return np.asarray(rush(n, mouth, rng)) * 10 ** (rng.uniform(-40, -24) / 20)


def _n(duration_s: float) -> int:
    return max(1, round(duration_s * CAPTURE_RATE))


def _peak_1(samples: np.ndarray) -> np.ndarray:
    return np.asarray(samples / max(1e-12, float(np.abs(samples).max())))
