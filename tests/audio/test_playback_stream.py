from __future__ import annotations

import numpy as np
import pytest

from tests.audio.fake_device import BLOCK, LATENCY_S, RATE, Backend, DeviceClock, device
from voicechat.audio import playback_stream
from voicechat.audio.playback_stream import PLAYBACK_RING_S, PlaybackStream
from voicechat.audio.playback_stream import StreamClock as RealClock
from voicechat.audio.streams import driver_error


@pytest.fixture(autouse=True)
def exact_clock(monkeypatch):
    monkeypatch.setattr(playback_stream, "StreamClock", DeviceClock)


def playback(**changes) -> tuple[Backend, PlaybackStream]:
    backend = Backend()
    return backend, PlaybackStream(device("output", **changes), buffer_ms=100, backend=backend)


def ramp(n: int, first: int = 0) -> np.ndarray:
    return np.arange(first + 1, first + n + 1, dtype=np.float32)


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

    for _ in range(5):
        backend.play()
        for mixer in backend.mixers:
            mixer.stream.time -= BLOCK / RATE  # it fills its buffer in no time
    assert stream.n_heard() == pytest.approx(BLOCK)


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
    assert stream.active
    assert backend.play()[:, 0].tolist() == [0.5] * BLOCK


def test_after_two_aborts_nothing_old_is_played():
    backend, stream = playback()
    for value in (0.1, 0.2):
        stream.write(np.full(RATE, value, np.float32))
        backend.play()
        stream.abort()
    stream.write(np.full(BLOCK, 0.3, np.float32))

    assert backend.play()[:, 0] == pytest.approx(0.3)


def test_a_pulled_device_is_silenced_without_a_word_and_is_dead():
    backend, stream = playback()
    stream.write(np.ones(RATE, np.float32))
    for _ in range(12):
        backend.play()
    backend.mixers[0].stream.pulled = True
    stream._clock = RealClock(backend.mixers[0])
    stream.abort()

    assert not stream.active


class Clock:
    """A stream whose clock fails from the second look on, or from the first."""

    def __init__(self, *answers: float) -> None:
        self._answers = list(answers)

    @property
    def time(self) -> float:
        if not self._answers:
            raise driver_error()("no stream time")
        return self._answers.pop(0)


def test_a_clock_that_stopped_goes_on_from_what_it_last_said(monkeypatch):
    monkeypatch.setattr(playback_stream, "CLOCK_EVERY_S", 0.0)
    clock = RealClock(Clock(1e9))

    assert clock.now() == pytest.approx(1e9, abs=1)
    assert clock.now() == pytest.approx(1e9, abs=1)


def test_without_any_answer_sound_is_heard_as_late_as_the_device_says_and_no_sooner_than_it_was_taken():
    backend, stream = playback()
    stream._clock = RealClock(Clock())
    stream.write(np.ones(5 * BLOCK, np.float32))
    backend.play()

    assert stream.n_heard() == 0
    stream._runs[0]._heard_from -= 1  # a second later
    assert stream.n_heard() == BLOCK
