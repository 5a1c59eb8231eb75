"""How soon the built-in assistant begins to answer after the end of an utterance.

Claim:
    The first sound of the reply is there at the latest 1.0 times the utterance's own length after its end.

Each utterance comes at the pace of speech, as from a microphone, so that the recognizer can decode while the user
speaks; the naive way, in the same run, gets all of it only at the end. Run `python -m benchmarks.offline_latency
[--rounds N] [--json] [WAV or folder ...]`, without files for sentences that it speaks itself; it exits with 1 if any
utterance misses.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr

from tests.speaking import read_audio, spoken
from voicechat.engines.cascade import CascadeEngine, load
from voicechat.registry import load_backend
from voicechat.types import CAPTURE_RATE, AudioDelta, UserTranscript
from voicechat.utterance import Utterance

LIMIT = 1.0
BLOCK_S = 0.02
PARTS = {"asr": "pocketsphinx", "llm": "skills", "tts": "espeak"}
SENTENCES = (
    "what time is it",
    "what is ten minus three",
    "what day is it tomorrow",
    "what can you do",
    "roll two dice",
)


@dataclass(frozen=True)
class Wait:
    """From the end of one utterance to the first sound of its reply."""

    name: str
    utterance_s: float
    wait_s: float  # the least over all rounds
    naive_wait_s: float
    heard: str

    @property
    def ratio(self) -> float:
        return self.wait_s / self.utterance_s


def wait_s(engine: CascadeEngine, samples: np.ndarray, *, paced: bool) -> tuple[float, str]:
    """Speak an utterance to the engine; give the wait for the first sound, and what was understood."""
    utterance = Utterance()
    ended_at: list[float] = []

    def speak() -> None:
        n_block = round(BLOCK_S * CAPTURE_RATE)
        began_at = time.monotonic()
        for start in range(0, len(samples), n_block):
            if paced:
                time.sleep(max(0.0, began_at + start / CAPTURE_RATE - time.monotonic()))
            utterance.push(samples[start : start + n_block])
        ended_at.append(time.monotonic())
        utterance.end(ended_at=ended_at[0], speech_s=len(samples) / CAPTURE_RATE)

    speaker = threading.Thread(target=speak, name="benchmark-speaker")
    speaker.start()
    heard = ""
    with closing(engine.respond(utterance, ())) as reply:
        for event in reply:
            if isinstance(event, UserTranscript):
                heard = event.text
            if isinstance(event, AudioDelta):
                break
        first_sound_at = time.monotonic()
    speaker.join()
    return first_sound_at - ended_at[0], heard


def recordings(paths: list[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the utterances, float32 (n,) at 16 kHz, and their names."""
    for path in paths:
        for file in sorted(path.glob("*.wav")) if path.is_dir() else [path]:
            yield file.name, read_audio(file)
    if not paths:
        for text in SENTENCES:
            chunk = spoken(text)
            yield text, soxr.resample(chunk.samples, chunk.sample_rate, CAPTURE_RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, metavar="WAV", help="recordings, or folders of them")
    parser.add_argument("--rounds", type=int, default=2, help="of each utterance (default: 2)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    waits = []
    with closing(load(lambda kind: load_backend(kind, PARTS[kind], {}))) as engine:
        for name, samples in recordings(arguments.paths):
            rounds = [
                (wait_s(engine, samples, paced=True), wait_s(engine, samples, paced=False))
                for _ in range(arguments.rounds)
            ]
            best, naive = min(ours[0] for ours, _ in rounds), min(theirs[0] for _, theirs in rounds)
            waits.append(Wait(name, len(samples) / CAPTURE_RATE, best, naive, rounds[0][0][1]))
    if arguments.json:
        print(json.dumps([asdict(wait) | {"ratio": wait.ratio} for wait in waits]))
    else:
        print(f"{'utterance':34}{'length':>8}{'wait':>8}{'ratio':>8}{'naive':>8}   heard")
        for w in waits:
            figures = f"{w.utterance_s:7.2f}s{w.wait_s:7.2f}s{w.ratio:7.2f}x{w.naive_wait_s / w.utterance_s:7.2f}x"
            print(f"{w.name:34}{figures}   {w.heard}")
    sys.exit(any(wait.ratio > LIMIT for wait in waits))


if __name__ == "__main__":
    main()
