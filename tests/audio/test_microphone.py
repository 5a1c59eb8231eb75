from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.audio.fake_device import BLOCK, RATE, Backend, FakePortAudio
from voicechat.audio.microphone import MIN_LOSS_S, LossEstimate, LossReport, Microphone
from voicechat.types import Notice


def microphone(backend: Backend, notices: list[Notice] | None = None, **kwargs) -> Microphone:
    notify = (notices if notices is not None else []).append
    return Microphone(FakePortAudio(backend), notify=notify, backend=backend, **kwargs)


def test_what_is_captured_is_read_at_16_khz():
    backend = Backend()
    mic = microphone(backend)
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    for start in range(0, RATE, BLOCK):
        backend.capture(tone[start : start + BLOCK, np.newaxis])
    heard = mic.read()

    expected = np.sin(2 * np.pi * 440 * np.arange(len(heard)) / 16_000)
    assert 15_000 < len(heard) <= 16_000  # the resampler keeps its last few
    assert mic.latency_s == pytest.approx(1 - len(heard) / 16_000, abs=1e-6)
    assert np.abs(heard[100:-100] - expected[100:-100]).max() < 1e-3


def test_reading_waits_for_audio_and_closing_ends_the_wait():
    mic = microphone(Backend())
    given = []
    reader = threading.Thread(target=lambda: given.append(mic.read()))
    reader.start()
    mic.close()
    reader.join(5.0)

    assert given == [None]


def test_what_was_captured_before_a_discard_is_not_read():
    backend = Backend()
    mic = microphone(backend)
    backend.capture(np.ones((BLOCK, 1), np.float32))
    mic.discard()
    for _ in range(30):
        backend.capture(np.full((BLOCK, 1), 0.5, np.float32))

    assert np.abs(mic.read()).max() < 0.8


def test_audio_that_found_no_room_is_counted_and_told():
    backend, notices = Backend(), []
    mic = microphone(backend, notices)
    block = np.linspace(-1, 1, BLOCK, dtype=np.float32)[:, np.newaxis]
    for _ in range(2**19 // BLOCK + 100):
        backend.capture(block)
    mic.read()
    for _ in range(3):
        for _ in range(10):
            backend.capture(block)
        mic.read()

    assert mic.lost_s == pytest.approx((2**19 // BLOCK + 100 - 2**19 / BLOCK) / 100, abs=1e-9)
    assert [n.text for n in notices] == ["7 ms of the microphone's sound were lost"]  # the rest within the second


def test_a_dead_microphone_is_named_within_three_seconds_and_once_and_so_is_its_coming_back():
    backend, notices = Backend(), []
    mic = microphone(backend, notices)

    def capture(seconds: float, value: float) -> list[str]:
        for index in range(round(seconds * 10)):
            for _ in range(10):
                backend.capture(np.full((BLOCK, 1), value * (-1) ** index, np.float32))
            mic.read()
        return [notice.text for notice in notices]

    assert capture(2.9, 0.0) == []
    [died] = capture(0.2, 0.0)
    assert died.startswith("the microphone 'fake' gives nothing but zeros")
    assert capture(0.1, 1e-5)[1:] == ["the microphone 'fake' gives sound again"]
    assert len(capture(9, 0.0)) == 2


def test_a_quiet_room_is_not_dead():
    backend, notices = Backend(), []
    mic = microphone(backend, notices)
    for index in range(70):
        for _ in range(10):
            backend.capture(np.full((BLOCK, 1), 1e-5 * (-1) ** index, np.float32))
        mic.read()

    assert notices == []


def test_a_loss_is_what_the_clock_gained_across_an_overflow():
    loss = LossEstimate()
    for i in range(100):
        assert loss.update(elapsed_s=i * 0.01 + 0.02 * (i % 3), captured_s=i * 0.01, n_overflows=0) == 0

    assert loss.update(elapsed_s=1.5, captured_s=1.0, n_overflows=1) == pytest.approx(0.5 - 0.04)
    assert loss.update(elapsed_s=1.6, captured_s=1.1, n_overflows=1) == 0


def test_an_overflow_that_the_clock_does_not_show_still_counts():
    loss = LossEstimate()
    loss.update(elapsed_s=1.0, captured_s=1.0, n_overflows=0)

    assert loss.update(elapsed_s=1.01, captured_s=1.01, n_overflows=1) == MIN_LOSS_S


def test_losses_are_told_at_most_once_a_second_and_all_of_them():
    report = LossReport()
    told = [report.update(0.01, i * 0.1) for i in range(21)]

    assert [(i, text) for i, text in enumerate(told) if text] == [
        (0, "10 ms of the microphone's sound were lost"),
        (10, "100 ms of the microphone's sound were lost"),
        (20, "100 ms of the microphone's sound were lost"),
    ]
    assert report.update(0.0, 9.0) is None
