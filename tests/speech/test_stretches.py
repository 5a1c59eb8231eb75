"""Where speech is found, and where it is cut, on sounds that a simple detector takes for speech."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import LoudnessVAD, silence, speech
from voicechat.speech.stretches import OVERLAP_S, SpeechFinder, Stretch, cut_place
from voicechat.types import CAPTURE_RATE

FRAME = LoudnessVAD.frame_samples
FRAME_S = FRAME / CAPTURE_RATE
MARGIN = round(0.25 * CAPTURE_RATE)


def found(samples: np.ndarray, *, max_s: float = 30.0, block: int = 1000, start: int = 0) -> list[Stretch]:
    """Give the stretches of a recording that comes in blocks."""
    finder = SpeechFinder(LoudnessVAD(), max_stretch_s=max_s)
    stretches: list[Stretch] = []
    for at in range(0, len(samples), block):
        stretches += finder.push(samples[at : at + block], position=start + at)
    return [*stretches, *finder.finish()]


def recording(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts)


def are_at(stretches: Iterable[Stretch], *spans_s: tuple[float, float]) -> bool:
    """Tell whether there is speech from where to where, in seconds."""
    found_s = [(each.speech_start / CAPTURE_RATE, each.speech_end / CAPTURE_RATE) for each in stretches]
    return len(found_s) == len(spans_s) and bool(np.allclose(found_s, spans_s, rtol=0, atol=2 * FRAME_S))


def test_each_speech_is_a_stretch_and_silence_is_in_none() -> None:
    samples = recording(silence(2), speech(1), silence(3), speech(2), silence(2))

    stretches = found(samples)

    assert are_at(stretches, (2, 3), (6, 8))
    assert all(len(each.samples) <= each.speech_end - each.speech_start + 2 * MARGIN + FRAME for each in stretches)


def test_a_margin_is_kept_on_either_side() -> None:
    (stretch,) = found(recording(silence(2), speech(1), silence(2)))

    assert stretch.speech_start - stretch.start == pytest.approx(MARGIN, abs=FRAME)
    behind = stretch.start + len(stretch.samples) - stretch.speech_end
    assert behind == pytest.approx(MARGIN, abs=FRAME)


def test_a_short_pause_parts_nothing_and_a_click_is_no_speech() -> None:
    samples = recording(silence(1), speech(1), silence(0.3), speech(1), silence(2), speech(0.04), silence(2))

    assert are_at(found(samples), (1, 3.3))


def test_two_stretches_share_no_sample() -> None:
    first, second = found(recording(silence(1), speech(1), silence(0.51), speech(1), silence(1)))

    assert first.start + len(first.samples) <= second.start


@given(
    parts=st.lists(st.tuples(st.floats(0.2, 4), st.floats(0.1, 2)), min_size=1, max_size=8),
    block=st.integers(100, 5000),
)
def test_every_sample_of_a_stretch_is_the_recordings_and_how_it_is_cut_into_blocks_makes_no_difference(
    parts: list[tuple[float, float]], block: int
) -> None:
    pieces = [part for talk_s, pause_s in parts for part in (speech(talk_s), silence(pause_s))]
    samples = recording(silence(0.5), *pieces)
    samples = samples * np.linspace(0.5, 1.0, len(samples), dtype=np.float32)  # no two places are alike

    stretches = found(samples, max_s=5, block=block)

    padded = np.pad(samples, (0, FRAME))
    for each in stretches:
        assert np.array_equal(each.samples, padded[each.start : each.start + len(each.samples)])
        assert each.start <= each.speech_start <= each.speech_end
        assert len(each.samples) <= 5 * CAPTURE_RATE + FRAME
    whole = found(samples, max_s=5, block=len(samples))
    assert [(each.start, len(each.samples)) for each in whole] == [
        (each.start, len(each.samples)) for each in stretches
    ]
    loud = np.abs(samples) > 0.1
    covered = np.zeros(len(padded), bool)
    for each in stretches:
        covered[each.start : each.start + len(each.samples)] = True
    assert not (loud & ~covered[: len(samples)]).any()


def test_speech_without_a_pause_is_cut_where_it_is_quietest_and_both_parts_hold_the_sound_around_it() -> None:
    samples = recording(silence(1), speech(7), speech(0.2, 0.15), speech(6), silence(1))

    first, second = found(samples, max_s=10)

    assert first.goes_on
    assert not second.goes_on
    assert first.speech_end == second.speech_start
    assert first.speech_end / CAPTURE_RATE == pytest.approx(8.1, abs=0.15)
    shared = first.start + len(first.samples) - second.start
    assert shared == pytest.approx(2 * OVERLAP_S * CAPTURE_RATE, abs=2 * FRAME)


def test_speech_with_short_pauses_is_cut_in_the_longest_without_an_overlap() -> None:
    samples = recording(silence(1), speech(5), silence(0.2), speech(1), silence(0.4), speech(9), silence(1))

    first, second, *_ = found(samples, max_s=10)

    assert not first.goes_on
    assert first.start + len(first.samples) == second.start
    assert first.speech_end / CAPTURE_RATE == pytest.approx(7.4, abs=0.05)


def test_lost_sound_ends_a_stretch_and_what_follows_is_in_its_place() -> None:
    finder = SpeechFinder(LoudnessVAD(), max_stretch_s=30)

    stretches = [
        *finder.push(recording(silence(1), speech(2)), position=0),
        *finder.push(recording(speech(2), silence(1)), position=10 * CAPTURE_RATE),
        *finder.finish(),
    ]

    assert are_at(stretches, (1, 3), (10, 12))


def test_a_little_lost_sound_is_silence_within_the_stretch() -> None:
    finder = SpeechFinder(LoudnessVAD(), max_stretch_s=30)

    stretches = [
        *finder.push(recording(silence(1), speech(2)), position=0),
        *finder.push(recording(speech(2), silence(1)), position=round(3.1 * CAPTURE_RATE)),
        *finder.finish(),
    ]

    assert are_at(stretches, (1, 5.1))


def test_nothing_begins_before_the_floor() -> None:
    samples = recording(silence(1), speech(1), silence(2), speech(2), silence(1), speech(0.5))
    finder = SpeechFinder(LoudnessVAD(), max_stretch_s=5)
    floor = 0
    for at in range(0, len(samples), 777):
        for stretch in finder.push(samples[at : at + 777], position=at):
            assert stretch.speech_start >= floor
        assert finder.floor >= floor
        floor = finder.floor
    assert all(stretch.speech_start >= floor for stretch in finder.finish())
    assert floor >= 7 * CAPTURE_RATE


@given(
    probabilities=st.lists(st.sampled_from([0.0, 1.0]), min_size=30, max_size=200),
    powers=st.lists(st.floats(0, 1), min_size=200, max_size=200),
)
def test_a_cut_is_where_it_may_be(probabilities: list[float], powers: list[float]) -> None:
    n = len(probabilities)

    place, in_pause = cut_place(
        np.array(probabilities), np.array(powers[:n]), earliest=n // 3, latest=n - 5, frame_s=0.02
    )

    assert n // 3 <= place <= n - 5
    if in_pause:
        assert probabilities[place] == 0.0
