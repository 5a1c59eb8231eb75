"""Fills what a canceller left of an echo with the room's own noise, and lets the user through; pure.

A canceller leaves faint speech behind, above all in its first seconds, and makes the room's noise come and go with what
is played. A detector that compares with the noise takes either for somebody who speaks. So whatever stays far below the
echo of the moment, or does not stand out of the noise, gives way to noise of the room's own loudness and colour, as it
was learnt while nothing played. Knows nothing of how the echo was cancelled.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from voicechat.types import CAPTURE_RATE

FRAME = CAPTURE_RATE // 100
SOUND = 1e-3  # in the reference; less is silence
ECHO_FRAMES = 50  # for which an echo may go on after its reference
EMPHASIS = 0.9  # of the treble in every comparison: a hum says nothing
ABOVE_NOISE_DB = 6.0  # what the user is at least,
BELOW_ECHO_DB = -20.0  # and against the loudest echo of late, once the canceller knows the room;
YOUNG_BELOW_ECHO_DB = 0.0  # before, it leaves more
YOUNG_FRAMES, GROWN_FRAMES = 150, 450  # of echo: young until the first, from the second on it knows the room
DOUBTED_FRAMES = 50  # for which one that has to adapt is young again
ECHO_DECAY_DB = 0.8  # per frame, 80 dB per second: what a room's echo falls by at the least
CANCELLED_DB = -8.0  # a frame that lost more than this was echo
LOUDNESS_SHARE = 0.02  # of a frame of echo in what is known of its loudness
HOLD_FRAMES = 25  # after the user's last loud frame, so that words are not cut in two
BLOCK_FRAMES = 10  # over which noise is averaged
NOISE_BLOCKS = 100  # of which the quietest are noise: somebody may be speaking in all others
QUIETEST = 10
MIN_BLOCKS = 4


class ResidualGate:
    """Gate one stream of 10 ms frames."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._window = np.sqrt(np.hanning(2 * FRAME + 1)[:-1])  # overlapped by half, its squares add up to 1
        self._n_echo = 0  # frames with an echo so far
        self._since_sound = ECHO_FRAMES  # frames since the last sound in the reference
        self._played = 0.0  # the loudest of late, as a mean square
        self._echo = 0.0  # its echo, likewise
        self._loudness: float | None = None  # of an echo against what was played, as a logarithm
        self._hold = 0  # frames for which the user is still let through
        self._open = 1.0  # how far the gate was open at the end of the last frame
        self._previous = np.zeros(FRAME, np.float32)  # the last frame, while nothing plays
        self._last_samples = [0.0, 0.0, 0.0]  # before the frame, for the emphasis
        self._block: list[tuple[float, np.ndarray]] = []  # (mean square, spectrum) of the frames of a block
        self._blocks: deque[tuple[float, np.ndarray]] = deque(maxlen=NOISE_BLOCKS)
        self._noise: tuple[float, np.ndarray] | None = None  # (mean square, amplitude of each bin)
        self._tail = np.zeros(FRAME)  # of the noise that was made for the last frame

    def forget(self) -> None:
        """The canceller begins anew: it will leave more for a while."""
        self._n_echo = 0

    def trust(self) -> None:
        """There is no echo, or the canceller knows it."""
        self._n_echo = GROWN_FRAMES

    def doubt(self) -> None:
        """The canceller has to adapt to a reference that lies a little off: it will leave more for a moment."""
        self._n_echo = min(self._n_echo, YOUNG_FRAMES - DOUBTED_FRAMES)

    def process(self, near: np.ndarray, cancelled: np.ndarray, far: np.ndarray) -> np.ndarray:
        """Give a frame with what the user said, or noise, float32 (160,).

        Args:
            near: what was captured, float (160,), as late as `cancelled`.
            cancelled: what the canceller left of it.
            far: its reference.
        """
        sounding = bool(np.abs(far).max() > SOUND)
        self._since_sound = 0 if sounding else self._since_sound + 1
        frames = (near, cancelled, far)
        captured, left, played = map(_emphasized_power, frames, self._last_samples)
        self._last_samples = [float(frame[-1]) for frame in frames]
        if self._since_sound >= ECHO_FRAMES:
            self._learn(cancelled, left)
            is_open = True
        else:
            self._n_echo += sounding
            is_open = self._is_open(captured, left, played)
        self._previous = cancelled
        was_open, self._open = self._open, float(is_open or self._noise is None)
        if was_open == self._open == 1.0:
            return cancelled
        share = np.linspace(was_open, self._open, FRAME, dtype=np.float32)
        mixed: np.ndarray = share * cancelled + (1 - share) * self._make_noise()
        return mixed

    def _is_open(self, captured: float, left: float, played: float) -> bool:
        """Whether the user speaks, or did just before."""
        decay = 10 ** (-ECHO_DECAY_DB / 10)
        self._echo *= decay
        self._played = max(self._played * decay, played)
        young = max(0.0, min(1.0, (GROWN_FRAMES - self._n_echo) / (GROWN_FRAMES - YOUNG_FRAMES)))
        was_cancelled = left < captured * 10 ** (CANCELLED_DB / 10)
        if young == 1.0 or was_cancelled:
            self._echo = max(self._echo, captured)
        if was_cancelled and self._played > SOUND**2:
            loudness = math.log(self._echo / self._played)
            before = loudness if self._loudness is None else self._loudness
            self._loudness = before + LOUDNESS_SHARE * (loudness - before)
        echo = self._echo
        if self._loudness is not None:
            # What is played now is heard soon: the canceller may let the first of it through, and does after a fault.
            echo = max(echo, self._played * math.exp(self._loudness))
        below_echo_db = BELOW_ECHO_DB + young * (YOUNG_BELOW_ECHO_DB - BELOW_ECHO_DB)
        enough = echo * 10 ** (below_echo_db / 10)
        if self._noise is not None:
            enough = max(enough, self._noise[0] * 10 ** (ABOVE_NOISE_DB / 10))
        self._hold = HOLD_FRAMES if left > enough else max(0, self._hold - 1)
        return self._hold > 0

    def _learn(self, samples: np.ndarray, power: float) -> None:
        """Take a frame in which nothing was played for the room's noise, unless others are quieter."""
        self._echo = self._played = 0.0
        self._hold = 0
        pair = np.concatenate((self._previous, samples)) * self._window
        self._block.append((power, np.abs(np.fft.rfft(pair)) ** 2))
        if len(self._block) < BLOCK_FRAMES:
            return
        powers, spectra = zip(*self._block, strict=True)
        self._blocks.append((float(np.mean(powers)), np.mean(spectra, axis=0)))
        self._block.clear()
        if len(self._blocks) >= MIN_BLOCKS:
            quietest = sorted(self._blocks, key=lambda block: block[0])[:QUIETEST]
            spectrum = np.mean([spectrum for _power, spectrum in quietest], axis=0)
            # The window has taken half of the power away.
            self._noise = float(np.mean([power for power, _spectrum in quietest])), np.sqrt(2 * spectrum)

    def _make_noise(self) -> np.ndarray:
        """Give the next frame of noise like the room's, float64 (160,)."""
        assert self._noise is not None
        phases = np.exp(2j * np.pi * self._rng.random(FRAME + 1))
        pair = np.fft.irfft(self._noise[1] * phases, 2 * FRAME) * self._window
        noise: np.ndarray = self._tail + pair[:FRAME]
        self._tail = pair[FRAME:]
        return noise


def _emphasized_power(frame: np.ndarray, before: float) -> float:
    """Give the mean square of a frame, its treble emphasized; `before` is the sample before it."""
    emphasized = frame[1:] - EMPHASIS * frame[:-1]
    first = float(frame[0]) - EMPHASIS * before
    return (float(np.dot(emphasized, emphasized)) + first * first) / FRAME
