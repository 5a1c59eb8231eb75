from __future__ import annotations

import threading
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.ring_buffer import RingBuffer

ELEMENT = 8  # bytes: a stereo frame


def frames(first: int, n: int) -> np.ndarray:
    """Frames (n, 2) that can be told apart."""
    return np.arange(2 * first, 2 * (first + n), dtype=np.float32).reshape(-1, 2)


def as_frames(taken: np.ndarray) -> np.ndarray:
    return taken.view(np.float32).reshape(-1, 2)


@given(size=st.integers(1, 20), steps=st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60))
def test_it_gives_what_was_accepted_in_order_and_refuses_only_what_has_no_room(size, steps):
    ring = RingBuffer(ELEMENT, size)
    model: list[list[float]] = []
    n_offered = 0
    for is_write, n in steps:
        if is_write:
            offered = frames(n_offered, n)
            n_offered += n
            accepted = ring.write(offered)
            assert accepted == min(n, size - len(model))
            model += offered[:accepted].tolist()
        else:
            expected, model = model[:n], model[n:]
            assert as_frames(ring.read(n)).tolist() == expected
        assert ring.read_available == len(model)
        assert ring.write_available == size - len(model)


def test_reading_without_a_size_takes_everything():
    ring = RingBuffer(ELEMENT, 4)
    ring.write(frames(0, 3))

    assert as_frames(ring.read()).tolist() == frames(0, 3).tolist()
    assert ring.read_available == 0


def test_a_flush_forgets_what_was_not_read():
    ring = RingBuffer(ELEMENT, 4)
    ring.write(frames(0, 3))
    ring.flush()
    ring.write(frames(7, 2))

    assert as_frames(ring.read()).tolist() == frames(7, 2).tolist()


def test_one_thread_writes_while_another_reads_and_nothing_is_lost_or_torn():
    ring = RingBuffer(ELEMENT, 64)
    n_total = 5_000

    def write() -> None:
        n = 0
        while n < n_total:
            n_accepted = ring.write(frames(n, min(37, n_total - n)))
            n += n_accepted
            if not n_accepted:
                time.sleep(0)  # let the reader have the interpreter

    writer = threading.Thread(target=write)
    writer.start()
    taken: list[np.ndarray] = []
    n_taken = 0
    while n_taken < n_total:
        taken.append(as_frames(ring.read()))
        n_taken += len(taken[-1])
        if not len(taken[-1]):
            time.sleep(0)
    writer.join()

    assert np.array_equal(np.concatenate(taken), frames(0, n_total))
