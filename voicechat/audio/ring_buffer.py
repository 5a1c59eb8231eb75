"""A ring buffer between one writer and one reader, without a lock.

Stands in for PortAudio's own, with its names, where the C callback is not to be had. Knows nothing of audio.
"""

from __future__ import annotations

import numpy as np


class RingBuffer:
    """Hold up to `size` elements of `elementsize` bytes; what does not fit is refused, never overwritten.

    One thread writes and one reads. Each moves only its own counter, and moves it after the bytes were copied, so
    neither needs a lock: the other sees too little for a moment, never too much.
    """

    def __init__(self, elementsize: int, size: int) -> None:
        self.elementsize = elementsize
        self._bytes = np.zeros((size, elementsize), np.uint8)
        self._n_written = 0  # moved by the writer only; never wraps, Python's integers have no end
        self._n_read = 0  # moved by the reader only

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def read_available(self) -> int:
        return self._n_written - self._n_read

    @property
    def write_available(self) -> int:
        return len(self._bytes) - self.read_available

    def write(self, data: np.ndarray) -> int:
        """Append as many elements of C-contiguous `data` as fit; give how many that were."""
        elements = data.reshape(-1).view(np.uint8).reshape(-1, self.elementsize)
        n = min(len(elements), self.write_available)
        start = self._n_written % len(self._bytes)
        n_to_end = min(n, len(self._bytes) - start)
        self._bytes[start : start + n_to_end] = elements[:n_to_end]
        self._bytes[: n - n_to_end] = elements[n_to_end:n]
        self._n_written += n
        return n

    def read(self, size: int = -1) -> np.ndarray:
        """Take up to `size` elements, all that are there by default, as uint8 (n * elementsize,)."""
        n = self.read_available if size < 0 else min(size, self.read_available)
        start = self._n_read % len(self._bytes)
        n_to_end = min(n, len(self._bytes) - start)
        taken = np.concatenate([self._bytes[start : start + n_to_end], self._bytes[: n - n_to_end]])
        self._n_read += n
        return taken.reshape(-1)

    def flush(self) -> None:
        """Forget what was not read. Only while nobody writes or reads."""
        self._n_read = self._n_written
