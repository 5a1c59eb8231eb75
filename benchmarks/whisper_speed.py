"""How fast a recording is written down by Whisper small, ours against the plain pipeline of transformers.

Claim: a recording of which 40 % is silence takes at least 3 times longer with transformers' own
`pipeline(..., chunk_length_s=30)`, on the same weights (full size, drawn at random), the same sound and the same
processor, and ours needs at most 1.2 times its memory.

Each has a process of its own, and they work in turns, two minutes of sound at a time, so that what else the machine
does meets both. With random weights no text ever ends by itself, so both may write so many tokens as speech has: 4 for
each second of speech that a window holds, which for the pipeline's windows (30 s, of which 10 s are heard twice) is the
average. The pipeline follows 5 texts at once unless it is told otherwise; that is measured too, but the claim is held
against the faster greedy one.

Run `python -m benchmarks.whisper_speed [--minutes 10] [--dtype int8] [--beams] [--json]`; needs 5 GB of memory and, on
two cores, a quarter of an hour; it exits with 1 if the claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from tests.models.whisper.checkpoints import write_full_size
from tests.speaking import synthesized
from voicechat.types import CAPTURE_RATE

SPEED, MEMORY = 3.0, 1.2
PART_S = 120  # of sound, in a turn
SILENCE = 0.4
TOKENS_PER_S = 4  # of speech; English at 150 words a minute has about 3.5
CHUNK_S, OVERLAP = 30, 1.5  # the pipeline's, and how often it hears each second
PADDING_S = 0.2  # of silence around speech, as a voice activity detector leaves it
SENTENCES = (
    "The meeting has been moved to Thursday, because the room was taken.",
    "I have looked at the numbers again and they are better than we thought.",
    "Could you send me the report before lunch?",
    "What I would like to know is how long the whole thing is going to take, and who will pay for it in the end.",
    "Yes, that is right.",
    "We should ask the people in the other office, since they have done it twice already.",
)

Piece = np.ndarray  # float32 (n,) at 16 kHz


@dataclass(frozen=True)
class Cost:
    """What one of them took for all parts."""

    seconds: float
    cpu_s: float
    n_bytes: int  # of memory at the most, the weights included


def part(number: int) -> tuple[np.ndarray, list[Piece]]:
    """Give two minutes of sound, and the pieces of it that are speech."""
    rng = np.random.default_rng(number)
    spoken = [synthesized(sentence) for sentence in SENTENCES]
    voices = [soxr.resample(chunk.samples, chunk.sample_rate, CAPTURE_RATE).astype(np.float32) for chunk in spoken]
    sound: list[np.ndarray] = []
    pieces: list[Piece] = []
    n_left = PART_S * CAPTURE_RATE
    padding = round(PADDING_S * CAPTURE_RATE)
    while n_left > 0:
        voice = np.pad(voices[rng.integers(len(voices))], padding)[:n_left]
        pause = np.zeros(min(n_left - len(voice), round(len(voice) * SILENCE / (1 - SILENCE))), np.float32)
        pieces.append(voice)
        sound += [voice, pause]
        n_left -= len(voice) + len(pause)
    return np.concatenate(sound) + rng.standard_normal(PART_S * CAPTURE_RATE).astype(np.float32) * 1e-4, pieces


def ours(folder: Path, dtype: str) -> Callable[[np.ndarray, list[Piece]], int]:
    """Load our path; give what writes down a part and tells how many words it found."""
    from voicechat.models.whisper import recognizer

    model = recognizer.load(folder, "whisper-small", precision=dtype)  # type: ignore[arg-type]
    request = recognizer.Request(language="en", guarded=False, tokens_per_s=TOKENS_PER_S, tokens_beside=0)

    def run(_sound: np.ndarray, pieces: list[Piece]) -> int:
        heard = model.transcribe(pieces, request)
        assert heard is not None
        return sum(len(each.text) for each in heard)

    return run


def theirs(folder: Path, n_beams: int) -> Callable[[np.ndarray, list[Piece]], int]:
    """Load the pipeline; likewise."""
    transformers: Any = import_module("transformers")  # it has no types
    transformers.logging.set_verbosity_error()
    pipe = transformers.pipeline(
        "automatic-speech-recognition", model=str(folder), chunk_length_s=CHUNK_S, device="cpu"
    )
    n_tokens = round(TOKENS_PER_S * CHUNK_S * (1 - SILENCE))
    asked = {"language": "en", "task": "transcribe", "max_new_tokens": n_tokens}
    asked |= {"num_beams": 1} if n_beams == 1 else {}

    def run(sound: np.ndarray, _pieces: list[Piece]) -> int:
        return len(pipe(sound.copy(), generate_kwargs=asked)["text"])

    return run


def work(connection: Connection, kind: str, folder: Path, dtype: str) -> None:
    """Be one of the processes: write down the parts that are asked for, tell the seconds; None asks for the memory."""
    import torch

    torch.manual_seed(0)
    run = ours(folder, dtype) if kind == "ours" else theirs(folder, 5 if kind == "beams" else 1)
    connection.send(kind)
    while (number := connection.recv()) is not None:
        sound, pieces = part(number)
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        n_letters = run(sound, pieces)
        connection.send((time.monotonic() - began_s, time.process_time() - began_cpu_s, n_letters))
    connection.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def measure(kinds: list[str], folder: Path, dtype: str, n_parts: int) -> dict[str, Cost]:
    """Give what each kind took."""
    context = multiprocessing.get_context("spawn")
    workers = {}
    for kind in kinds:
        here, there = context.Pipe()
        process = context.Process(target=work, args=(there, kind, folder, dtype), name=f"benchmark-{kind}")
        process.start()
        assert here.recv() == kind
        workers[kind] = (here, process)
    seconds, cpu = dict.fromkeys(kinds, 0.0), dict.fromkeys(kinds, 0.0)
    for number in range(n_parts):
        for kind in kinds:
            workers[kind][0].send(number)
            took_s, cpu_s, n_letters = workers[kind][0].recv()
            seconds[kind] += took_s
            cpu[kind] += cpu_s
            told = f"{kind} {took_s:.1f} s, {cpu_s:.1f} s of processors, {n_letters} letters"
            print(f"part {number + 1} of {n_parts}: {told}", file=sys.stderr)
    costs = {}
    for kind, (connection, process) in workers.items():
        connection.send(None)
        costs[kind] = Cost(seconds[kind], cpu[kind], connection.recv())
        process.join()
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10, help="of sound, an even number (default: 10)")
    parser.add_argument("--dtype", default="float32", help="of our weights (default: float32)")
    parser.add_argument("--beams", action="store_true", help="measure the pipeline with its 5 texts at once, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    kinds = ["ours", "greedy", *(["beams"] if arguments.beams else [])]
    n_parts = max(1, arguments.minutes * 60 // PART_S)
    with tempfile.TemporaryDirectory(prefix="voicechat-") as name:
        folder = write_full_size(Path(name))
        found = measure(kinds, folder, arguments.dtype, n_parts)
    own = found["ours"]
    rows = {
        kind: {
            "seconds": round(cost.seconds, 1),
            "times_real_time": round(PART_S * n_parts / cost.seconds, 2),
            "speedup_of_ours": round(cost.seconds / own.seconds, 2),
            "of_processors": round(cost.cpu_s / own.cpu_s, 2),
            "memory_mb": round(cost.n_bytes / 1e6),
            "memory_of_ours": round(own.n_bytes / cost.n_bytes, 2),
        }
        for kind, cost in found.items()
    }
    if arguments.json:
        print(json.dumps(rows))
    else:
        for kind, row in rows.items():
            print(f"{kind:8}" + "  ".join(f"{name} {value}" for name, value in row.items()))
    plain = rows["greedy"]
    sys.exit(plain["speedup_of_ours"] < SPEED or plain["memory_of_ours"] > MEMORY)


if __name__ == "__main__":
    main()
