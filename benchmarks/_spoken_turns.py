"""Turns whose pauses are known: sentences that the built-in voice speaks, and recordings that are interrupted.

Knows nothing of detectors. In a script, `|` is a pause at the end of a clause, which the voice speaks as one that goes
on (or ends in "um"); `/` is one in the middle of it, where somebody looks for a word: the clause is cut between two
words, and every other time the last vowel before the cut is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.turn_taking import recorded
from tests.vad.signals import as_recorded, at_dbfs, white
from voicechat.audio.resample import Resampler
from voicechat.protocols import Synthesizer
from voicechat.tts import espeak
from voicechat.types import CAPTURE_RATE

PAUSE_S = (0.2, 1.5)  # pauses are drawn evenly from this range
LEAD_S = 1.0  # of room before a turn
AFTER_S = 3.0  # and after it: longer than anybody waits
PEAK_DBFS = -12.0
ROOM_DBFS = (-66.0, -52.0)  # a quiet room, and one with a fan
HOLD_S = 0.3  # for which a vowel is held
ROUNDS = 8  # in which each recording is interrupted, elsewhere and for longer or shorter
MAX_PAUSES = 3  # in a recording, each time

# What the rules were tuned on, and what they were not: other sentences, other voices, other speeds.
TUNING = """
Set a timer for ten minutes, | and tell me when it is over.
I would like, um, | a table for two at eight.
Put the meeting on the / calendar for Friday.
What time does the / next train to Boston leave?
Remind me to call my mother, | because it is her birthday.
If it rains tomorrow, | do I need an umbrella?
Well, | I was thinking that we could / go to the museum on Sunday.
Turn off the lights in the kitchen, | the hall, | and the bedroom.
My number is five five five, | two one, | four eight.
How much is, uh, | twenty percent of / ninety?
Can you tell me whether / the shop is open today?
I am looking for a book, | but I forgot the title.
Play something quiet, | please.
So, | what I mean is, um, | that nobody knows.
Send a message to / Peter and tell him that / I will be late.
Who wrote the first, er, | dictionary of English?
Is it going to be warm this weekend?
Stop.
Yes, please.
Tell me a joke.
What is the capital of France?
How many feet are there in a mile?
I need a taxi to the airport.
Can you repeat that?
Wake me up at seven.
No, | not that one.
The weather was terrible, | so we stayed at home, | and watched a film.
Add milk, | eggs, | and a loaf of bread to my / shopping list.
Do you know / where I left my keys?
When I get home, | I want to / cook something with rice.
"""
HELD_OUT = """
Book me a flight to Rome, | and a hotel near the station.
I want to know, um, | how tall the tower is.
Move the appointment to / Thursday afternoon.
Where can I buy the / new album?
Call the dentist, | if they are still open.
Although it is late, | could you read me the news?
Okay, | then I would rather / stay here until Monday.
We need onions, | carrots, | potatoes, | and some garlic.
The code is nine, | seven three, | double zero.
What is, um, | the square root of / eighty one?
Could you explain why / the sky is blue?
He gave me the letter, | but he did not say a word.
Read it again, | slowly.
I mean, | it was, uh, | a very strange evening.
Write to Anna that / we arrived and that / everything is fine.
Which one is the, er, | fastest way to the centre?
Will it snow tonight?
Thanks.
No, thank you.
Sing me a song.
Where is the nearest hospital?
How long does it take to boil an egg?
I have lost my passport.
Are you still there?
Switch on the radio.
Yes, | but only until noon.
My sister lives in Oslo, | so I go there often, | mostly in summer.
Write down flour, | sugar, | and a dozen eggs on the / list.
Can you remember / what I said about the car?
Before we leave, | I have to / find my glasses.
"""
TUNING_VOICES = (
    espeak.Options("en-us", 165, 50),
    espeak.Options("en-gb", 150, 40),
    espeak.Options("en-us+f3", 185, 60),
    espeak.Options("en-gb-scotland", 140, 45),
    espeak.Options("en-us-nyc", 200, 35),
)
HELD_OUT_VOICES = (
    espeak.Options("en-029", 155, 50),
    espeak.Options("en-us+m7", 175, 40),
    espeak.Options("en-gb-x-gbcwmd+f2", 145, 60),
    espeak.Options("en-gb-x-rp", 190, 45),
)


@dataclass(frozen=True)
class Hold:
    """A pause within a turn."""

    start_s: float
    end_s: float
    words: str | None  # said before it, where they are known


@dataclass(frozen=True, eq=False)
class SpokenTurn:
    """One turn with the room around it."""

    name: str
    samples: np.ndarray  # float32 (n,) at 16 kHz
    holds: tuple[Hold, ...]
    start_s: float  # of its first sound
    end_s: float  # of its last sound
    words: str | None  # all of them, where they are known


def from_scripts(script: str, voices: Sequence[espeak.Options], *, seed: int) -> Iterator[SpokenTurn]:
    """Speak each line of a script with each voice."""
    rng = np.random.default_rng(seed)
    for voice in voices:
        with closing(espeak.load(voice)) as synthesizer:
            for line in script.strip().splitlines():
                parts = list(_parts(synthesizer, line, rng))
                yield _joined(f"{voice.voice}: {line}", parts, rng)


def from_recordings(paths: Sequence[Path], *, seed: int) -> Iterator[SpokenTurn]:
    """Interrupt each recording of one turn ROUNDS times, where it is softest between two sounds."""
    rng = np.random.default_rng(seed)
    for path, samples in zip(paths, recorded(paths), strict=True):
        spoken = trimmed(samples)
        cuts = soft_places(spoken)
        for _ in range(ROUNDS):
            n_cuts = int(rng.integers(1, MAX_PAUSES + 1))
            chosen = sorted(rng.choice(cuts, min(n_cuts, len(cuts)), replace=False)) if cuts else []
            parts = [(part, None) for part in np.split(spoken, chosen)]
            yield _joined(path.name, parts, rng)


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Give an utterance from its first to its last sound, its last one to where it has faded by 30 dB."""
    level_db = _levels_db(samples)
    loud = np.flatnonzero(level_db > np.percentile(level_db, 95) - 30)
    return samples[loud[0] * 80 : (loud[-1] + 1) * 80].astype(np.float64)


