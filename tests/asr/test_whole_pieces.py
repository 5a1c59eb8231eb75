"""What recognizers of whole pieces share: what is worth hearing, and when in a talk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.asr._whole_pieces import clean, expected, is_silent, transcripts
from voicechat.types import CAPTURE_RATE, Transcript
from voicechat.utterance import Utterance

TIMEOUT_S = 10.0


@given(st.lists(st.floats(width=32), max_size=20))
def test_clean_samples_are_numbers_between_one_and_minus_one(values: list[float]):
    samples = clean(np.array(values, np.float32))

    assert samples.dtype == np.float32
    assert len(samples) == len(values)
    assert all(-1 <= sample <= 1 for sample in samples.tolist())


@pytest.mark.parametrize(
    ("samples", "silent"),
    [
        (np.zeros(0, np.float32), True),
        (np.ones(1599, np.float32), True),
        (np.ones(1600, np.float32), False),
        (np.full(CAPTURE_RATE, 5e-5, np.float32), True),
        (np.full(CAPTURE_RATE, 1e-3, np.float32), False),
    ],
)
def test_what_is_too_short_or_too_quiet_is_silent(samples: np.ndarray, silent: bool):
    assert is_silent(samples) == silent


@pytest.mark.parametrize(
    ("prompt", "vocabulary", "text"),
    [
        ("", "", ""),
        (" Dear all, ", "", "Dear all,"),
        ("", "SNAC, Voxtral ,,", "SNAC, Voxtral."),
        ("Dear all,", "SNAC", "SNAC. Dear all,"),
    ],
)
def test_terms_and_text_stand_as_in_a_transcript(prompt: str, vocabulary: str, text: str):
    assert expected(prompt, vocabulary) == text


def counted(audio: np.ndarray, _stopped: Callable[[], bool]) -> str:
    """Hears how much there was."""
    return str(len(audio))


def test_frames_without_pauses_are_heard_as_one():
    frames = [np.zeros(n, np.float32) for n in (3, 4)]

    assert list(transcripts(frames, counted)) == [Transcript("7", final=True)]
    assert list(transcripts([], counted)) == [Transcript("0", final=True)]


def paused(*, cancel: bool = False) -> tuple[Utterance, Iterator[Transcript], list[Transcript]]:
    """An utterance that pauses after 5 samples, and what was heard by then."""
    utterance = Utterance()
    utterance.push(np.zeros(5, np.float32))
    utterance.pause()
    heard = transcripts(utterance, counted)
    return utterance, heard, [next(heard)]


def test_what_was_heard_up_to_the_last_pause_is_not_heard_again():
    utterance, heard, found = paused()

    utterance.push(np.zeros(3, np.float32))  # the silence that ends the turn
    utterance.end(ended_at=0.0, speech_s=1.0)

    assert found == [Transcript("5")]
    assert list(heard) == [Transcript("5", final=True)]


def test_who_goes_on_is_heard_from_the_start():
    utterance, heard, found = paused()

    utterance.push(np.zeros(3, np.float32))
    utterance.resume()
    utterance.push(np.zeros(2, np.float32))
    utterance.pause()
    found.append(next(heard))
    utterance.end(ended_at=0.0, speech_s=1.0)

    assert [*found, *heard] == [Transcript("5"), Transcript("10"), Transcript("10", final=True)]


def test_work_in_vain_is_stopped_and_shows_nothing():
    utterance = Utterance()
    utterance.push(np.zeros(5, np.float32))
    utterance.pause()
    begun = threading.Event()

    def slow(audio: np.ndarray, stopped: Callable[[], bool]) -> str | None:
        if len(audio) > 5:
            return "all"
        begun.set()
        while not stopped():
            threading.Event().wait(0.001)
        return None

    found: list[Transcript] = []
    thread = threading.Thread(target=lambda: found.extend(transcripts(utterance, slow)), name="test-transcripts")
    thread.start()
    assert begun.wait(TIMEOUT_S)
    utterance.resume()
    utterance.push(np.zeros(5, np.float32))
    utterance.end(ended_at=0.0, speech_s=1.0)
    thread.join(TIMEOUT_S)

    assert not thread.is_alive()
    assert found == [Transcript("all", final=True)]


def test_a_cancelled_utterance_has_no_final_words():
    utterance, heard, _ = paused()

    utterance.cancel.cancel()

    assert list(heard) == []
