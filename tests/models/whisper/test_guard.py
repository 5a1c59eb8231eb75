"""What is trusted, what is not, and what is left of a text that goes round in circles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from voicechat.models.whisper import guard

IDS = st.lists(st.integers(0, 5), max_size=120)


@given(IDS)
def test_what_is_left_are_positions_in_order(ids: list[int]):
    kept = guard.without_loops(ids)

    assert kept == sorted(set(kept))
    assert all(0 <= position < len(ids) for position in kept)


@given(IDS)
def test_no_id_is_lost_from_the_text_but_repetitions(ids: list[int]):
    kept = guard.without_loops(ids)

    assert {ids[position] for position in kept} == set(ids)
    assert len(ids) < 24 or kept[:1] == [0]
    assert len(ids) >= 24 or len(kept) == len(ids)


@given(st.lists(st.integers(0, 1000), max_size=100, unique=True))
def test_a_text_that_repeats_nothing_is_kept_whole(ids: list[int]):
    assert guard.without_loops(ids) == list(range(len(ids)))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40, unique=True), st.integers(4, 12))
def test_a_phrase_said_over_and_over_is_said_once(phrase: list[int], n_rounds: int):
    before, after = [2001, 2002], [2003, 2004]
    ids = [*before, *(phrase * n_rounds), *after]

    kept = [ids[position] for position in guard.without_loops(ids)]

    assert kept == ([*before, *phrase, *after] if n_rounds * len(phrase) >= 24 else ids)


def test_people_may_repeat_themselves():
    no, very, sorry = [7], [8], [9, 10, 11, 12]

    for ids in (no * 8, very * 5 + [1], sorry * 3):
        assert len(guard.without_loops(ids)) == len(ids)


@pytest.mark.parametrize(
    ("logprob", "no_speech", "compression", "loops", "doubtful", "silent"),
    [
        (-0.3, 0.1, 1.5, False, False, False),
        (-1.1, 0.1, 1.5, False, True, False),
        (-1.1, 0.7, 1.5, False, True, True),
        (-0.3, 0.9, 1.5, False, False, False),  # it is sure of its text, so there is one
        (-0.3, 0.1, 2.5, False, True, False),
        (-0.3, 0.1, 1.5, True, True, False),
    ],
)
def test_the_limits_are_the_papers(logprob, no_speech, compression, loops, doubtful, silent):
    found = guard.Evidence(logprob, no_speech, compression, loops)

    assert (guard.is_doubtful(found), guard.is_silence(found)) == (doubtful, silent)


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for watching!",
        "  thank you.",
        "Thanks for watching... ",
        "Untertitel der Amara.org-Community",
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Субтитры сделал DimaTorzok",
        "ご視聴ありがとうございました。",
        "YOU",
    ],
)
def test_an_invention_is_known_in_any_spelling(text: str):
    assert guard.is_invention(text)


@pytest.mark.parametrize("text", ["", "Thank you for the flowers.", "I told you", "Bye, see you on Monday!"])
def test_what_says_more_is_no_invention(text: str):
    assert not guard.is_invention(text)


@given(st.floats(-80, 0), st.integers(1600, 48_000))
def test_the_level_of_a_steady_sound_is_its_level(level_db: float, n_samples: int):
    samples = np.full(n_samples, 10 ** (level_db / 20), np.float32)

    assert math.isclose(guard.level_db(samples), level_db, abs_tol=0.01)
    assert guard.is_near_silence(samples) == (guard.level_db(samples) < guard.NEAR_SILENCE_DB)


@pytest.mark.parametrize("n_samples", [0, 1, 1600, 5000])
def test_nothing_has_no_level(n_samples: int):
    assert guard.level_db(np.zeros(n_samples, np.float32)) == -math.inf


@given(st.text(max_size=300))
def test_a_text_compresses_less_than_ten_of_it(text: str):
    assert guard.compression(text) >= 0
    assert guard.compression(text * 10) >= guard.compression(text)
    assert guard.compression("") == 0
