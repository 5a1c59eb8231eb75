"""How well the turns are found, and what it costs.

Claims, beside bare webrtcvad in the same run:
    In a quiet room, at peaks from -50 dBFS to clipping, every utterance is one turn and none loses its first syllable.
    Over all scenes, noisy ones included, the built-in detector makes at most half of bare webrtcvad's mistakes.
    Detector and endpointer take at most 1% of one core.

A mistake is an utterance that was missed, cut in two, run into the next one or robbed of its first syllable, or a turn
in which nobody spoke. The speech comes from our own synthesizer, or from the recordings that are given: each one
utterance without long pauses. Run `python -m benchmarks.turn_taking [RECORDING ...] [--json]`; it exits with 1 if a
claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from tests.vad.signals import NOISES, PRE_ROLL_S, Turn, as_recorded, at_dbfs, silence, turns, white
from voicechat.audio.file_source import FileSource
from voicechat.audio.resample import Resampler
from voicechat.errors import ModelError
from voicechat.protocols import VoiceActivityDetector
from voicechat.tts import espeak
from voicechat.types import CAPTURE_RATE
from voicechat.vad import silero, webrtc

SENTENCES = (
    "What time is it?",
    "Yes, please.",
    "Set a timer for ten minutes and tell me when it is over.",
    "How many feet are there in a mile?",
    "Stop.",
    "Can you repeat what you said about the weather in the north?",
)
SPEAKERS = (espeak.Options(), espeak.Options(pitch=85, speed_wpm=200))
MISTAKES_RATIO_LIMIT = 0.5
CORE_PERCENT_LIMIT = 1.0
PEAKS_DBFS = (-50, -40, -26, -12, -3, 10)
NOISES_DB = (-20, -30)  # RMS against the voice's peak: about 8 and 18 dB under its own RMS
BANGS_MS = (5, 20, 60, 120)


@dataclass
class Score:
    """What a detector made of some scenes; the three lists are in milliseconds."""

    n_utterances: int = 0
    missed: int = 0
    cut: int = 0
    merged: int = 0
    clipped: int = 0  # the first syllable is not in the pre-roll
    false: int = 0
    listened_s: float = 0.0
    cpu_s: float = 0.0
    end_error_ms: list[float] = field(default_factory=list)  # of the last speech frame; early is negative

    @property
    def mistakes(self) -> int:
        return self.missed + self.cut + self.merged + self.clipped + self.false


@dataclass(frozen=True)
class Scene:
    group: str
    samples: np.ndarray  # float64 (n,) at 16 kHz
    spoken: list[tuple[float, float]]  # start and end of each utterance in seconds


class BareWebRtcVAD:
    """webrtcvad as it is commonly used."""

    frame_samples = webrtc.FRAME_SAMPLES

    def __init__(self) -> None:
        import webrtcvad

        self._vad = webrtcvad.Vad(1)

    def probability(self, frame: np.ndarray) -> float:
        return float(self._vad.is_speech((np.clip(frame, -1, 1) * 32767).astype("<i2").tobytes(), CAPTURE_RATE))

    def reset(self) -> None:
        pass


def recorded(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    """Give each file's audio at 16 kHz."""
    for path in paths:
        source = FileSource([path], notify=lambda notice: print(notice.text, file=sys.stderr), gap_s=0)
        blocks = []
        while (block := source.read()) is not None:
            blocks.append(block)
        yield np.concatenate(blocks)
        source.close()


