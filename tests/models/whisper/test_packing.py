"""Pieces into windows, and words back to where they were spoken."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from voicechat.models.heard import TimedWord
from voicechat.models.mini_omni.whisper import SAMPLE_RATE, WINDOW_SAMPLES
from voicechat.models.whisper.packing import (
    GAP_SAMPLES,
    cut_points,
    handed_out,
    laid_out,
    packed,
    voiced,
)

LENGTHS = st.lists(st.integers(1, WINDOW_SAMPLES), max_size=40)


@given(LENGTHS, st.booleans())
def test_every_piece_is_in_one_window_whole(lengths: list[int], share: bool):
    spans = [span for window in packed(lengths, share=share) for span in window]

    assert sorted(span.piece for span in spans) == list(range(len(lengths)))
    assert all(span.end - span.begin == lengths[span.piece] for span in spans)


@given(LENGTHS)
def test_windows_hold_pieces_in_order_and_apart(lengths: list[int]):
    for window in packed(lengths):
        assert window[0].begin == 0
        assert window[-1].end <= WINDOW_SAMPLES
        for before, after in pairwise(window):
            assert after.begin == before.end + GAP_SAMPLES
            assert after.piece > before.piece


@given(LENGTHS)
def test_no_two_windows_would_fit_into_one(lengths: list[int]):
    windows = packed(lengths)

    filled = [window[-1].end for window in windows]
    for first in range(len(windows)):
        for second in range(first + 1, len(windows)):
            smallest = min(lengths[span.piece] for span in windows[second])
            assert filled[first] + GAP_SAMPLES + smallest > WINDOW_SAMPLES


@given(LENGTHS)
def test_pieces_that_do_not_share_have_a_window_each(lengths: list[int]):
    assert [len(window) for window in packed(lengths, share=False)] == [1] * len(lengths)


@given(st.integers(0, 4 * WINDOW_SAMPLES), st.integers(0, 5))
def test_a_long_piece_is_cut_into_parts_that_fit(n_samples: int, seed: int):
    samples = np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)

    edges = [0, *cut_points(samples), n_samples]

    assert all(0 < end - begin <= WINDOW_SAMPLES for begin, end in pairwise(edges) if n_samples)
    assert edges == sorted(edges)


def test_a_long_piece_is_cut_where_it_is_quiet():
    samples = np.ones(40 * SAMPLE_RATE, np.float32)
    samples[27 * SAMPLE_RATE : 27 * SAMPLE_RATE + SAMPLE_RATE // 4] = 0

    (cut,) = cut_points(samples)

    assert 27.0 <= cut / SAMPLE_RATE <= 27.25


def speech(duration_s: float, *, margin_s: float = 0.2) -> np.ndarray:
    """A sound with silence on either side."""
    samples = np.full(round(duration_s * SAMPLE_RATE), 0.1, np.float32)
    margin = round(margin_s * SAMPLE_RATE)
    samples[:margin] = samples[len(samples) - margin :] = 0
    return samples


def test_a_window_is_the_pieces_with_silence_between():
    pieces = [speech(2.0), speech(1.0)]
    (window,) = packed([len(piece) for piece in pieces])

    audio = laid_out(window, pieces)

    assert len(audio) == 3 * SAMPLE_RATE + GAP_SAMPLES
    np.testing.assert_array_equal(audio[: 2 * SAMPLE_RATE], pieces[0])
    np.testing.assert_array_equal(audio[-SAMPLE_RATE:], pieces[1])
    assert not audio[2 * SAMPLE_RATE : 2 * SAMPLE_RATE + GAP_SAMPLES].any()


def test_words_come_back_to_their_pieces_without_the_silence_around_them():
    pieces = [speech(2.0), speech(1.0)]
    (window,) = packed([len(piece) for piece in pieces])
    # As an alignment gives them: the pause belongs to whichever word is beside it.
    words = [TimedWord(" one", 0.0, 1.0), TimedWord(" two", 1.0, 2.1), TimedWord(" three", 2.1, 3.5)]

    found = handed_out(words, window, pieces)

    assert [word.text for word in found[0]] == [" one", " two"]
    assert [word.text for word in found[1]] == [" three"]
    assert [(word.start_s, word.end_s) for word in found[0]] == [(pytest.approx(0.2), 1.0), (1.0, pytest.approx(1.8))]
    assert found[1][0].start_s == pytest.approx(0.2, abs=0.021)
    assert found[1][0].end_s == pytest.approx(0.8, abs=0.021)


@given(
    st.lists(st.floats(0.5, 6.0), min_size=1, max_size=6),
    st.lists(st.tuples(st.floats(0, 40), st.floats(0, 3)), max_size=20),
)
def test_every_word_is_handed_out_once_in_order_and_within_its_piece(durations, times):
    pieces = [speech(duration_s) for duration_s in durations]
    window = packed([len(piece) for piece in pieces])[0]
    starts = sorted(start_s for start_s, _ in times)
    words = [
        TimedWord(str(n), start_s, start_s + length_s)
        for n, (start_s, (_, length_s)) in enumerate(zip(starts, times, strict=True))
    ]

    found = handed_out(words, window, pieces)

    assert [word.text for span in window for word in found[span.piece]] == [word.text for word in words]
    for span in window:
        length_s = (span.end - span.begin) / SAMPLE_RATE
        assert all(0 <= word.start_s <= word.end_s <= length_s for word in found[span.piece])


def test_what_is_much_quieter_than_the_rest_of_a_piece_is_silence():
    samples = np.concatenate([np.full(1600, 1e-4), np.full(1600, 0.1), np.zeros(1600)]).astype(np.float32)

    assert voiced(samples).tolist() == [False] * 5 + [True] * 5 + [False] * 5
