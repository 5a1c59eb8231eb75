"""How many words the built-in recognizer gets wrong, and how far off their times are.

Claims:
    On recordings with known words, fewer words are wrong than with pocketsphinx's own decoder as it comes.
    On speech put together from known pieces, every word that begins or ends a piece is within 100 ms of the truth.

Run `python -m benchmarks.transcribe_words [--folder DIR]`: DIR holds WAV files and NAME.txt with what is said in each,
or one README.md with a table row `| name.wav | words |` for each; without it, the pieces are the only recordings. It
exits with 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from tests.speaking import read_audio, synthesized
from voicechat.asr import pocketsphinx
from voicechat.speech.recognizers import OneRecognizer
from voicechat.transcribe import SegmentHeard, Transcription
from voicechat.transcripts.error_rates import Comparison
from voicechat.types import CAPTURE_RATE, Word
from voicechat.vad import webrtc

LIMIT_MS = 100.0
N_PIECES = 24
LEAST_RECOGNIZED = 0.75  # of the words must be recognized, or the times prove little
SENTENCES = (
    "what time is it",
    "what is three plus four",
    "set a timer for five minutes",
    "roll two dice",
    "flip a coin",
    "what is your name",
    "how are you today",
    "what can you do",
    "what day is it tomorrow",
)


class _Sound:
    """A recording that is here."""

    live = split = False

    def __init__(self, samples: np.ndarray) -> None:
        self._samples = samples

    def blocks(self) -> Any:
        for start in range(0, len(self._samples), CAPTURE_RATE):
            yield start / CAPTURE_RATE, self._samples[None, start : start + CAPTURE_RATE]

    def recall(self, piece: object) -> None:  # noqa: ARG002
        return None

    def keep(self, piece: object, recognized: object) -> None:
        pass


def transcribed(transcriber: pocketsphinx.PocketsphinxTranscriber, samples: np.ndarray) -> list[Word]:
    """Give the words of a recording, as `transcribe-file` finds them."""
    run = Transcription(OneRecognizer(transcriber, words=True), lambda: webrtc.load(webrtc.Options())).run(
        [_Sound(samples)]
    )
    return [word for event in run if isinstance(event, SegmentHeard) for word in event.segment.words]


def default_words(decoder: Any, samples: np.ndarray) -> str:
    """Give the words of a recording, as pocketsphinx finds them by itself."""
    decoder.start_utt()
    decoder.process_raw((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return re.sub(r"\([0-9]+\)", "", found.hypstr) if found else ""


def recordings(folder: Path) -> dict[Path, str]:
    """Give the recordings of a folder and what is said in each."""
    readme = folder / "README.md"
    rows = dict(re.findall(r"^\| (\S+\.wav) \| (.+?) \|", readme.read_text(), re.MULTILINE)) if readme.exists() else {}
    found = {}
    for path in sorted(folder.glob("*.wav")):
        text = path.with_suffix(".txt")
        said = text.read_text() if text.exists() else rows.get(path.name)
        if said:
            found[path] = said.replace("mister", "mr")  # both spell it so
    return found


def compare_words(transcriber: pocketsphinx.PocketsphinxTranscriber, folder: Path) -> bool:
    """Print the word error rates over a folder; tell whether ours is lower."""
    from pocketsphinx import Decoder

    decoder = Decoder(loglevel="FATAL")
    ours, theirs = Comparison(), Comparison()
    ours_s = theirs_s = length_s = 0.0
    print(f"{'recording':34}{'voicechat':>11}{'default':>11}")
    for path, said in recordings(folder).items():
        samples = read_audio(path)
        length_s += len(samples) / CAPTURE_RATE
        began_at = time.process_time()
        words = " ".join(word.text for word in transcribed(transcriber, samples))
        ours_s += time.process_time() - began_at
        began_at = time.process_time()
        plain = default_words(decoder, samples)
        theirs_s += time.process_time() - began_at
        print(f"{path.name:34}{ours.add(said, words).words:11.0%}{theirs.add(said, plain).words:11.0%}")
    if not len(ours):
        print("no recording with known words in the folder")
        return False
    print(f"{'all':34}{ours.total().words:11.1%}{theirs.total().words:11.1%}")
    print(f"{'seconds of CPU per second':34}{ours_s / length_s:11.2f}{theirs_s / length_s:11.2f}")
    return ours.total().words < theirs.total().words


def assembled(seed: int) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """Put sentences and pauses together: the sound, and what is said from when to when."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    truth = []
    n_samples = 0
    for _ in range(N_PIECES):
        sentence = SENTENCES[rng.integers(len(SENTENCES))]
        chunk = synthesized(sentence, speed_wpm=150)
        piece = soxr.resample(chunk.samples, chunk.sample_rate, CAPTURE_RATE)
        loud = np.flatnonzero(np.abs(piece) > 0.01)
        piece = piece[loud[0] : loud[-1] + 1]
        pause = np.zeros(round(rng.uniform(0.15, 1.6) * CAPTURE_RATE), np.float32)
        begin = n_samples + len(pause)
        n_samples = begin + len(piece)
        truth.append((sentence, begin / CAPTURE_RATE, n_samples / CAPTURE_RATE))
        parts += [pause, piece]
    sound = np.concatenate([*parts, np.zeros(CAPTURE_RATE // 2, np.float32)])
    return (sound + rng.normal(0, 0.001, len(sound))).astype(np.float32), truth


def errors_ms(truth: Sequence[tuple[str, float, float]], heard: Sequence[Word]) -> tuple[list[float], float]:
    """Give how far off the words at the edges of pieces are, and how many of all the words were recognized."""
    said: list[tuple[str, float | None, float | None]] = []
    for sentence, start_s, end_s in truth:
        words = sentence.split()
        said += [
            (word, start_s if i == 0 else None, end_s if i == len(words) - 1 else None) for i, word in enumerate(words)
        ]
    matcher = difflib.SequenceMatcher(
        None, [word for word, _, _ in said], [word.text for word in heard], autojunk=False
    )
    errors: list[float] = []
    n_matched = 0
    for block in matcher.get_matching_blocks():
        n_matched += block.size
        for offset in range(block.size):
            _, true_start_s, true_end_s = said[block.a + offset]
            word = heard[block.b + offset]
            errors += [1000 * (word.start_s - true_start_s)] if true_start_s is not None else []
            errors += [1000 * (word.end_s - true_end_s)] if true_end_s is not None else []
    return errors, n_matched / len(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="recordings with known words")
    parser.add_argument("--rounds", type=int, default=2, help="of pieces put together (default: 2)")
    arguments = parser.parse_args()
    holds = True
    with closing(pocketsphinx.load(pocketsphinx.Options())) as transcriber:
        if arguments.folder is not None:
            holds = compare_words(transcriber, arguments.folder)
        for seed in range(arguments.rounds):
            sound, truth = assembled(seed)
            errors, share = errors_ms(truth, transcribed(transcriber, sound))
            worst = max(map(abs, errors), default=float("inf"))
            print(
                f"{N_PIECES} pieces: {share:.0%} of the words recognized, {len(errors)} edges, "
                f"median {np.median(np.abs(errors)):.0f} ms off, worst {worst:.0f} ms"
            )
            holds = holds and worst <= LIMIT_MS and share >= LEAST_RECOGNIZED
    sys.exit(not holds)


if __name__ == "__main__":
    main()
