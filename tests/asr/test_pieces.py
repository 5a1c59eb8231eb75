"""pocketsphinx on whole pieces: their words, and when each is spoken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import soxr

from tests.speaking import synthesized
from voicechat.asr import pocketsphinx
from voicechat.asr.pocketsphinx import PocketsphinxTranscriber
from voicechat.errors import ModelError
from voicechat.protocols import BatchTranscriber
from voicechat.types import CAPTURE_RATE, Recognized

SENTENCES = ("what time is it", "set a timer for five minutes", "what is three plus four")


PAIRS = (("what is your name", "what can you do"), ("roll two dice", "what time is it"))


@pytest.fixture(scope="module")
def transcriber() -> Iterator[PocketsphinxTranscriber]:
    with closing(pocketsphinx.load(pocketsphinx.Options())) as loaded:
        yield loaded


def said(text: str) -> np.ndarray:
    """Give a sentence from its first sound to its last, float32 (n,) at 16 kHz."""
    chunk = synthesized(text, speed_wpm=150)
    samples = soxr.resample(chunk.samples, chunk.sample_rate, CAPTURE_RATE)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1] + 1]


def test_it_takes_pieces(transcriber: PocketsphinxTranscriber) -> None:
    assert isinstance(transcriber, BatchTranscriber)
    assert transcriber.tells_words


def test_each_piece_is_recognized_by_itself_and_in_order(transcriber: PocketsphinxTranscriber) -> None:
    pieces = [np.pad(said(sentence), 4000) for sentence in SENTENCES]

    together = transcriber.transcribe_pieces(pieces)

    assert [each.text for each in together] == list(SENTENCES)
    assert together == [transcriber.transcribe_pieces([piece])[0] for piece in pieces]


@pytest.mark.parametrize("sentences", PAIRS)
def test_words_are_within_a_tenth_of_a_second_of_where_they_are_spoken(
    transcriber: PocketsphinxTranscriber, sentences: tuple[str, str]
) -> None:
    """Sentences that were put together, with pauses of which we know where they are."""
    parts, edges_s, n = [], [], 0
    for sentence, pause_s in zip(sentences, (0.3, 0.45), strict=True):
        pause, sound = np.zeros(round(pause_s * CAPTURE_RATE), np.float32), said(sentence)
        edges_s.append(((n + len(pause)) / CAPTURE_RATE, (n + len(pause) + len(sound)) / CAPTURE_RATE))
        parts += [pause, sound]
        n += len(pause) + len(sound)
    noise = np.random.default_rng(0).normal(0, 0.001, n + 4000).astype(np.float32)
    piece = np.concatenate([*parts, np.zeros(4000, np.float32)]) + noise

    (recognized,) = transcriber.transcribe_pieces([piece], words=True)

    assert recognized.text == " ".join(sentences)
    assert [word.text for word in recognized.words] == recognized.text.split()
    first = 0
    for sentence, (start_s, end_s) in zip(sentences, edges_s, strict=True):
        last = first + len(sentence.split()) - 1
        assert recognized.words[first].start_s == pytest.approx(start_s, abs=0.1)
        assert recognized.words[last].end_s == pytest.approx(end_s, abs=0.1)
        first = last + 1


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0, np.float32), np.zeros(900, np.float32), np.zeros(32_000, np.float32), np.full(32_000, np.nan)],
)
def test_what_is_no_speech_has_no_words(transcriber: PocketsphinxTranscriber, samples: np.ndarray) -> None:
    assert transcriber.transcribe_pieces([samples.astype(np.float32)]) == [Recognized("")]


def test_a_closed_transcriber_takes_no_piece() -> None:
    transcriber = pocketsphinx.load(pocketsphinx.Options(phrases="none"))
    transcriber.close()

    with pytest.raises(ModelError, match="closed"):
        transcriber.transcribe_pieces([np.zeros(16_000, np.float32)])