def soft_places(samples: np.ndarray) -> list[int]:
    """Give the places in a recording where the voice nearly rests: between words, mostly."""
    level_db = np.convolve(_levels_db(samples), np.ones(6) / 6, "same")
    found: list[tuple[float, int]] = []
    for i in range(60, len(level_db) - 60):  # 300 ms from either end
        if level_db[i] == level_db[i - 10 : i + 11].min():
            depth_db = min(level_db[i - 30 : i].max(), level_db[i : i + 30].max()) - level_db[i]
            if depth_db > 12:
                found.append((depth_db, i))
    kept: list[int] = []
    for _, i in sorted(found, reverse=True):  # the deepest first
        if all(abs(i - other) > 50 for other in kept):
            kept.append(i)
    return sorted(i * 80 for i in kept)


def _levels_db(samples: np.ndarray) -> np.ndarray:
    """Give the level of each 5 ms."""
    frames = samples[: len(samples) // 80 * 80].astype(np.float64).reshape(-1, 80)
    levels: np.ndarray = 10 * np.log10((frames**2).mean(axis=1) + 1e-12)
    return levels


def _parts(synthesizer: Synthesizer, line: str, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, str | None]]:
    for clause in line.split("|"):
        pieces = [piece.strip() for piece in clause.split("/")]
        samples = trimmed(_said(synthesizer, " ".join(pieces)))
        for i, piece in enumerate(pieces[:-1]):
            rest = " ".join(pieces[i + 1 :])
            cut = _between(synthesizer, samples, piece, rest)
            before, samples = samples[:cut], samples[cut:]
            yield (_held(before) if rng.random() < 0.5 else before), piece
        yield samples, pieces[-1]


