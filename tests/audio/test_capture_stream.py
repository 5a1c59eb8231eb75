from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.fake_device import BLOCK, RATE, Backend, device
from voicechat.audio.capture_stream import CaptureStream

RING_BLOCKS = 2**19 // BLOCK  # the power of two above 10 s of blocks


def capture(**changes) -> tuple[Backend, CaptureStream]:
    backend = Backend()
    return backend, CaptureStream(device(**changes), buffer_ms=100, backend=backend)


def test_channels_are_mixed_to_one():
    backend, stream = capture(channels=2)
    backend.capture(np.array([[1.0, 0.0], [0.5, 0.5], [-1.0, 1.0]], np.float32))

    assert stream.read().tolist() == [0.5, 0.5, 0.0]


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(st.one_of(st.none(), st.integers(1, 2 * RING_BLOCKS)), max_size=4))
def test_what_was_read_and_what_was_lost_is_all_that_was_captured(steps):
    backend, stream = capture()
    block = np.ones((BLOCK, 1), np.float32)
    n_captured = n_read = 0
    for n_blocks in [*steps, None, 3, None]:
        if n_blocks is None:
            n_read += len(stream.read())
        else:
            for _ in range(n_blocks):
                backend.capture(block)
            n_captured += n_blocks * BLOCK
    for _ in range(2):  # a loss between two runs of the callback is counted once two looks agree
        n_read += len(stream.read())

    assert n_read + stream.n_lost == n_captured


def test_an_overrun_ring_loses_the_exact_number_of_samples_and_then_goes_on():
    backend, stream = capture()
    ring_samples = 2**19
    for i in range(RING_BLOCKS + 5):
        backend.capture(np.full((BLOCK, 1), float(i), np.float32))
    kept = stream.read()
    backend.capture(np.full((BLOCK, 1), -1.0, np.float32))
    after = [stream.read(), stream.read()]

    assert len(kept) == ring_samples
    assert np.concatenate(after).tolist() == [-1.0] * BLOCK
    assert stream.n_lost == (RING_BLOCKS + 5) * BLOCK - ring_samples


def test_discarded_audio_is_neither_read_nor_lost():
    backend, stream = capture()
    for _ in range(RING_BLOCKS + 50):
        backend.capture(np.ones((BLOCK, 1), np.float32))
    stream.discard()
    stream._n_stale = 0
    backend.capture(np.full((BLOCK, 1), 2.0, np.float32))

    assert np.concatenate([stream.read(), stream.read()]).tolist() == [2.0] * BLOCK
    assert stream.n_lost == 0


def test_a_discard_also_forgets_what_the_device_had_captured_and_not_delivered():
    backend, stream = capture()
    backend.capture(np.ones((BLOCK, 1), np.float32))
    backend.recorders[0].stream.time += 2 * BLOCK / RATE  # two blocks are late
    stream.discard()
    for value in (1.0, 1.0, 2.0):
        backend.capture(np.full((BLOCK, 1), value, np.float32))

    assert stream.read().tolist() == [2.0] * BLOCK


def test_a_pulled_device_is_taken_for_half_a_buffer_old_and_for_dead():
    backend, stream = capture()
    backend.capture(np.ones((BLOCK, 1), np.float32))
    backend.recorders[0].stream.pulled = True

    assert stream.age_s() == 0.05
    stream.discard()
    assert not stream.active
