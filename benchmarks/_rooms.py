"""A room made up: what a microphone takes in of a speaker, a person and the fans. 16 kHz, in blocks of 10 ms.

The impulse response is the direct sound followed by noise that decays by 60 dB in the room's reverberation time
(the model of J. D. Polack, "La transmission de l'energie sonore dans les salles", 1988). Knows nothing of devices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.vad.signals import fan, white
from voicechat.types import CAPTURE_RATE

BLOCK = CAPTURE_RATE // 100
NOISE_LOOP_S = 20.0  # of a room's noise, which then begins again
FILTER_TAPS = 97  # of the filter from 48 to 16 kHz


@dataclass(frozen=True)
class Room:
    """What lies between a speaker and a microphone, and what else sounds there.

    Attributes:
        echo_db: the echo's RMS against what was played.
        reverb_s: in which a sound decays by 60 dB.
        direct_db: the direct sound against the reverberation: 10 for a laptop's own speakers, -5 across a living room.
        distance_s: from the speaker to the microphone, by air.
        drive: how hard the speaker is driven: 1 is linear for speech, 4 clips it badly.
        noise_dbfs: RMS of the microphone's own hiss.
        fan_dbfs: RMS of a fan, None for none.
    """

    echo_db: float = -6.0
    reverb_s: float = 0.25
    direct_db: float = 0.0
    distance_s: float = 0.002
    drive: float = 1.5
    noise_dbfs: float = -65.0
    fan_dbfs: float | None = None
    seed: int = 1

    def impulse_response(self) -> np.ndarray:
        """Give the way of a sound from the speaker to the microphone, float64 (n,), of unit energy."""
        rng = np.random.default_rng(self.seed)
        at_s = np.arange(round(1.1 * self.reverb_s * CAPTURE_RATE)) / CAPTURE_RATE
        response = rng.standard_normal(len(at_s)) * 10 ** (-3 * at_s / self.reverb_s)
        response[0] = 0.0
        response[0] = np.linalg.norm(response) * 10 ** (self.direct_db / 20)
        response = np.concatenate([np.zeros(round(self.distance_s * CAPTURE_RATE)), response])
        unit: np.ndarray = response / np.linalg.norm(response)
        return unit

    def noise(self) -> np.ndarray:
        """Give what is heard when nobody speaks, float64 (n,), a loop."""
        noise = 10 ** (self.noise_dbfs / 20) * white(NOISE_LOOP_S, seed=self.seed)
        if self.fan_dbfs is not None:
            noise += 10 ** (self.fan_dbfs / 20) * fan(NOISE_LOOP_S)[: len(noise)]
        return noise


class Acoustics:
    """A room through which sound goes, block by block."""

    def __init__(self, room: Room) -> None:
        self._room = room
        response = room.impulse_response() * 10 ** (room.echo_db / 20)
        parts = np.pad(response, (0, -len(response) % BLOCK)).reshape(-1, BLOCK)
        self._response = np.fft.rfft(parts, 2 * BLOCK)  # (n_parts, n_bins): a convolution cut into blocks
        self._spectra = np.zeros_like(self._response)  # of the last blocks, newest first
        self._tail = np.zeros(BLOCK)
        self._noise = room.noise()
        self._n = 0

    def echo(self, played: np.ndarray) -> np.ndarray:
        """Give what reaches the microphone of a block that the speaker plays, float64 (160,)."""
        drive = self._room.drive
        self._spectra = np.roll(self._spectra, 1, axis=0)
        self._spectra[0] = np.fft.rfft(np.tanh(drive * played) / drive, 2 * BLOCK)
        heard = np.fft.irfft((self._spectra * self._response).sum(axis=0), 2 * BLOCK)
        echo: np.ndarray = heard[:BLOCK] + self._tail
        self._tail = heard[BLOCK:]
        return echo

    def noise(self) -> np.ndarray:
        """Give the next block of the room's own noise, float64 (160,)."""
        at = self._n % (len(self._noise) - BLOCK)
        self._n += BLOCK
        return self._noise[at : at + BLOCK]


class Decimator:
    """From 48 to 16 kHz, block by block; half a filter late, which is 1 ms."""

    def __init__(self) -> None:
        at = np.arange(FILTER_TAPS) - FILTER_TAPS // 2
        taps = np.sinc(0.31 * at) * np.kaiser(FILTER_TAPS, 8.0)
        self._taps = taps / taps.sum()
        self._before = np.zeros(FILTER_TAPS - 1)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Give float64 (n / 3,) for (n,)."""
        joined = np.concatenate([self._before, samples])
        self._before = joined[-(FILTER_TAPS - 1) :]
        windows = np.lib.stride_tricks.sliding_window_view(joined, FILTER_TAPS)[::3]
        decimated: np.ndarray = windows @ self._taps
        return decimated
