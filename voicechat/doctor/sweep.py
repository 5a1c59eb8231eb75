"""The exponential sweep that measures an echo: made, played by others, found again in a recording. Pure.

Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine technique", AES Convention 108
(2000), preprint 5093. A sine whose frequency rises exponentially, convolved with itself reversed and weighted by its
frequency (the matched filter of its flat spectrum), is one short pulse; what a room made of the sweep becomes the
room's impulse response. What a speaker distorts lands before the response, and so does not smear it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

FADE_S = 0.02  # at both ends, so that nothing clicks
MIN_SNR_DB = 20.0  # of the response's peak: chance alone made 15 dB of it in 400 recordings of noise
FIRST_ARRIVAL = 0.5  # of the peak: an earlier reflection this strong is the first; distortion stays below
BEFORE_S, AFTER_S = 0.005, 0.3  # of the first arrival, what counts as the echo


@dataclass(frozen=True)
class Echo:
    """What a microphone heard of a sweep."""

    delay_s: float  # from the recording's first sample to the first arrival of the sweep's
    return_loss_db: float  # how much weaker it came than it was sent, over all frequencies of the sweep
    snr_db: float  # how far its peak stands out


@dataclass(frozen=True)
class Sweep:
    """An exponential sweep."""

    seconds: float = 1.0
    low_hz: float = 100.0
    high_hz: float = 7000.0  # below half of 16 kHz
    level: float = 0.15  # of full scale, at its peaks: as loud as speech

    def samples(self, sample_rate: int) -> np.ndarray:
        """Make the sweep, float32 (n,)."""
        at_s = np.arange(round(self.seconds * sample_rate)) / sample_rate
        grows = math.log(self.high_hz / self.low_hz) / self.seconds  # per second, of the frequency
        phase = 2 * np.pi * self.low_hz / grows * np.expm1(at_s * grows)
        edge = np.clip(np.minimum(at_s, self.seconds - at_s) / FADE_S, 0.0, 1.0)
        fade = 0.5 - 0.5 * np.cos(np.pi * edge)
        return (self.level * fade * np.sin(phase)).astype(np.float32)

    def response(self, recorded: np.ndarray, sample_rate: int) -> np.ndarray:
        """Turn what was recorded, (n,), into the impulse response of all that was between, float64 (n,).

        A recording that begins with the sweep itself gives a pulse of height 1 at 0.
        """
        sweep = self.samples(sample_rate).astype(np.float64)
        matched = self._matched_filter(sweep, sample_rate)
        pulse = _convolved(sweep, matched)[len(sweep) - 1]
        response: np.ndarray = _convolved(recorded.astype(np.float64), matched)[len(sweep) - 1 :] / pulse
        return response[: len(recorded)]

    def find(self, recorded: np.ndarray, sample_rate: int, *, not_before_s: float = 0.0) -> Echo | None:
        """Find the sweep in a recording, float32 (n,); None if it is not in there.

        Args:
            not_before_s: where in the recording it can begin at the earliest.
        """
        response = self.response(recorded, sample_rate)
        first = max(0, round(not_before_s * sample_rate))
        heights = np.abs(response[first:])
        if not len(heights) or not heights.max():
            return None
        # Where less than a whole sweep is left of the recording, its noise is less, too.
        n_whole = max(1, len(recorded) - round(self.seconds * sample_rate))
        noise = np.median(np.abs(response[:n_whole])) / 0.6745  # of a Gaussian, that is its standard deviation
        peak = heights.max()
        snr_db = 20 * math.log10(peak / noise) if noise else math.inf
        if snr_db < MIN_SNR_DB:
            return None
        rises = int(np.argmax(heights >= FIRST_ARRIVAL * peak))
        pulse_samples = max(1, round(sample_rate / self.high_hz * 2))
        at = first + rises + int(np.argmax(heights[rises : rises + pulse_samples]))
        return Echo(at / sample_rate, self._return_loss_db(response, at, noise, sample_rate), snr_db)

    def _matched_filter(self, sweep: np.ndarray, sample_rate: int) -> np.ndarray:
        """Reverse the sweep, weighted so that all frequencies come out equally strong, (n,)."""
        at_s = np.arange(len(sweep)) / sample_rate
        grows = math.log(self.high_hz / self.low_hz) / self.seconds
        weighted: np.ndarray = sweep[::-1] * np.exp(-at_s * grows)
        return weighted

    def _return_loss_db(self, response: np.ndarray, at: int, noise: float, sample_rate: int) -> float:
        n_before = min(at, round(BEFORE_S * sample_rate))
        n_after = round(AFTER_S * sample_rate)
        window = response[at - n_before : at + n_after]
        energy = float(np.sum(window**2)) - len(window) * noise**2
        # The pulse has two sides; of what was sent only those count that are in the window, too.
        alone = np.pad(self.samples(sample_rate), (n_before, n_after))
        sent = float(np.sum(self.response(alone, sample_rate)[: n_before + n_after] ** 2))
        return 10 * math.log10(sent / max(energy, 1e-12 * sent))


def _convolved(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    n = len(one) + len(other) - 1
    size = 1 << (n - 1).bit_length()
    convolved: np.ndarray = np.fft.irfft(np.fft.rfft(one, size) * np.fft.rfft(other, size), size)[:n]
    return convolved
