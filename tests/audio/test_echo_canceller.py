from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks._rooms import Room
from benchmarks._simulated_devices import SPEAKER_RATE, Devices, SimulatedMicrophone, SimulatedSpeaker
from tests.vad.signals import voice, white
from voicechat.audio import echo_canceller
from voicechat.audio.echo_canceller import EchoCanceller, EchoCancellingSource, Options
from voicechat.audio.echo_reference import EchoReference
from voicechat.audio.resample import Resampler
from voicechat.errors import ModelError
from voicechat.types import CAPTURE_RATE

pytest.importorskip("livekit.rtc")
FRAME = 160
LEFT_DB = 8.0  # above the room's own noise; a made-up voice is harder to cancel than a real one


class Blocks:
    """A source that gives what it is told, in pieces."""

    latency_s = 0.02

    def __init__(self, samples: np.ndarray, sizes: list[int]) -> None:
        self._samples = samples
        self._sizes = sizes
        self.closed = False
        self.n_discards = 0

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        size = self._sizes.pop(0) if self._sizes else 320
        block, self._samples = self._samples[:size], self._samples[size:]
        return block if len(block) and not self.closed else None

    def discard(self) -> None:
        self.n_discards += 1

    def close(self) -> None:
        self.closed = True


class Stopwatch:
    """A clock that counts the samples of a 16 kHz microphone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.02
        return self.now


def read_all(source: EchoCancellingSource) -> np.ndarray:
    blocks = [np.zeros(0, np.float32)]
    while (block := source.read()) is not None:
        assert len(block)
        blocks.append(block)
    return np.concatenate(blocks)


def source_of(samples: np.ndarray, sizes: list[int] | None = None) -> EchoCancellingSource:
    blocks = Blocks(samples.astype(np.float32), list(sizes or []))
    return EchoCancellingSource(blocks, EchoReference(), EchoCanceller(Options()), monotonic=Stopwatch())


def in_room(devices: Devices, *, seconds: float, user: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Let a voice speak after a second; give what is heard, captured, and the echo in it."""
    reference = EchoReference()
    speaker = SimulatedSpeaker(devices, reference)
    near = np.zeros(round(seconds * CAPTURE_RATE))
    if user is not None:
        near[-len(user) :] = user
    microphone = SimulatedMicrophone(devices, Room(), speaker, near=near)
    source = EchoCancellingSource(microphone, reference, EchoCanceller(Options()), monotonic=lambda: speaker.now_s)
    said = Resampler(CAPTURE_RATE, SPEAKER_RATE).push((0.5 * voice(seconds - 1.5, seed=4)).astype(np.float32))
    heard = []
    while (block := source.read()) is not None:
        heard.append(block)
        if speaker.now_s >= 1 and len(said):
            speaker.say(said)
            said = said[:0]
    speaker.close()
    return np.concatenate(heard), np.concatenate(microphone.captured), np.concatenate(microphone.echo)


class Tape:
    """In place of a canceller: keeps the reference that it is given."""

    delay_samples = 0
    resting = True

    def __init__(self) -> None:
        self.far: list[np.ndarray] = []

    @property
    def silent(self) -> bool:
        return not np.any(self.far[-50:])

    def process(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        self.far.append(far)
        return near

    def forget(self) -> None: ...

    def doubt(self) -> None: ...


def taped(devices: Devices, *, seconds: float, flush_at_s: float = 1e9) -> tuple[np.ndarray, np.ndarray]:
    """Give the reference and the echo of noise that begins after a second, sample beside sample."""
    reference = EchoReference()
    speaker = SimulatedSpeaker(devices, reference)
    microphone = SimulatedMicrophone(
        devices, Room(reverb_s=0.05, direct_db=20), speaker, near=np.zeros(round(seconds * CAPTURE_RATE))
    )
    tape = Tape()
    source = EchoCancellingSource(microphone, reference, tape, monotonic=lambda: speaker.now_s)  # type: ignore[arg-type]
    said = Resampler(CAPTURE_RATE, SPEAKER_RATE).push((0.1 * white(seconds - 1)).astype(np.float32))
    while source.read() is not None:
        if speaker.now_s >= 1 and len(said):
            speaker.say(said)
            said = said[:0]
        if speaker.now_s >= flush_at_s:
            speaker.flush()
            flush_at_s = 1e9
    speaker.close()
    far, echo = np.concatenate(tape.far), np.concatenate(microphone.echo)
    n = min(len(far), len(echo))
    return far[:n], echo[:n]


def lag(far: np.ndarray, echo: np.ndarray, at_s: float) -> int:
    """Give by how many samples the echo is later than its reference around a time."""
    part = slice(round(at_s * CAPTURE_RATE), round((at_s + 0.5) * CAPTURE_RATE))
    n = part.stop - part.start
    fit = np.fft.irfft(np.fft.rfft(echo[part], 2 * n) * np.conj(np.fft.rfft(far[part], 2 * n)), 2 * n)
    return int((np.argmax(fit) + n) % (2 * n) - n)


def power_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-15))


@settings(max_examples=20)
@given(n=st.integers(1, 6000), sizes=st.lists(st.integers(1, 900), max_size=12))
def test_as_much_comes_out_as_went_in_however_it_is_cut(n: int, sizes: list[int]):
    samples = 0.1 * white(6000 / CAPTURE_RATE)[:n]

    heard = read_all(source_of(samples, sizes))
    assert len(heard) == n
    assert np.array_equal(heard, read_all(source_of(samples, [n])))


