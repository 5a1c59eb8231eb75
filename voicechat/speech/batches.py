"""Put things of about the same length together, and things that were finished out of order back in it.

Knows neither audio nor recognizers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

WINDOW = 4  # batches that are gathered before they are sorted by length


class Batcher(Generic[T]):
    """Makes batches of up to `size` things whose lengths differ little; with a size of 1, each is one as it comes.

    All of a window, WINDOW batches, come before any of the next.
    """

    def __init__(self, *, size: int, length: Callable[[T], int]) -> None:
        self._size = size
        self._length = length
        self._window: list[T] = []

    def push(self, item: T) -> Iterator[list[T]]:
        """Take a thing and yield the batches that are complete."""
        self._window.append(item)
        if self._size == 1 or len(self._window) == self._size * WINDOW:
            yield from self.flush()

    def flush(self) -> Iterator[list[T]]:
        """Yield what is left, in batches."""
        window, self._window = sorted(self._window, key=self._length), []
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