def _between(synthesizer: Synthesizer, samples: np.ndarray, before: str, after: str) -> int:
    """Find the gap between two parts of a clause: the softest place about where their lengths put it."""
    lengths = [len(trimmed(_said(synthesizer, part))) for part in (before, after)]
    about = round(len(samples) * lengths[0] / sum(lengths) / 80)
    level_db = np.convolve(_levels_db(samples), np.ones(4) / 4, "same")
    low = max(10, about - 20)
    return 80 * (low + int(np.argmin(level_db[low : about + 21])))


def _held(samples: np.ndarray) -> np.ndarray:
    """Hold the last vowel: two of its periods, over and over, getting a little softer."""
    level_db = _levels_db(samples)
    near_end = level_db[-40:]
    at = (len(level_db) - len(near_end) + int(np.argmax(near_end))) * 80
    window = samples[max(0, at - 400) : at + 400]
    lags = np.correlate(window, window, "full")[len(window) :]
    period = 40 + int(np.argmax(lags[40:250]))  # 64 to 400 Hz
    at = min(max(at, period), len(samples) - 2 * period)
    cycle = samples[at : at + 2 * period] * np.interp(np.arange(2 * period), (0, period), (0.0, 1.0))
    cycle[period:] *= np.linspace(1.0, 0.0, period)
    n_cycles = round(HOLD_S * CAPTURE_RATE / period)
    held = np.zeros((n_cycles + 1) * period)
    for i in range(n_cycles):
        held[i * period : (i + 2) * period] += cycle * 10 ** (-0.2 * i / n_cycles)
    return np.concatenate([samples[: at + period // 2], held[period // 2 :]])


def _said(synthesizer: Synthesizer, text: str) -> np.ndarray:
    chunks = list(synthesizer.synthesize(text))
    resampler = Resampler(chunks[0].sample_rate, CAPTURE_RATE)
    return np.concatenate([resampler.push(np.concatenate([c.samples for c in chunks])), resampler.flush()])


def _joined(name: str, parts: Sequence[tuple[np.ndarray, str | None]], rng: np.random.Generator) -> SpokenTurn:
    """Put the parts of a turn one after another, pauses between them, in a room."""
    pieces = [np.zeros(round(LEAD_S * CAPTURE_RATE))]
    holds: list[Hold] = []
    words = ""
    n = len(pieces[0])
    for i, (part, text) in enumerate(parts):
        pieces.append(part * _faded(len(part)))
        n += len(part)
        if text is not None:  # as a recognizer gives it, without punctuation
            words = f"{words} {text.strip('.,?').lower().replace(',', '')}".strip()
        if i + 1 < len(parts):
            n_pause = round(rng.uniform(*PAUSE_S) * CAPTURE_RATE)
            holds.append(Hold(n / CAPTURE_RATE, (n + n_pause) / CAPTURE_RATE, words or None))
            pieces.append(np.zeros(n_pause))
            n += n_pause
    pieces.append(np.zeros(round(AFTER_S * CAPTURE_RATE)))
    talk = np.concatenate(pieces)
    talk = at_dbfs(talk / np.abs(talk).max(), PEAK_DBFS)
    room = at_dbfs(white(len(talk) / CAPTURE_RATE + 0.01, seed=int(rng.integers(2**31))), rng.uniform(*ROOM_DBFS))
    samples = as_recorded(talk + room[: len(talk)]).astype(np.float32)
    return SpokenTurn(name, samples, tuple(holds), LEAD_S, n / CAPTURE_RATE, words or None)


def _faded(n: int) -> np.ndarray:
    """Give a gain that takes the click off both edges: 5 ms."""
    edge = np.minimum(np.arange(n), np.arange(n)[::-1]) / 80
    gain: np.ndarray = np.minimum(1.0, edge)
    return gain