def test_while_nothing_plays_a_sound_goes_through_untouched_and_a_little_late():
    samples = (0.3 * voice(2)).astype(np.float32)
    late = EchoCanceller(Options()).delay_samples

    assert np.array_equal(read_all(source_of(samples))[late:], samples[:-late])


def test_frames_cancel_the_same_however_long_the_canceller_rested_before():
    far = (0.4 * voice(3, seed=4)).astype(np.float32)
    near = (0.5 * np.concatenate([np.zeros(800), far[:-800]]) + 1e-3 * white(3)).astype(np.float32)

    def left_after(rest_s: float) -> np.ndarray:
        canceller = EchoCanceller(Options())
        lead = (1e-3 * white(rest_s, seed=8)).astype(np.float32)
        for i in range(0, len(lead), FRAME):
            canceller.process(lead[i : i + FRAME], np.zeros(FRAME, np.float32))
        frames = range(0, len(far) - FRAME + 1, FRAME)
        return np.concatenate([canceller.process(near[i : i + FRAME], far[i : i + FRAME]) for i in frames])

    short, long = left_after(2.0), left_after(20.0)
    assert abs(power_db(short[CAPTURE_RATE:]) - power_db(long[CAPTURE_RATE:])) < 2
    assert power_db(near[CAPTURE_RATE:]) - power_db(long[CAPTURE_RATE:]) > 20


@pytest.mark.parametrize(
    "devices",
    [
        Devices(),
        Devices(output_s=0.0, input_s=0.0, told_output_s=0.0, told_input_s=0.0, burst=1),
        Devices(output_s=0.55, input_s=0.35, told_output_s=0.55, told_input_s=0.35),
        Devices(drift_ppm=100),
        Devices(stall_every_s=2),
        Devices(restart_every_s=3),
    ],
    ids=["ordinary", "no delay", "900 ms", "drift", "lost", "restart"],
)
def test_an_echo_is_gone_from_its_first_word_on(devices: Devices):
    heard, captured, echo = in_room(devices, seconds=8)

    n = min(len(heard), len(captured))
    assert power_db(captured[CAPTURE_RATE:n]) - power_db(heard[CAPTURE_RATE:n]) > 20
    assert power_db(heard[CAPTURE_RATE:n]) < power_db((captured[:n] - echo[:n])[CAPTURE_RATE:]) + LEFT_DB


def test_an_echo_that_comes_later_than_anybody_told_is_gone_from_its_first_word_on():
    heard, captured, echo = in_room(Devices(output_s=0.6), seconds=8)

    n = min(len(heard), len(captured))
    assert power_db(heard[CAPTURE_RATE:n]) < power_db((captured[:n] - echo[:n])[CAPTURE_RATE:]) + LEFT_DB


@pytest.mark.parametrize(
    "devices",
    [Devices(), Devices(stall_every_s=2.5), Devices(stall_every_s=2.5, stall_s=0.08), Devices(restart_every_s=2.5)],
    ids=["ordinary", "20 ms lost", "80 ms lost", "restart"],
)
def test_the_echo_keeps_its_place_beside_the_reference_through_every_fault(devices: Devices):
    far, echo = taped(devices, seconds=9)

    lags = [lag(far, echo, at_s) for at_s in (1.6, 3.4, 5.9, 8.2)]
    assert max(lags) - min(lags) <= 0.001 * CAPTURE_RATE
    assert 0 < min(lags) < 0.1 * CAPTURE_RATE


def test_the_reference_ends_where_an_abort_ended_the_sound():
    far, echo = taped(Devices(output_s=0.3, told_output_s=0.3), seconds=5, flush_at_s=3.0)

    last_far, last_echo = (np.flatnonzero(np.abs(samples) > 0.01)[-1] for samples in (far, echo))
    assert last_echo / CAPTURE_RATE == pytest.approx(3.0, abs=0.03)
    assert 0 < last_echo - last_far < 0.1 * CAPTURE_RATE


def test_the_user_is_heard_over_a_reply():
    user = 0.4 * voice(2, seed=30)
    heard, _captured, _echo = in_room(Devices(), seconds=10, user=user)

    assert power_db(heard[-len(user) :]) > power_db(user) - 6


def test_the_latency_counts_what_waits_here():
    source = source_of(np.zeros(1000), [100, 200])
    assert source.latency_s == pytest.approx(0.02 + 0.008)

    source.read()
    assert source.latency_s == pytest.approx(0.02 + 0.008 + 140 / CAPTURE_RATE)


def test_discarding_and_closing_reach_the_source():
    blocks = Blocks(np.zeros(1000, np.float32), [100])
    source = EchoCancellingSource(blocks, EchoReference(), EchoCanceller(Options()), monotonic=Stopwatch())
    source.discard()
    source.close()

    assert blocks.n_discards == 1
    assert source.read() is None


@pytest.mark.parametrize("options", [Options(noise_suppression=True), Options(gain_control=True)])
def test_every_option_keeps_the_length(options: Options):
    canceller = EchoCanceller(options)
    frame = (0.1 * white(0.01)).astype(np.float32)

    assert canceller.process(frame, frame).shape == (FRAME,)


def test_a_missing_package_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "livekit", None)

    with pytest.raises(ModelError, match=r"^echo cancellation needs the package livekit; run: pip install livekit$"):
        echo_canceller.load(Options())
