from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import ArraySource, Talk, silence, speech
from voicechat.patience import PATIENCE, fixed
from voicechat.pauses import Pauses
from voicechat.types import Pause, UserTranscript
from voicechat.utterance import Utterance

NORMAL = PATIENCE["normal"]


class Detector:
    """Gives one probability after another, and keeps what it was asked."""

    def __init__(self, *probabilities: float) -> None:
        self._probabilities = list(probabilities)
        self.asked: list[Pause] = []

    def probability(self, pause: Pause) -> float:
        self.asked.append(pause)
        return self._probabilities.pop(0) if len(self._probabilities) > 1 else self._probabilities[0]

    def close(self) -> None:
        pass


def utterance(words: str = "") -> Utterance:
    utterance = Utterance()
    utterance.push(speech(1))
    utterance.words = words
    return utterance


def test_a_pause_is_judged_once_and_again_when_more_words_are_understood():
    pauses = Pauses(Detector(1.0, 0.0), NORMAL)
    said = utterance("I would like")

    assert pauses.wait_ms(said, 0.16) == NORMAL.shortest_ms
    assert pauses.wait_ms(said, 0.18) is None
    said.words = "I would like a"
    assert pauses.wait_ms(said, 0.2) == NORMAL.longest_ms


def test_the_detector_gets_the_turn_so_far_and_no_words_where_they_do_not_count():
    detector = Detector(0.5)
    Pauses(detector, NORMAL, words=False).wait_ms(utterance("hello"), 0.16)

    [asked] = detector.asked
    assert len(asked.audio) == len(speech(1))
    assert asked.words is None
    assert asked.silence_s == 0.16


def test_who_pauses_long_is_waited_for_longer_in_this_turn_only():
    pauses = Pauses(Detector(0.0), NORMAL)
    pauses.wait_ms(utterance(), 0.16)
    pauses.went_on(1.1)

    assert pauses.wait_ms(utterance(), 0.16) > NORMAL.longest_ms
    pauses.turn_ended()
    assert pauses.wait_ms(utterance(), 0.16) == NORMAL.longest_ms


def test_a_fixed_silence_asks_nobody():
    detector = Detector(0.0)

    assert Pauses(detector, fixed(700)).wait_ms(utterance(), 0.16) is None
    assert detector.asked == []


@pytest.mark.parametrize(("probability", "n_turns"), [(0.0, 1), (1.0, 2)])
def test_a_turn_goes_on_after_a_pause_in_which_not_all_was_said(probability, n_turns):
    said = np.concatenate([silence(1), speech(1), silence(0.8), speech(1, 0.7), silence(2)])

    talk = Talk(ArraySource(said), pauses=Pauses(Detector(probability), NORMAL)).run()

    assert len(talk.done) == n_turns
    assert sum(len(audio[audio > 0]) for audio in talk.engine.heard) == 2 * len(speech(1))


def test_how_long_is_waited_does_not_depend_on_how_the_audio_comes_in_blocks():
    said = np.concatenate([silence(1), speech(1), silence(0.45), speech(1, 0.7), silence(2)])

    talks = [
        Talk(ArraySource(said, block=block), pauses=Pauses(Detector(0.6), NORMAL)).run() for block in (320, 801, 9000)
    ]

    texts = [[event.text for event in talk.events if isinstance(event, UserTranscript)] for talk in talks]
    assert texts[0] == texts[1] == texts[2]
