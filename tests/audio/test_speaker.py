from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audio.fake_device import BLOCK, LATENCY_S, RATE, Backend, DeviceClock, FakePortAudio
from voicechat.audio import playback_stream
from voicechat.audio.playback_stream import PlaybackStream
from voicechat.audio.playback_stream import StreamClock as RealClock
from voicechat.audio.speaker import PlayQueue, Speaker
from voicechat.types import AudioChunk, CancelToken, Loudness, Notice

TIMEOUT_S = 10.0


@pytest.fixture(autouse=True)
def exact_clock(monkeypatch):
    monkeypatch.setattr(playback_stream, "StreamClock", DeviceClock)


def speaker(backend: Backend, notices: list[Notice] | None = None) -> Speaker:
    notify = (notices if notices is not None else []).append
    return Speaker(FakePortAudio(backend), notify=notify, backend=backend)


def chunk(n_blocks: int, value: float = 1.0, rate: int = RATE) -> AudioChunk:
    return AudioChunk(np.full(n_blocks * rate // 100, value, np.float32), rate)


class Running:
    """Runs `call` on a thread while the device plays, until it has returned; keeps what was played."""

    def __init__(self, backend: Backend, call, *, mixer: int = 0) -> None:
        thread = threading.Thread(target=call)
        thread.start()
        blocks = []
        for _ in range(2000):
            if not thread.is_alive():
                break
            blocks.append(backend.play(mixer=mixer))
            thread.join(0.001)
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()
        self.played = np.concatenate(blocks)[:, 0] if blocks else np.zeros(0)


@given(steps=st.lists(st.tuples(st.sampled_from(["append", "give", "hear", "rewind"]), st.integers(0, 9)), max_size=40))
def test_the_queue_gives_each_sample_in_order_and_keeps_it_until_it_was_heard(steps):
    queue = PlayQueue()
    n_appended = n_heard = n_given = 0
    for step, n in steps:
        if step == "append":
            queue.append(np.arange(n_appended, n_appended + n, dtype=np.float32))
            n_appended += n
        elif step == "give":
            if queue.n_waiting:
                piece = queue.next_piece()
                assert piece.tolist() == list(range(n_heard + n_given, n_heard + n_given + len(piece)))
                queue.gave(min(n, len(piece)))
                n_given += min(n, len(piece))
        elif step == "hear":
            queue.heard(min(n, n_given))
            n_heard, n_given = n_heard + min(n, n_given), n_given - min(n, n_given)
        else:
            queue.rewind()
            n_given = 0
        assert len(queue) == n_appended - n_heard
        assert queue.n_waiting == n_appended - n_heard - n_given
    assert queue.take_all().tolist() == list(range(n_heard, n_appended))
    assert len(queue) == queue.n_waiting == 0


def test_finish_waits_until_all_was_heard():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    out.write(chunk(20, 0.5), token)
    run = Running(backend, lambda: out.finish(token))

    assert out.heard_s() == pytest.approx(0.2)
    assert np.count_nonzero(run.played) == 20 * BLOCK
    assert len(run.played) >= 20 * BLOCK + LATENCY_S * RATE


def test_a_reply_at_another_rate_is_resampled_whole():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    out.write(chunk(10, 0.5, 24_000), token)
    out.write(chunk(10, 0.5, 24_000), token)
    run = Running(backend, lambda: out.finish(token))

    assert out.heard_s() == pytest.approx(0.2, abs=1e-4)
    middle = run.played[np.flatnonzero(run.played)][500:-500]
    assert middle == pytest.approx(0.5, abs=1e-3)


def test_the_first_sample_is_handed_over_by_the_first_write():
    backend = Backend()
    out = speaker(backend)
    out.write(chunk(1, 0.5), CancelToken())

    assert backend.play()[:, 0].tolist() == [0.5] * BLOCK


def test_a_write_blocks_when_two_seconds_are_waiting_and_goes_on_when_there_is_room():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    run = Running(backend, lambda: out.write(chunk(300, 0.5), token))

    assert len(run.played) >= (300 - 200 - 20) * BLOCK


def test_a_cancelled_write_returns_and_hands_over_nothing_more():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    writer = threading.Thread(target=lambda: out.write(chunk(1000), token))
    writer.start()
    token.cancel()
    out.flush()
    writer.join(TIMEOUT_S)

    assert not writer.is_alive()
    assert not backend.play().any()


def test_a_write_with_a_cancelled_token_is_silent():
    backend = Backend()
    token = CancelToken()
    token.cancel()
    speaker(backend).write(chunk(5), token)

    assert not backend.play().any()


def test_a_flush_counts_as_heard_only_what_was_heard():
    backend = Backend()
    out = speaker(backend)
    out.write(chunk(50), CancelToken())
    for _ in range(30):
        backend.play()
    out.flush()

    assert out.heard_s() == pytest.approx(0.3 - LATENCY_S)
    out.flush()
    assert out.heard_s() == pytest.approx(0.3 - LATENCY_S)


def test_a_flush_lets_a_finish_return():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    out.write(chunk(50), token)
    finisher = threading.Thread(target=lambda: out.finish(token))
    finisher.start()
    out.flush()
    finisher.join(TIMEOUT_S)

    assert not finisher.is_alive()


def ramp(n_blocks: int) -> AudioChunk:
    """Samples that are all different, so that each can be told from the others."""
    return AudioChunk(np.linspace(0.1, 0.9, n_blocks * BLOCK, dtype=np.float32), RATE)


def test_a_ducked_reply_is_quiet_at_once_and_nothing_of_it_is_skipped():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    whole = ramp(50)
    out.write(whole, token)
    for _ in range(30):
        backend.play()
    n_heard = round(out.heard_s() * RATE)
    out.set_loudness(Loudness.DUCKED)
    quiet = backend.play()[:, 0]

    assert out.heard_s() == pytest.approx(n_heard / RATE, abs=0.011)
    assert quiet / whole.samples[n_heard : n_heard + BLOCK] == pytest.approx(0.25, abs=0.02)


def test_a_held_reply_waits_where_it_was_heard_and_comes_back_up_without_a_gap():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    whole = ramp(60)
    out.write(whole, token)
    for _ in range(30):
        backend.play()
    n_heard = round(out.heard_s() * RATE)
    out.set_loudness(Loudness.HELD)
    held = np.concatenate([backend.play() for _ in range(50)])
    waited_s = out.heard_s()
    out.set_loudness(Loudness.FULL)
    run = Running(backend, lambda: out.finish(token))

    rest = run.played[np.flatnonzero(run.played)]
    assert not held.any()
    assert waited_s == pytest.approx(n_heard / RATE)
    assert rest[20 * BLOCK :] == pytest.approx(whole.samples[n_heard + 1 + 20 * BLOCK :])
    assert 0 < rest[BLOCK] < rest[5 * BLOCK] < rest[14 * BLOCK]
    assert out.heard_s() == pytest.approx(0.6)


def test_what_is_written_while_a_reply_is_held_comes_after_it():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    out.write(chunk(5, 0.5), token)
    out.set_loudness(Loudness.HELD)
    writer = threading.Thread(target=lambda: (out.write(chunk(5, 0.7), token), out.finish(token)))
    writer.start()
    backend.play()
    writer.join(0.05)
    assert writer.is_alive()
    out.set_loudness(Loudness.FULL)
    run = Running(backend, writer.join)

    assert np.count_nonzero(run.played > 0) == 10 * BLOCK - 1  # the very first one is still at nothing
    assert out.heard_s() == pytest.approx(0.1)


def test_after_a_flush_the_next_reply_is_in_full():
    backend = Backend()
    out = speaker(backend)
    out.write(chunk(5, 0.5), CancelToken())
    out.set_loudness(Loudness.HELD)
    out.flush()
    out.write(chunk(1, 0.7), CancelToken())

    assert backend.play()[:, 0] == pytest.approx(0.7)


def test_finish_without_anything_written_returns_at_once():
    speaker(Backend()).finish(CancelToken())


def test_the_first_sample_heard_is_known_once_it_was_and_until_the_next_reply():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    assert out.first_heard_at is None

    out.write(chunk(5), token)
    backend.play()
    assert out.first_heard_at is None  # handed over, not heard

    Running(backend, lambda: out.finish(token))
    first = out.first_heard_at
    assert first is not None
    out.write(chunk(5), token)
    assert out.first_heard_at is None


def test_a_reply_that_was_stopped_before_its_first_sample_was_never_heard():
    backend = Backend()
    out = speaker(backend)
    out.write(chunk(5), CancelToken())
    backend.play()
    out.flush()

    assert out.first_heard_at is None
    assert out.heard_s() == 0


def test_after_the_device_came_back_the_rest_is_played_from_where_it_was_heard():
    backend = Backend()
    notices: list[Notice] = []
    out = speaker(backend, notices)
    token = CancelToken()
    ramp = np.linspace(0.1, 0.9, 50 * BLOCK, dtype=np.float32)
    out.write(AudioChunk(ramp, RATE), token)
    for _ in range(30):
        backend.play()
    n_heard = round(out.heard_s() * RATE)
    for mixer in backend.mixers:
        mixer.stream.active = False
    run = Running(backend, lambda: out.finish(token), mixer=-1)

    rest = run.played[np.flatnonzero(run.played)]
    assert n_heard == pytest.approx(20 * BLOCK, abs=1)
    assert 20 * BLOCK <= len(rest) <= 30 * BLOCK  # the device had 10 more: whether they were heard, nobody knows
    assert np.array_equal(rest, ramp[len(ramp) - len(rest) :])
    assert out.heard_s() == pytest.approx(0.5)


def test_closing_ends_a_blocked_write():
    out = speaker(Backend())
    writer = threading.Thread(target=lambda: out.write(chunk(1000), CancelToken()))
    writer.start()
    out.close()
    out.close()
    writer.join(TIMEOUT_S)

    assert not writer.is_alive()


def test_a_pulled_speaker_can_still_be_asked_silenced_and_closed(monkeypatch):
    monkeypatch.setattr(playback_stream, "StreamClock", RealClock)
    backend = Backend()
    out = speaker(backend)
    out.write(chunk(50), CancelToken())
    backend.play()
    backend.mixers[0].stream.pulled = True

    assert out.heard_s() == pytest.approx(0.0, abs=0.02)
    out.flush()
    out.close()
    assert backend.mixers[0].stream.closed


def test_closing_releases_a_device_whose_flush_hangs():
    backend = Backend()
    out = speaker(backend)
    out.write(chunk(50), CancelToken())
    hanging, release = threading.Event(), threading.Event()

    def abort() -> None:
        hanging.set()
        release.wait(TIMEOUT_S)

    backend.mixers[0].stream.abort = abort
    portaudio = out._keeper._portaudio
    left_behind = threading.Event()
    portaudio.leave_behind = left_behind.set
    flusher = threading.Thread(target=out.flush)
    flusher.start()
    assert hanging.wait(TIMEOUT_S)
    closer = threading.Thread(target=out.close)
    closer.start()

    assert left_behind.wait(TIMEOUT_S)
    assert not release.is_set()
    release.set()
    for thread in (flusher, closer):
        thread.join(TIMEOUT_S)


def test_a_reply_that_ends_on_a_device_of_another_rate_ends_whole():
    backend = Backend()
    out = speaker(backend)
    token = CancelToken()
    out.write(chunk(50, 0.5, 24_000), token)
    backend.play()
    backend.mixers[0].stream.active = False
    out._keeper._open_stream = lambda found: PlaybackStream(found, buffer_ms=100, sample_rate=16_000, backend=backend)
    for _ in range(2):  # the first look still sees the block before
        out._pump(out._keeper.live_stream())
    assert out.sample_rate == 16_000
    Running(backend, lambda: out.finish(token), mixer=-1)

    assert out.heard_s() == pytest.approx(0.5, abs=1e-3)
