from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audio.fake_device import BLOCK, LATENCY_S, RATE, Backend, DeviceClock, device
from voicechat.audio import playback_stream
from voicechat.audio.echo_reference import Counts, EchoReference, PlayedSamples
from voicechat.audio.playback_stream import PlaybackStream

N_LATE = round(LATENCY_S * RATE)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 5 * BLOCK)),
        st.tuples(st.just("play"), st.integers(1, 15)),
        st.tuples(st.sampled_from(["abort", "restart", "take", "tend"]), st.just(0)),
    ),
    max_size=60,
)


@pytest.fixture(autouse=True, scope="module")
def exact_clock():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(playback_stream, "StreamClock", DeviceClock)
        yield


class Model:
    """A device that remembers what it consumed on each stream, and what of it was never heard."""

    def __init__(self) -> None:
        self.backend = Backend()
        self.reference = EchoReference()
        self.heard: list[np.ndarray] = []  # on the streams that ended
        self.stream = self._open()
        self._n_written = 0
        self._consumed: list[np.ndarray] = []
        self.taken: dict[int, list[float]] = defaultdict(list)

    def write(self, n: int) -> None:
        self.stream.write(np.arange(self._n_written + 1, self._n_written + n + 1, dtype=np.float32))
        self._n_written += n

    def play(self, n: int) -> None:
        for _ in range(n):
            self._consumed.append(self.backend.play(mixer=len(self.backend.mixers) - 1)[:, 0])
            self.stream.n_heard()

    def abort(self) -> None:
        self.stream.abort()
        self._end()

    def restart(self) -> None:
        self.stream.close()
        self._end()
        self.stream = self._open()

    def tend(self) -> None:
        self.stream.tend()

    def take(self) -> None:
        for played in self.reference.take():
            samples = self.taken[played.stream]
            del samples[len(samples) - played.n_unheard :]
            samples.extend(played.samples.tolist())

    def _open(self) -> PlaybackStream:
        return PlaybackStream(device("output"), buffer_ms=100, backend=self.backend, reference=self.reference)

    def _end(self) -> None:
        consumed = np.concatenate([*self._consumed, np.zeros(0)])
        self._consumed.clear()
        sounding = np.flatnonzero(consumed)
        if len(sounding) and sounding[-1] >= len(consumed) - N_LATE:
            # What the device still held was not heard; behind the last sound it held nothing but silence.
            consumed = consumed[: len(consumed) - N_LATE] if len(consumed) > N_LATE else consumed[:0]
        self.heard.append(consumed)


@given(steps=STEPS)
def test_the_reference_is_what_the_device_consumed_less_what_was_never_heard(steps):
    model = Model()
    for name, n in steps:
        if name in ("write", "play"):
            getattr(model, name)(n)
        else:
            getattr(model, name)()
    model.abort()
    model.take()

    for stream, heard in enumerate(model.heard):
        taken = np.array(model.taken[stream])
        # An end is known to a sample: the clock that tells what was heard counts in seconds.
        assert abs(len(taken) - len(heard)) <= 1 or not taken[len(heard) :].any()
        n = min(len(taken), len(heard))
        assert np.array_equal(taken[:n], heard[:n])


@given(
    runs=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), max_size=8),
    looks=st.lists(st.integers(1, 30), max_size=60),
)
def test_however_it_is_looked_at_the_same_samples_come_out(runs, looks):
    block = 10
    played, whole = PlayedSamples(0), PlayedSamples(0)
    n = at = 0
    for pause, length in runs:
        at += pause * block
        run = SimpleNamespace(begins_at=at, n_done=length)
        samples = np.arange(n + 1, n + length + 1, dtype=np.float32)
        n += length
        at += -(-length // block) * block + block  # the callback finds the ring dry a block later
        for samples_of in (played, whole):
            samples_of.hand(samples)
            samples_of.begin_run(run)
    pieces = [np.zeros(0)]
    so_far = 0
    for look in looks:
        so_far = min(at, so_far + look)
        pieces.append(played.take(so_far))

    assert np.array_equal(np.concatenate([*pieces, played.take(at)]), whole.take(at))
    assert whole.n == at


def test_a_run_whose_begin_is_not_known_yet_is_waited_for():
    run = SimpleNamespace(begins_at=None, n_done=5)
    played = PlayedSamples(0)
    played.hand(np.ones(5, np.float32))
    played.begin_run(run)

    assert not len(played.take(20))
    run.begins_at = 10
    assert played.take(20).tolist() == [0.0] * 10 + [1.0] * 5 + [0.0] * 5


def test_a_device_that_is_faster_than_whoever_hands_over_is_waited_for():
    played = PlayedSamples(0)
    played.begin_run(SimpleNamespace(begins_at=0, n_done=10))
    played.hand(np.ones(4, np.float32))

    assert len(played.take(10)) == 4
    played.hand(np.ones(6, np.float32))
    assert len(played.take(10)) == 6


def test_a_device_that_ran_dry_is_told_of_with_the_place():
    counts = [Counts(0, 0, 0)]
    reference = EchoReference()
    tap = reference.open(RATE, 0.1, lambda: counts[-1])
    counts.append(Counts(4800, 4320, 0))
    reference.take()
    counts.append(Counts(5280, 4800, 0))
    tap.heard(0, 1.0)
    counts.append(Counts(6240, 5760, 1))

    assert [played.dry_at for played in reference.take()] == [5280]
    assert [played.dry_at for played in reference.take()] == [None]


def test_a_stream_that_has_ended_has_no_more_news():
    reference = EchoReference()
    tap = reference.open(RATE, 0.1, lambda: Counts(480, 480, 0))
    tap.end(None)

    assert [played.ended for played in reference.take()] == [True]
    assert reference.take() == []
