"""What is said and coughed into a reply: words of our own synthesizer or of recordings, and sounds that are made up.

The weights of `short_sounds.py` were fitted on other voices, other words and other seeds than these, except for the
words that every user says: stop, no, wait, hey.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks._barge_in import Interjection
from benchmarks._sounds import NO_WORDS, in_a_room
from benchmarks.turn_taking import recorded, trimmed
from voicechat.audio.resample import Resampler
from voicechat.tts import espeak
from voicechat.types import CAPTURE_RATE

SEED = 20261  # no other was used for the weights
LONGEST_S = 2.5  # of an interjection
VOICES = (
    espeak.Options(voice="en-gb+f2", speed_wpm=175),
    espeak.Options(voice="en-us+m5", speed_wpm=155),
    espeak.Options(voice="en-gb-scotland", speed_wpm=190),
    espeak.Options(voice="en-us+f4", pitch=60, speed_wpm=150),
    espeak.Options(voice="en-us+m1", pitch=35, speed_wpm=210),
)
WORDS = (
    *("stop", "no", "wait", "hey"),
    *("hang on", "be quiet", "that's wrong", "slower please", "cancel that", "skip this", "repeat", "start again"),
    *("who said so?", "actually", "one moment", "thank you", "please continue", "turn it down", "tomorrow", "Paris"),
)
SENTENCES = (
    "Could you say that in German?",
    "I need the number of the station first.",
    "Let us talk about dinner instead.",
    "Is it going to rain on Sunday?",
    "Remind me to call my brother.",
)
FOREIGN = {"de": ("halt", "warte mal", "nein"), "fr": ("attends", "non merci"), "es": ("para", "espera un momento")}
# A Japanese syllable that is nothing but a hum, once and twice, and what else the synthesizer says without words.
HUMS = (("en-gb+f2", "uh-huh"), ("en-us+m5", "ha ha ha"), ("ja+f2", "ん"), ("ja", "んん"), ("ja+m5", "んん"))


def spoken(text: str, options: espeak.Options) -> np.ndarray:
    """Give a text as our own synthesizer says it, float64 (n,) at 16 kHz."""
    with closing(espeak.load(options)) as synthesizer:
        chunks = list(synthesizer.synthesize(text))
    resampler = Resampler(chunks[0].sample_rate, CAPTURE_RATE)
    samples = [resampler.push(np.concatenate([chunk.samples for chunk in chunks])), resampler.flush()]
    return np.concatenate(samples).astype(np.float64)


def interruptions(recordings: Sequence[Path] = ()) -> list[Interjection]:
    """Give what is meant to interrupt, 132 of them and the recordings, each in a room of its own."""
    rng = np.random.default_rng(SEED)
    said = [(text, spoken(text, voice)) for voice in VOICES for text in (*WORDS, *SENTENCES)]
    said += [(text, spoken(text, espeak.Options(voice=voice))) for voice, texts in FOREIGN.items() for text in texts]
    said += [("recording", samples) for samples in recorded(recordings)]
    return [Interjection(text, True, in_a_room(_cut(samples), rng)) for text, samples in said]


def other_sounds(n_each: int) -> list[Interjection]:
    """Give what is not, `n_each` of each kind, each in a room of its own."""
    sounds = []
    for k, (kind, make) in enumerate(NO_WORDS.items()):
        for i in range(n_each):
            rng = np.random.default_rng([SEED, k, i])
            sounds.append(Interjection(kind, False, in_a_room(make(rng), rng)))
    rng = np.random.default_rng(SEED)
    for voice, text in HUMS:
        sounds.append(
            Interjection("synthesizer", False, in_a_room(_cut(spoken(text, espeak.Options(voice=voice))), rng))
        )
    return sounds


def _cut(samples: np.ndarray) -> np.ndarray:
    return trimmed(samples)[: round(LONGEST_S * CAPTURE_RATE)]
