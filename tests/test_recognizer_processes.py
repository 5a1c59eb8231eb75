"""Recognizers in processes of their own: order, death, and that none is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import soxr

from tests.speaking import spoken
from voicechat.errors import ConfigError
from voicechat.recognizer_processes import Recipe, RecognizerProcesses
from voicechat.types import CAPTURE_RATE

RECIPE = Recipe("pocketsphinx", {}, words=True)


@pytest.fixture(scope="module")
def question() -> np.ndarray:
    chunk = spoken("what time is it")
    return soxr.resample(chunk.samples, chunk.sample_rate, CAPTURE_RATE)


@pytest.fixture(scope="module")
def processes() -> Iterator[RecognizerProcesses]:
    with closing(RecognizerProcesses(RECIPE, n_processes=2)) as made:
        yield made


def results(processes: RecognizerProcesses, n: int) -> dict[int, list[str]]:
    taken = {}
    for _ in range(n):
        found = processes.take(wait=True)
        assert found is not None
        key, result = found
        assert isinstance(result, list)
        taken[key] = [each.text for each in result]
    return taken


def test_every_batch_comes_back_with_its_key(processes: RecognizerProcesses, question: np.ndarray) -> None:
    for key in range(3):
        processes.submit(key, [question] * (key + 1))

    assert results(processes, 3) == {key: ["what time is it"] * (key + 1) for key in range(3)}
    assert processes.take(wait=False) is None


def test_a_process_that_dies_is_replaced_and_its_work_done(
    processes: RecognizerProcesses, question: np.ndarray
) -> None:
    processes.submit(7, [question] * 2)
    victim = next(worker for worker in processes._workers if worker.batches)
    assert victim.process.pid is not None
    os.kill(victim.process.pid, signal.SIGTERM)

    assert results(processes, 1) == {7: ["what time is it"] * 2}


def test_closed_no_process_is_left(question: np.ndarray) -> None:
    made = RecognizerProcesses(RECIPE, n_processes=1)
    made.submit(0, [question] * 20)
    (process,) = [worker.process for worker in made._workers]

    made.close()
    made.close()

    assert process.exitcode is not None


def test_options_that_cannot_be_are_said_as_in_this_process() -> None:
    with pytest.raises(ConfigError, match="language_weight must be between 1 and 20"):
        RecognizerProcesses(Recipe("pocketsphinx", {"language_weight": 99.0}, words=False), n_processes=2)
