"""Put things of about the same length together, and things that were finished out of order back in it.

Knows neither audio nor recognizers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

WINDOW = 4  # batches that are gathered before they are sorted by length
FIRST_WINDOW, LARGEST_WINDOW = 60.0, 480.0  # at most as much length; it doubles, so that the first results come soon


class Batcher(Generic[T]):
    """Makes batches of up to `size` things whose lengths differ little; with a size of 1, each is one as it comes.

    All of a window, at most WINDOW batches, come before any of the next.
    """

    def __init__(self, *, size: int, length: Callable[[T], float]) -> None:
        """Set up.

        Args:
            length: of a thing, in the unit of LARGEST_WINDOW: seconds.
        """
        self._size = size
        self._length = length
        self._window: list[T] = []
        self._gathered = 0.0
        self._largest = FIRST_WINDOW

    def push(self, item: T) -> Iterator[list[T]]:
        """Take a thing and yield the batches that are complete."""
        self._window.append(item)
        self._gathered += self._length(item)
        if self._size == 1 or len(self._window) == self._size * WINDOW or self._gathered >= self._largest:
            self._largest = min(2 * self._largest, LARGEST_WINDOW)
            yield from self.flush()

    def flush(self) -> Iterator[list[T]]:
        """Yield what is left, in batches."""
        window, self._window = sorted(self._window, key=self._length), []
        self._gathered = 0.0
        # The longest first: should it be too much for the machine, that shows at once; and what is left over is short.
        for end in range(len(window), 0, -self._size):
            yield window[max(0, end - self._size) : end]


class Reorder(Generic[R]):
    """Gives back in the order of their numbers, 0, 1, 2 ..., what is finished in any order."""

    def __init__(self) -> None:
        self._finished: dict[int, R] = {}
        self._next = 0

    def put(self, number: int, result: R) -> Iterator[R]:
        """Take a result and yield all that are due now."""
        self._finished[number] = result
        while self._next in self._finished:
            yield self._finished.pop(self._next)
            self._next += 1