def synthesized() -> Iterator[np.ndarray]:
    """Speak each sentence as each speaker."""
    for speaker in SPEAKERS:
        synthesizer = espeak.load(speaker)
        for sentence in SENTENCES:
            chunks = list(synthesizer.synthesize(sentence))
            resampler = Resampler(chunks[0].sample_rate, CAPTURE_RATE)
            yield np.concatenate([resampler.push(np.concatenate([c.samples for c in chunks])), resampler.flush()])
        synthesizer.close()


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Give an utterance from its first to its last sound, with a peak of 1."""
    frames = samples[: len(samples) // 160 * 160].astype(np.float64).reshape(-1, 160)
    level_db = 10 * np.log10((frames**2).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(level_db > level_db.max() - 20)
    spoken: np.ndarray = frames[loud[0] : loud[-1] + 1].reshape(-1)
    spoken /= np.abs(spoken).max()
    return spoken


def scenes(utterances: Sequence[np.ndarray]) -> Iterator[Scene]:
    rng = np.random.default_rng(0)
    pieces, spoken, at_s = [silence(1)], [], 1.0
    for utterance in utterances:
        pause_s = rng.uniform(0.6, 1.0)
        pieces += [utterance, silence(pause_s)]
        spoken.append((at_s, at_s + len(utterance) / CAPTURE_RATE))
        at_s = sum(len(piece) for piece in pieces) / CAPTURE_RATE
    talk = np.concatenate([*pieces, silence(1)])
    duration_s = len(talk) / CAPTURE_RATE
    room = at_dbfs(white(duration_s), -60)[: len(talk)]

    for peak_dbfs in PEAKS_DBFS:
        yield Scene("quiet room", as_recorded(at_dbfs(talk + room, peak_dbfs)), spoken)
    for name in ("white", "pink", "fan", "hum"):
        noise = NOISES[name](duration_s + 0.01)[: len(talk)]
        for noise_db in NOISES_DB:
            yield Scene("steady noise", as_recorded(at_dbfs(talk + at_dbfs(noise, noise_db), -20)), spoken)
        noise[: len(noise) // 2] = 0
        yield Scene("noise sets in", as_recorded(at_dbfs(talk + room + at_dbfs(noise, -25), -20)), spoken)
        for dbfs in (-60, -40, -20):
            yield Scene("nobody speaks", as_recorded(at_dbfs(NOISES[name](20), dbfs)), [])
    for i, duration_ms in enumerate(BANGS_MS):
        bangs = at_dbfs(white(20), -70)
        for start in range(CAPTURE_RATE, len(bangs) - CAPTURE_RATE, CAPTURE_RATE):
            bang = at_dbfs(white(duration_ms / 1000, seed=start + i), rng.uniform(-30, -12))
            bangs[start : start + len(bang)] += bang
        yield Scene("clicks, bangs", as_recorded(bangs), [])


def judge(score: Score, found: Sequence[Turn], scene: Scene) -> None:
    """Add the mistakes in one scene to the score."""
    score.n_utterances += len(scene.spoken)
    score.listened_s += len(scene.samples) / CAPTURE_RATE
    for turn in found:
        n_inside = sum(turn.start_s < end_s and turn.end_s > start_s for start_s, end_s in scene.spoken)
        score.false += n_inside == 0
        score.merged += max(0, n_inside - 1)
    for i, (start_s, end_s) in enumerate(scene.spoken):
        own = [turn for turn in found if turn.start_s < end_s and turn.end_s > start_s]
        if not own:
            score.missed += 1
            continue
        score.cut += len(own) - 1
        score.clipped += own[0].start_s - PRE_ROLL_S > start_s
        if i + 1 == len(scene.spoken) or own[-1].end_s < scene.spoken[i + 1][0]:
            score.end_error_ms.append((own[-1].end_s - end_s) * 1000)


def measure(load: Callable[[], VoiceActivityDetector], all_scenes: Sequence[Scene]) -> dict[str, Score]:
    """Give a detector's score in each group of scenes; every scene is a talk of its own."""
    scores: dict[str, Score] = {}
    for scene in all_scenes:
        score = scores.setdefault(scene.group, Score())
        vad = load()
        vad.probability(np.zeros(vad.frame_samples, np.float32))  # imports and tables are not listening
        vad = load()
        started = time.process_time()
        # The end of the input is silence that goes on: an open turn ends there.
        found = turns(vad, np.concatenate([scene.samples, silence(1)]))
        score.cpu_s += time.process_time() - started
        judge(score, found, scene)
    return scores


def total(scores: dict[str, Score]) -> Score:
    whole = Score()
    for score in scores.values():
        for name, value in vars(score).items():
            setattr(whole, name, getattr(whole, name) + value)
    return whole


def print_scores(name: str, scores: dict[str, Score]) -> None:
    print(f"\n{name:16} spoken missed  cut merged clipped false/min   end error p50, p95   core")
    for group, score in [*scores.items(), ("all", total(scores))]:
        ends = np.percentile(score.end_error_ms, [50, 95]) if score.end_error_ms else [np.nan, np.nan]
        print(
            f"  {group:14} {score.n_utterances:6} {score.missed:6} {score.cut:4} {score.merged:6} {score.clipped:7} "
            f"{score.false / score.listened_s * 60:9.2f} {ends[0]:9.0f}, {ends[1]:.0f} ms"
            f" {score.cpu_s / score.listened_s * 100:9.2f}%"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recordings", nargs="*", type=Path, help="audio files to use instead of our own synthesizer")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()

    utterances = [trimmed(u) for u in (recorded(options.recordings) if options.recordings else synthesized())]
    all_scenes = list(scenes(utterances))
    detectors: dict[str, Callable[[], VoiceActivityDetector]] = {
        "bare webrtcvad": BareWebRtcVAD,
        "webrtc": lambda: webrtc.load(webrtc.Options()),
        "silero": lambda: silero.load(silero.Options()),
    }
    results: dict[str, dict[str, Score]] = {}
    for name, load in detectors.items():
        try:
            results[name] = measure(load, all_scenes)
        except ModelError as error:  # Silero is an extra
            print(f"{name} is not measured: {error}", file=sys.stderr)

    ours, bare = total(results["webrtc"]), total(results["bare webrtcvad"])
    claims = {
        "mistakes in a quiet room": (float(results["webrtc"]["quiet room"].mistakes), 0.0),
        "mistakes against bare webrtcvad": (ours.mistakes / max(1, bare.mistakes), MISTAKES_RATIO_LIMIT),
        "percent of a core": (ours.cpu_s / ours.listened_s * 100, CORE_PERCENT_LIMIT),
    }
    if options.json:
        scores = {name: {group: asdict(s) for group, s in found.items()} for name, found in results.items()}
        print(json.dumps({"claims": claims, "scores": scores}))
    else:
        for name, found in results.items():
            print_scores(name, found)
        print()
        for name, (value, limit) in claims.items():
            print(f"{name}: {value:.2f}, limit {limit:.2f}: {'holds' if value <= limit else 'DOES NOT HOLD'}")
    sys.exit(any(value > limit for value, limit in claims.values()))


if __name__ == "__main__":
    main()
