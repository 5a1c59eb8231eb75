"""The built-in judge of pauses: rules for the melody of what was said and, where there are captions, for its words.

Each finding is so many points for "that was all" or against it; together they are log-odds. A statement ends low and
falling, its last syllable drawn out (J. Local, J. Kelly, W. Wells, "Towards a phonology of conversation: turn-taking in
Tyneside English", Journal of Linguistics 22, 1986); a voice that is held level goes on (S. Duncan, "Some signals and
rules for taking speaking turns in conversations", J. Personality and Social Psychology 23, 1972); so does what breaks
off in the middle of a syllable. A rise is either a question or a list: only a high one counts, and little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from voicechat.turn_detector import _prosody, _wording
from voicechat.turn_detector._prosody import Prosody
from voicechat.types import Pause

# Points. Chosen by hand on the tuning half of `python -m benchmarks.end_of_turn`, and rounded.
BIAS = -0.9
LOW_PER_ST = 0.5  # a last pitch under the speaker's median
LOW_ST = (-3.0, 4.0)  # as far as that counts, above and below
FALL_PER_ST = 0.05  # a pitch that falls, per semitone and second
FALL_ST_PER_S = 25.0
HELD_PER_S = -2.5  # a last pitch that does not move
HELD_S = (0.12, 0.4)
RELEASE_PER_SYLLABLE = 0.5  # from the loudest of the last syllable to its end
RELEASE_SYLLABLES = 2.0
QUESTION = 0.8  # a rise that ends high
QUESTION_ST = (0.5, 12.0)  # this high and rising so fast


@dataclass(frozen=True)
class Options:
    """What `[turn_detector.rules]` holds."""

    words: bool = True  # whether captions count, where there are any; the rules for them are English


class Rules:
    """Judge pauses by rules. Holds nothing: one object serves any number of talks."""

    def __init__(self, options: Options) -> None:
        self._words = options.words

    def probability(self, pause: Pause) -> float:
        """Give how likely it is that all was said, between 0 and 1; 0.5 where there is nothing to go by."""
        prosody = _prosody.measure(pause.audio, silence_s=pause.silence_s)
        points = 0.0 if prosody is None else melody_points(prosody)
        if self._words and pause.words:
            points += _wording.points(pause.words)
        return 1 / (1 + math.exp(-points))

    def close(self) -> None:
        """Do nothing."""


def melody_points(prosody: Prosody) -> float:
    """Give how finished the melody sounds; below 0 it goes on."""
    low_st = min(LOW_ST[1], max(LOW_ST[0], -prosody.pitch_st))
    held_s = min(HELD_S[1], max(0.0, prosody.held_s - HELD_S[0]))
    points = BIAS
    points += LOW_PER_ST * low_st
    points += FALL_PER_ST * min(FALL_ST_PER_S, max(0.0, -prosody.pitch_slope))
    points += HELD_PER_S * held_s
    points += RELEASE_PER_SYLLABLE * (min(RELEASE_SYLLABLES, prosody.release) - 0.7)
    if prosody.pitch_st >= QUESTION_ST[0] and prosody.pitch_slope >= QUESTION_ST[1]:
        points += QUESTION
    return points


def load(options: Options) -> Rules:
    """Make the judge; it needs nothing."""
    return Rules(options)
