from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.delay_line import DelayLine
from voicechat.types import CAPTURE_RATE

FRAME = 160


def sine(frequency: float, rate: int, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def read_all(line: DelayLine, n_frames: int, first: int = 0) -> np.ndarray:
    frames = [line.read(first + i * FRAME, FRAME) for i in range(n_frames)]
    assert all(frame is not None for frame in frames)
    return np.concatenate(frames)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("start", [0.0, -3.3, 700.61])
def test_a_stretch_of_any_rate_anywhere_is_read_as_the_sound_it_is(rate: int, start: float):
    line = DelayLine()
    line.open(rate, start=start)
    line.append(sine(1000, rate, 1.0))

    read = read_all(line, 80)[1600:]
    at = 1600 + np.arange(len(read)) - start
    assert read == pytest.approx(np.sin(2 * np.pi * 1000 * at / CAPTURE_RATE), abs=2e-3)


def test_what_16_khz_cannot_carry_is_not_read():
    line = DelayLine()
    line.open(48_000, start=0.0)
    line.append(sine(9_000, 48_000, 1.0))

    assert np.abs(read_all(line, 80)[400:]).max() < 1e-3


@given(
    rate=st.sampled_from([16_000, 44_100, 48_000]),
    start=st.floats(-500, 2000),
    pieces=st.lists(st.integers(0, 900), max_size=30),
    data=st.data(),
)
def test_no_sample_is_handed_out_before_it_came_and_none_is_changed_by_what_comes_later(rate, start, pieces, data):
    sound = np.random.default_rng(0).standard_normal(sum(pieces)).astype(np.float32)
    whole = DelayLine()
    whole.open(rate, start=start)
    whole.append(sound)
    whole.end()
    line = DelayLine()
    line.open(rate, start=start)
    at = n = 0
    for piece in pieces:
        line.append(sound[n : n + piece])
        n += piece
        if data.draw(st.booleans()):
            while (read := line.read(at, FRAME)) is not None and at < 20_000:
                assert (at + FRAME - 1 - start) * rate / CAPTURE_RATE < n or n == 0
                assert read == pytest.approx(whole.read(at, FRAME), abs=1e-6)
                at += FRAME


def test_what_was_taken_back_is_silence():
    line = DelayLine()
    line.open(CAPTURE_RATE, start=0.0)
    line.append(np.ones(8000, np.float32))
    line.drop(4000)
    line.end()

    read = read_all(line, 50)
    assert read[1000:3900] == pytest.approx(1.0, abs=1e-3)
    assert read[4100:] == pytest.approx(0.0, abs=1e-6)


def test_only_what_comes_after_a_split_is_moved():
    line = DelayLine()
    line.open(CAPTURE_RATE, start=0.0)
    line.append(sine(500, CAPTURE_RATE, 0.5))
    line.split()
    line.append(np.ones(8000, np.float32))
    line.move(line.start + 320)

    read = read_all(line, 90)
    assert read[400:7900] == pytest.approx(sine(500, CAPTURE_RATE, 0.5)[400:7900], abs=2e-3)
    assert read[8050:8270] == pytest.approx(0.0, abs=2e-2)
    assert read[8400:14000] == pytest.approx(1.0, abs=1e-3)


def test_taking_back_reaches_over_a_split():
    line = DelayLine()
    line.open(CAPTURE_RATE, start=0.0)
    line.append(np.ones(2000, np.float32))
    line.split()
    line.append(np.ones(500, np.float32))
    line.drop(1500)
    line.end()

    read = read_all(line, 20)
    assert read[100:900] == pytest.approx(1.0, abs=1e-3)
    assert read[1100:] == pytest.approx(0.0, abs=1e-6)


def test_a_line_without_a_stretch_is_silence():
    assert not read_all(DelayLine(), 3).any()


def test_what_did_not_come_is_silence_for_who_cannot_wait():
    line = DelayLine()
    line.open(CAPTURE_RATE, start=0.0)

    assert line.read(0, FRAME) is None
    assert not line.read(0, FRAME, whatever=True).any()
