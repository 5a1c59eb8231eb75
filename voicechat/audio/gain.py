"""How loud a reply is played from one sample to the next. Pure; knows nothing of devices."""

from __future__ import annotations

import numpy as np

from voicechat.types import Loudness

# Where the gain of each loudness begins (None: where it is), where it goes, and how many seconds it takes. Ducked, the
# reply fades on, so that there is little left to be heard when it is cut.
GLIDES: dict[Loudness, tuple[float | None, float, float]] = {
    Loudness.FULL: (None, 1.0, 0.15),
    Loudness.DUCKED: (0.25, 0.06, 0.2),
    Loudness.HELD: (0.0, 0.0, 0.01),
}


class Gain:
    """A gain that glides, so that no step is heard. It begins at 1."""

    def __init__(self) -> None:
        self._value = self._target = 1.0
        self._step = 0.0  # per sample

    def turn_to(self, loudness: Loudness, sample_rate: int) -> None:
        """Begin the glide to `loudness`."""
        start, self._target, glide_s = GLIDES[loudness]
        self._value = self._value if start is None else start
        self._step = (self._target - self._value) / (glide_s * sample_rate)

    def applied(self, samples: np.ndarray) -> np.ndarray:
        """Give float32 (n,) as loud as it is to be played next."""
        if self._value == self._target == 1.0:
            return samples
        curve = self._value + self._step * np.arange(len(samples))
        low, high = sorted((self._value, self._target))
        loud: np.ndarray = samples * np.clip(curve, low, high).astype(np.float32)
        return loud

    def advance(self, n_samples: int) -> None:
        """Say that so many samples were played."""
        value = self._value + self._step * n_samples
        self._value = self._target if (value - self._target) * self._step >= 0 else value
