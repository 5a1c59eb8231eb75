from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.fake_device import BLOCK, LATENCY_S, RATE, Backend, device
from voicechat.audio.streams import PLAYBACK_RING_S, CaptureStream, PlaybackStream, formats_to_try
from voicechat.errors import AudioDeviceError

RING_BLOCKS = 2**19 // BLOCK  # the power of two above 10 s of blocks


def capture(**changes) -> tuple[Backend, CaptureStream]:
    backend = Backend()
    return backend, CaptureStream(device(**changes), buffer_ms=100, backend=backend)


def playback(**changes) -> tuple[Backend, PlaybackStream]:
    backend = Backend()
    return backend, PlaybackStream(device("output", **changes), buffer_ms=100, backend=backend)


def ramp(n: int, first: int = 0) -> np.ndarray:
    return np.arange(first + 1, first + n + 1, dtype=np.float32)


def test_the_devices_own_format_is_tried_first_and_each_once():
    assert list(formats_to_try(device(channels=2, sample_rate=44_100), None)) == [
        (44_100, 2), (44_100, 1), (48_000, 2), (48_000, 1), (16_000, 2), (16_000, 1),
    ]  # fmt: skip


def test_a_device_that_refuses_its_own_format_is_opened_at_the_next():
    backend = Backend(refuse={(RATE, 2), (RATE, 1), (44_100, 2)})

    stream = CaptureStream(device(channels=2), buffer_ms=100, backend=backend)

    assert (stream.sample_rate, backend.recorders[0].channels) == (44_100, 1)


def test_a_device_that_refuses_everything_is_named_with_the_reason():
    with pytest.raises(AudioDeviceError, match="cannot open the microphone 'fake': refused"):
        CaptureStream(device(), buffer_ms=100, backend=Backend(refuse={(r, 1) for r in (48_000, 44_100, 16_000)}))


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


def test_a_block_is_played_on_every_channel():
    backend, stream = playback(channels=2)
    stream.write(ramp(3))

    assert backend.play(4).tolist() == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [0.0, 0.0]]


def test_playing_goes_on_after_the_ring_ran_dry():
    backend, stream = playback()
    played = []
    for first in range(0, 1000, 100):
        stream.write(ramp(100, first))
        played.append(backend.play())

    heard = np.concatenate(played)[:, 0]
    assert np.array_equal(heard[heard > 0], ramp(1000))


def test_two_seconds_are_accepted_and_no_more():
    _backend, stream = playback()

    assert stream.write(np.ones(5 * RATE, np.float32)) == PLAYBACK_RING_S * RATE
    assert stream.write(np.ones(1, np.float32)) == 0


def test_a_sample_is_heard_when_the_converter_has_it_and_not_when_it_is_handed_over():
    backend, stream = playback()
    stream.write(np.ones(5 * BLOCK, np.float32))
    heard = []
    for _ in range(20):
        backend.play()
        heard.append(stream.n_heard())

    n_late = round(LATENCY_S * RATE)
    assert heard == pytest.approx([min(max(0, (i + 1) * BLOCK - n_late), 5 * BLOCK) for i in range(20)], abs=1e-3)


def test_the_silence_between_two_stretches_of_sound_is_not_heard_audio():
    backend, stream = playback()
    for _ in range(3):
        stream.write(np.ones(BLOCK, np.float32))
        for _ in range(30):
            backend.play()

    assert stream.n_heard() == 3 * BLOCK


def test_a_device_that_ran_dry_delays_what_follows():
    backend, stream = playback()
    stream.write(np.ones(20 * BLOCK, np.float32))
    backend.play()
    backend.mixers[0].stream.time += 2.0  # nothing asked for in two seconds
    assert stream.n_heard() == BLOCK

    backend.mixers[0].stream.time += BLOCK / 2 / RATE
    backend.play()
    assert BLOCK <= stream.n_heard() <= 2 * BLOCK


def test_an_abort_forgets_what_was_not_heard_and_the_next_words_are_played_at_once():
    backend, stream = playback()
    stream.write(np.ones(RATE, np.float32))
    for _ in range(12):
        backend.play()
    n_heard = stream.n_heard()
    stream.abort()
    stream.write(np.full(BLOCK, 0.5, np.float32))

    assert n_heard == pytest.approx(12 * BLOCK - LATENCY_S * RATE)
    assert stream.n_heard() == n_heard
    assert backend.play(mixer=1)[:, 0].tolist() == [0.5] * BLOCK
    assert not backend.play(mixer=0).any()


def test_after_two_aborts_the_first_stream_plays_again_and_nothing_old_with_it():
    backend, stream = playback()
    for value in (0.1, 0.2):
        stream.write(np.full(RATE, value, np.float32))
        backend.play()
        stream.abort()
    stream.write(np.full(BLOCK, 0.3, np.float32))

    assert backend.play(mixer=0)[:, 0] == pytest.approx(0.3)


def test_a_device_that_opens_only_once_is_aborted_and_started_again():
    backend = Backend()
    opened = backend._open

    def open_once(make, streams, kwargs):
        if streams:
            raise AudioDeviceError("busy")
        return opened(make, streams, kwargs)

    backend._open = open_once
    stream = PlaybackStream(device("output"), buffer_ms=100, backend=backend)
    stream.write(np.ones(RATE, np.float32))
    backend.play()
    stream.abort()
    stream.write(np.full(BLOCK, 0.5, np.float32))

    assert stream.active
    assert backend.play()[:, 0].tolist() == [0.5] * BLOCK
