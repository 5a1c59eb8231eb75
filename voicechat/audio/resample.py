"""Change the sample rate of a stream, piece by piece; knows nothing of files, devices or channels."""

from __future__ import annotations

import numpy as np


class Resampler:
    """Turns mono audio of one rate into another: all that `push` and `flush` give is the whole signal's result.

    It adds no delay of its own to the signal: sample 0 stays sample 0, and n samples become n * to_rate / from_rate,
    to within one. What a `push` gives is the same bits however the signal is cut.

    Raises:
        ValueError: If a rate is not positive.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        if from_rate <= 0 or to_rate <= 0:
            raise ValueError(f"sample rates must be positive, not {from_rate} and {to_rate}")
        self.from_rate = from_rate  # Hz
        self.to_rate = to_rate  # Hz
        self._stream = None
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Give what is ready, float32 (m,) with m >= 0, after the next samples, (n,), have gone in."""
        samples = np.ascontiguousarray(samples, np.float32)
        if self._stream is None:
            return samples
        resampled: np.ndarray = self._stream.resample_chunk(samples)
        return resampled

    def flush(self) -> np.ndarray:
        """End the signal and give its last samples, float32 (m,) with m >= 0; the next `push` starts a fresh one."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        resampled: np.ndarray = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._stream.clear()
        return resampled
