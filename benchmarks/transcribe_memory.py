"""How much memory a long recording takes, and how much faster two processes are than one.

Claims:
    A 3-hour file takes at most 150 MB more than one of 3 minutes, at its peak.
    Two processes are at least 1.8 times as fast as one (measured where there are two idle cores).

Memory is that of the process that reads, finds speech and writes; the recognizer, which takes no more for a longer
file, is one that answers at once, so that three hours take minutes. Run
`python -m benchmarks.transcribe_memory [--hours H] [--jobs]`; it exits with 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from tests.speaking import synthesized
from voicechat import transcription_app
from voicechat.config import load_config
from voicechat.registry import load_backend
from voicechat.transcription_app import TranscriptionRequest, run_transcription
from voicechat.types import CAPTURE_RATE, Recognized, Word

MAX_MORE_MB = 150.0
MIN_SPEEDUP = 1.8
TEXT = "what time is it and what is the weather like today"


class InstantTranscriber:
    """Hears ten words in every piece."""

    max_piece_s = 30.0
    batch_size = 8
    tells_words = True

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:
        results = []
        for piece in pieces:
            step_s = len(piece) / CAPTURE_RATE / len(TEXT.split())
            told = tuple(Word(w, i * step_s, (i + 0.9) * step_s) for i, w in enumerate(TEXT.split()))
            results.append(Recognized(TEXT, told if words else ()))
        return results

    def transcribe(self, frames: object) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


def write_talk(path: Path, minutes: float) -> None:
    """Write somebody who says the same for minutes, with a pause in between."""
    chunk = synthesized(TEXT)
    speech = soxr.resample(chunk.samples, chunk.sample_rate, CAPTURE_RATE)
    turn = np.concatenate([speech, np.zeros(CAPTURE_RATE, np.float32)])
    pcm = ((turn + np.random.default_rng(0).normal(0, 0.001, len(turn))) * 32767).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(CAPTURE_RATE)
        for _ in range(max(1, round(minutes * 60 * CAPTURE_RATE / len(turn)))):
            file.writeframes(pcm)


def instantly(path: Path, out: Path) -> None:
    """Transcribe a file with a recognizer that takes no time, and print the peak of this process in MB."""

    def backend(kind: str, name: str, options: Mapping[str, object]) -> Any:
        return InstantTranscriber() if kind == "asr" else load_backend(kind, name, options)

    vars(transcription_app)["load_backend"] = backend
    request = TranscriptionRequest((str(path),), formats=("srt", "json"), out=str(out), words=True)
    run_transcription(load_config(), request)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def peak_mb(folder: Path, minutes: float) -> float:
    path = folder / f"{minutes:g}.wav"
    write_talk(path, minutes)
    command = [sys.executable, "-m", "benchmarks.transcribe_memory", "--file", str(path), "--out", str(folder / "out")]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    path.unlink()
    return float(ended.stdout.split()[-1])


def seconds(folder: Path, path: Path, n_jobs: int) -> float:
    """Give how long `transcribe-file --jobs N` takes, with all that belongs to it."""
    out = folder / f"out-{n_jobs}-{time.monotonic_ns()}"
    command = [
        sys.executable,
        "-m",
        "voicechat",
        "transcribe-file",
        str(path),
        "--out",
        str(out),
        "--jobs",
        str(n_jobs),
    ]
    began_at = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - began_at


def speedup(folder: Path, minutes: float, rounds: int) -> float:
    """Give how many times as fast two processes are, each the fastest of some interleaved rounds."""
    path = folder / "jobs.wav"
    write_talk(path, minutes)
    times = [(seconds(folder, path, 1), seconds(folder, path, 2)) for _ in range(rounds)]
    one, two = min(first for first, _ in times), min(second for _, second in times)
    print(f"--jobs 1: {one:.1f} s, --jobs 2: {two:.1f} s for {minutes:g} minutes; load {os.getloadavg()[0]:.1f}")
    return one / two


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=3.0, help="of the long file (default: 3)")
    parser.add_argument("--jobs", action="store_true", help="measure the processes, too")
    parser.add_argument("--minutes", type=float, default=8.0, help="of the file for the processes (default: 8)")
    parser.add_argument("--rounds", type=int, default=1, help="of the processes (default: 1)")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.file is not None:
        instantly(arguments.file, arguments.out)
        return
    with tempfile.TemporaryDirectory(prefix="voicechat-") as name:
        folder = Path(name)
        short, long = peak_mb(folder, 3), peak_mb(folder, 60 * arguments.hours)
        print(
            f"peak: {short:.0f} MB for 3 minutes, {long:.0f} MB for {arguments.hours:g} hours: {long - short:+.0f} MB"
        )
        holds = long - short <= MAX_MORE_MB
        if arguments.jobs:
            ratio = speedup(folder, arguments.minutes, arguments.rounds)
            print(f"two processes are {ratio:.2f} times as fast as one")
            holds = holds and ratio >= MIN_SPEEDUP
    sys.exit(not holds)


if __name__ == "__main__":
    main()
