"""A Ray cluster of this machine; left out where Ray is not installed (conftest.py)."""

from __future__ import annotations

import pytest
import soxr

from tests.speaking import spoken
from voicechat.errors import ConfigError, ModelError
from voicechat.recognizer_cluster import LOCAL, RecognizerCluster
from voicechat.recognizer_processes import Recipe
from voicechat.registry import load_backend
from voicechat.speech.recognizers import OneRecognizer
from voicechat.types import CAPTURE_RATE

RECIPE = Recipe("pocketsphinx", {}, words=True)


def heard(text):
    """Give a text as it is spoken, float32 (n,) at 16 kHz."""
    chunk = spoken(text)
    return soxr.resample(chunk.samples, chunk.sample_rate, CAPTURE_RATE)


def test_a_recognizer_that_cannot_be_made_is_told_before_anything_is_recognized():
    with pytest.raises(ConfigError, match="language_weight"):
        RecognizerCluster(Recipe("pocketsphinx", {"language_weight": 1000.0}, words=False), LOCAL)


def test_a_cluster_that_is_not_there_is_one_line():
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:1"):
        RecognizerCluster(RECIPE, "127.0.0.1:1")


@pytest.mark.parametrize("address", ["somewhere", "host:port", ":10001", ""])
def test_an_address_that_cannot_be_is_one_line(address):
    with pytest.raises(ConfigError, match="HOST:PORT"):
        RecognizerCluster(RECIPE, address)


@pytest.fixture(scope="module")
def cluster():
    cluster = RecognizerCluster(RECIPE, LOCAL)
    yield cluster
    cluster.close()
    cluster.close()


def test_a_cluster_gives_what_one_recognizer_gives(cluster):
    pieces = [heard(text) for text in ("what time is it", "roll two dice", "good morning")]
    alone = OneRecognizer(load_backend("asr", "pocketsphinx", {}), words=True)
    for key, piece in enumerate(pieces):
        cluster.submit(key, [piece])
        alone.submit(key, [piece])

    assert dict(cluster.take(wait=True) for _ in pieces) == dict(alone.take(wait=True) for _ in pieces)
    assert cluster.take(wait=False) is None
    alone.close()


def test_what_a_worker_was_at_when_it_died_is_tried_again(cluster):
    piece = heard("what time is it")
    cluster.submit(1, [piece] * 3)
    [worker] = [worker for worker, n_batches in cluster._workers.items() if n_batches]
    cluster._ray.kill(worker, no_restart=False)

    key, result = cluster.take(wait=True)

    assert (key, len(result)) == (1, 3)
    assert result[0].text
