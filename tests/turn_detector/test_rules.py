from __future__ import annotations

import numpy as np
import pytest
import soxr

from tests.speaking import synthesized
from tests.vad.signals import silence
from voicechat.patience import PATIENCE
from voicechat.turn_detector._prosody import Prosody
from voicechat.turn_detector.rules import Options, load, melody_points
from voicechat.types import CAPTURE_RATE, Pause

PAUSE_S = 0.16


def heard(text: str, *, words: str | None = None) -> Pause:
    """Give the pause after a text that the built-in voice has said."""
    speech = synthesized(text)
    samples = soxr.resample(speech.samples, speech.sample_rate, CAPTURE_RATE)
    spoken = samples[: np.flatnonzero(np.abs(samples) > 0.01)[-1]]
    return Pause(np.concatenate([spoken, silence(PAUSE_S)]).astype(np.float32), PAUSE_S, words)


def probability(text: str, *, words: str | None = None, use_words: bool = True) -> float:
    return load(Options(words=use_words)).probability(heard(text, words=words))


@pytest.mark.parametrize(
    ("complete", "begun"),
    [
        ("Set a timer for ten minutes.", "Set a timer for ten minutes,"),
        ("I need a taxi to the airport.", "When I get home,"),
        ("We stayed at home.", "The weather was terrible,"),
        ("It rains tomorrow.", "If it rains tomorrow,"),
    ],
)
def test_a_finished_sentence_is_told_from_a_clause_that_goes_on_by_its_sound_alone(complete, begun):
    assert probability(complete) > probability(begun) + 0.1


def test_normal_answers_a_finished_sentence_at_once_and_waits_for_the_rest_of_another():
    normal = PATIENCE["normal"]

    assert normal.wait_ms(probability("I need a taxi to the airport.")) <= 400
    assert normal.wait_ms(probability("The weather was terrible,")) > 800


def test_words_decide_where_the_sound_does_not():
    question = "Do you know where I left my keys?"

    assert probability(question, words="do you know where i left my keys") > probability(question) + 0.1
    assert probability(question, words="do you know where i left my") < probability(question) - 0.1


def test_words_do_not_count_where_they_are_not_wanted():
    question = "Do you know where I left my keys?"

    assert probability(question, words="and", use_words=False) == probability(question)


def test_where_there_is_nothing_to_go_by_it_is_as_likely_as_not():
    detector = load(Options())

    assert detector.probability(Pause(np.zeros(0, np.float32), 0.0)) == 0.5
    assert detector.probability(Pause(np.zeros(32_000, np.float32), 0.2, "")) == 0.5
    detector.close()
    detector.close()


NEUTRAL = Prosody(spoken_s=2.0, release=0.7)


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (Prosody(2, pitch_st=-3, release=0.7), NEUTRAL),  # low
        (Prosody(2, pitch_slope=-15, release=0.7), NEUTRAL),  # falling
        (Prosody(2, release=1.5), NEUTRAL),  # drawn out
        (NEUTRAL, Prosody(2, held_s=0.4, release=0.7)),  # held
        (NEUTRAL, Prosody(2, pitch_st=2, release=0.7)),  # high
        (NEUTRAL, Prosody(2, release=0.1)),  # broken off
        (Prosody(2, pitch_st=3, pitch_slope=25, release=0.7), Prosody(2, pitch_st=3, release=0.7)),  # a question's rise
    ],
)
def test_each_finding_counts_the_way_it_should(more, less):
    assert melody_points(more) > melody_points(less)


def test_no_single_finding_is_beyond_doubt():
    extremes = [
        Prosody(4, pitch_st=-40),
        Prosody(4, pitch_slope=-500),
        Prosody(4, release=50),
        Prosody(4, held_s=9),
        Prosody(4, pitch_st=40, pitch_slope=500),
    ]

    assert all(abs(melody_points(extreme)) < 4 for extreme in extremes)
