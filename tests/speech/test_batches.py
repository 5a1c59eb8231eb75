"""Batches of like lengths, and what was finished out of order back in it."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from voicechat.speech.batches import FIRST_WINDOW, LARGEST_WINDOW, WINDOW, Batcher, Reorder


def batched(lengths: list[float], size: int) -> list[list[tuple[int, float]]]:
    batcher: Batcher[tuple[int, float]] = Batcher(size=size, length=lambda item: item[1])
    made = [batch for item in enumerate(lengths) for batch in batcher.push(item)]
    return [*made, *batcher.flush()]


@given(lengths=st.lists(st.floats(0.1, 30), max_size=200), size=st.integers(1, 9))
def test_each_item_is_in_one_batch_and_no_batch_is_too_large(lengths: list[float], size: int) -> None:
    batches = batched(lengths, size)

    assert sorted(item for batch in batches for item in batch) == list(enumerate(lengths))
    assert all(1 <= len(batch) <= size for batch in batches)


@given(lengths=st.lists(st.floats(0.1, 1), min_size=8, max_size=60))
def test_within_a_window_no_batch_overlaps_another_in_length(lengths: list[float]) -> None:
    batches = batched(lengths, 4)

    for start in range(0, len(batches) - WINDOW + 1, WINDOW):
        window = batches[start : start + WINDOW]
        for longer, shorter in itertools.pairwise(window):
            assert min(length for _, length in longer) >= max(length for _, length in shorter)


def test_one_at_a_time_nothing_waits() -> None:
    batcher: Batcher[float] = Batcher(size=1, length=lambda item: item)

    assert [list(batcher.push(item)) for item in (3.0, 1.0, 2.0)] == [[[3.0]], [[1.0]], [[2.0]]]


def test_the_first_results_come_soon_and_no_window_grows_without_end() -> None:
    batcher: Batcher[float] = Batcher(size=1000, length=lambda item: item)
    windows, gathered = [], 0.0
    for _ in range(200):
        gathered += 10.0
        if list(batcher.push(10.0)):
            windows.append(gathered)
            gathered = 0.0

    assert windows[0] == FIRST_WINDOW
    assert windows == sorted(windows)
    assert max(windows) == LARGEST_WINDOW


@given(n=st.integers(0, 50), seed=st.integers(0, 1000))
def test_results_come_in_order_and_each_as_soon_as_it_can(n: int, seed: int) -> None:
    order = list(range(n))
    random.Random(seed).shuffle(order)
    reorder: Reorder[int] = Reorder()
    put: set[int] = set()
    given_back: list[int] = []
    for number in order:
        put.add(number)
        given_back += reorder.put(number, number)
        assert given_back == list(range(next(i for i in range(n + 1) if i not in put)))
    assert given_back == list(range(n))
