"""How long an answer keeps somebody waiting, and how often it cuts them off: the rules beside a fixed silence.

Claims, each at no more false cut-offs than the fixed silence that it is held against:
    At 5% false cut-offs the rules leave at most 0.85 of the dead air on what they were not tuned on, and nowhere more.
    `--patience fast`, `normal` and `slow` as they are never leave more than a silence that cuts off as rarely.
    `normal` waits at most 400 ms (median) from the last sound of a finished turn.
    Judging the pauses takes at most 1% of one core while somebody speaks.

Measured as livekit/eot-bench does (github.com/livekit/eot-bench, its "Evaluation Model"): every silence of 100 ms or
more that the voice activity detector hears in a turn is a span, and the last one is the end. A span is judged once,
160 ms into it, on nothing but what was heard until then. A policy has three knobs: a threshold for the score, an
action delay after which a score above it ends the turn, a timeout after which any turn ends. All are swept; so is a
timeout alone, which is the fixed silence. A false cut-off is a span that ends although the turn goes on; dead air is
the mean time from the last sound of a turn to its end. As a sweep sees what it is measured on, the knobs that were best
on the tuning half are tried on the others, too: "carried over".

The sentences, the voices and the voice activity detector are voicechat's own; the words, where there are any, are the
script's, without punctuation. The recordings are files, one turn each, that are interrupted where they are softest;
their words are not known. The rules were tuned on half of the sentences, with other voices, and on two excerpts each of
LJ Speech and of a LibriVox reading.

    python -m benchmarks.end_of_turn [FOLDER] [--detector NAME] [--svg FILE] [--json]

It exits with 1 if a claim does not hold. `python -m benchmarks.end_of_turn FOLDER --svg docs/end_of_turn.svg` drew the
picture in docs/, with a folder of ten recordings.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._curves import Axis, Curve, Panel, svg
from benchmarks._spoken_turns import (
    HELD_OUT,
    HELD_OUT_VOICES,
    TUNING,
    TUNING_VOICES,
    SpokenTurn,
    from_recordings,
    from_scripts,
)
from benchmarks._turn_policies import (
    Outcome,
    Span,
    at_most,
    outcome,
    silence_curve,
    swept_curve,
    with_knobs,
    with_patience,
)
from voicechat.endpointer import Endpointer
from voicechat.patience import PATIENCE
from voicechat.protocols import TurnDetector
from voicechat.registry import backend_names, load_backend
from voicechat.types import CAPTURE_RATE, Pause
from voicechat.vad import webrtc

DEAD_AIR_RATIO_LIMIT = 0.85
NOWHERE_ABOVE = 1.0
MEDIAN_WAIT_LIMIT_MS = 400.0
CORE_PERCENT_LIMIT = 1.0
FALSE_CUT_OFFS = 0.05
JUDGED_AFTER_MS = 160.0
SPAN_MS = 100.0
PRE_ROLL_S = 0.3
TODAY_MS = 500.0  # the fixed silence that voicechat waited for before
FRAME_MS = 1000 * webrtc.FRAME_SAMPLES / CAPTURE_RATE
SOUNDS = {".wav", ".flac", ".mp3", ".ogg"}
TUNED_ON = "sentences, tuned on"
HEARD, READ = "heard", "heard and read"  # what a score knows: the sound alone, or the words, too
COLOURS = {"silence": "#777777", HEARD: "#c0392b", READ: "#2255aa"}


@dataclass(frozen=True)
class Row:
    """One part of the speech, judged with or without its words."""

    part: str
    score: str
    n_ends: int
    n_holds: int
    silence: list[Outcome]  # curves
    swept: list[Outcome]
    shipped: dict[str, Outcome]  # by the name of the patience
    today: Outcome
    carried_over: Outcome

    @property
    def ratio(self) -> float:
        return at_most(self.swept, FALSE_CUT_OFFS).dead_air_ms / at_most(self.silence, FALSE_CUT_OFFS).dead_air_ms

    def against_silence(self, of: Outcome) -> float:
        """Give its dead air as a share of that of the shortest silence that cuts off as rarely."""
        return of.dead_air_ms / at_most(self.silence, of.cut_off).dead_air_ms


def spans(turn: SpokenTurn, detector: TurnDetector) -> Iterator[Span]:
    """Yield each silence of a turn, judged as the listener would judge it."""
    silences = heard_silences(turn.samples)
    earlier_s: list[float] = []
    for first, last in silences:
        silence_ms = (last - first) * FRAME_MS
        is_end = last == silences[-1][1]
        if silence_ms < SPAN_MS:
            continue
        heard_ms = min(silence_ms, JUDGED_AFTER_MS)
        n_heard = round((first * FRAME_MS + heard_ms) / 1000 * CAPTURE_RATE)
        began = round((turn.start_s - PRE_ROLL_S) * CAPTURE_RATE)
        at_s = first * FRAME_MS / 1000
        hold = next((hold for hold in turn.holds if hold.start_s - PRE_ROLL_S < at_s < hold.end_s), None)
        words = turn.words if is_end else hold.words if hold else None
        before_s = time.process_time()
        heard = Pause(turn.samples[began:n_heard], heard_ms / 1000)
        scores = {HEARD: detector.probability(heard)}
        judged_cpu_s = time.process_time() - before_s
        scores[READ] = detector.probability(Pause(heard.audio, heard.silence_s, words)) if words else scores[HEARD]
        yield Span(
            is_end=is_end,
            silence_ms=np.inf if is_end else silence_ms,
            late_ms=first * FRAME_MS - 1000 * turn.end_s if is_end else 0.0,
            scores=scores,
            earlier_s=tuple(earlier_s),
            judged_cpu_s=judged_cpu_s,
        )
        earlier_s.append(silence_ms / 1000)


def heard_silences(samples: np.ndarray) -> list[tuple[int, int]]:
    """Give the first frame of each silence that the voice activity detector hears in a turn, and the one after it."""
    vad = webrtc.load(webrtc.Options())
    endpointer = Endpointer(frame_ms=FRAME_MS, end_silence_ms=60_000, max_turn_s=300)
    silences: list[tuple[int, int]] = []
    for i, start in enumerate(range(0, len(samples) - webrtc.FRAME_SAMPLES + 1, webrtc.FRAME_SAMPLES)):
        endpointer.push(vad.probability(samples[start : start + webrtc.FRAME_SAMPLES]))
        n_frames = endpointer.silence_frames
        if n_frames == 1:
            silences.append((i, i + 1))
        elif n_frames > 1:
            silences[-1] = (silences[-1][0], i + 1)
    return silences


def measured(parts: Mapping[str, Sequence[Span]], *, with_words: set[str]) -> list[Row]:
    """Give the rows of the table; the knobs that are carried over are those of the first part."""
    rows: list[Row] = []
    knobs: dict[str, tuple[float, float, float]] = {}
    for part, found in parts.items():
        silence = silence_curve(found)
        n_ends = sum(span.is_end for span in found)
        for score in (HEARD, READ) if part in with_words else (HEARD,):
            swept = swept_curve(found, score)
            knobs.setdefault(score, at_most(swept, FALSE_CUT_OFFS).knobs)
            rows.append(
                Row(
                    part=part,
                    score=score,
                    n_ends=n_ends,
                    n_holds=len(found) - n_ends,
                    silence=silence,
                    swept=swept,
                    shipped={
                        name: with_patience(found, score, patience, frame_ms=FRAME_MS)
                        for name, patience in PATIENCE.items()
                    },
                    today=outcome(found, np.full(len(found), TODAY_MS)),
                    carried_over=with_knobs(found, score, knobs[score]),
                )
            )
    return rows


def claims(rows: Sequence[Row], *, median_ms: float, core_percent: float) -> dict[str, tuple[float, float]]:
    """Give each claim's value and limit."""
    held_out = [row for row in rows if row.part != TUNED_ON]
    limits = {
        f"dead air at 5% false cut-offs, {row.part}, {row.score}": (row.ratio, DEAD_AIR_RATIO_LIMIT) for row in held_out
    }
    limits |= {
        f"dead air at 5% false cut-offs, {row.part}, {row.score}": (row.ratio, NOWHERE_ABOVE)
        for row in rows
        if row.part == TUNED_ON
    }
    for name in PATIENCE:
        worst = max(row.against_silence(row.shipped[name]) for row in rows)
        limits[f"dead air of {name}, the worst part"] = (worst, NOWHERE_ABOVE)
    limits["median wait of normal, held-out speech, ms"] = (median_ms, MEDIAN_WAIT_LIMIT_MS)
    limits["judging, percent of a core"] = (core_percent, CORE_PERCENT_LIMIT)
    return limits


def print_rows(rows: Sequence[Row]) -> None:
    print(
        f"{'':38} ends holds |        at 5% cut-offs, ms | carried over | "
        + " | ".join(f"{name + ': cut, dead, median':>28}" for name in PATIENCE)
        + " | silence of 500"
    )
    for row in rows:
        silence, swept = at_most(row.silence, FALSE_CUT_OFFS), at_most(row.swept, FALSE_CUT_OFFS)
        shipped = " | ".join(
            f"{100 * of.cut_off:3.0f}% {of.dead_air_ms:5.0f} {of.median_ms:5.0f} ms {row.against_silence(of):5.2f}x"
            for of in row.shipped.values()
        )
        carried = row.carried_over
        print(
            f"{row.part + ', ' + row.score:38} {row.n_ends:4} {row.n_holds:5} | {silence.dead_air_ms:5.0f} -> "
            f"{swept.dead_air_ms:5.0f} = {row.ratio:4.2f}x | {100 * carried.cut_off:3.0f}% "
            f"{row.against_silence(carried):5.2f}x | {shipped} | {100 * row.today.cut_off:3.0f}%"
        )


def picture(rows: Sequence[Row]) -> str:
    """Draw the trade-off, a panel for each part that nothing was tuned on."""
    panels = []
    for part in dict.fromkeys(row.part for row in rows if row.part != TUNED_ON):
        of_part = [row for row in rows if row.part == part]
        curves = [Curve("fixed silence", COLOURS["silence"], _points(of_part[0].silence))]
        curves += [Curve(f"rules, {row.score}", COLOURS[row.score], _points(row.swept)) for row in of_part]
        curves.append(Curve("silence of 500 ms", COLOURS["silence"], _points([of_part[0].today]), ("500 ms",)))
        curves += [
            Curve("", COLOURS[row.score], _points(list(row.shipped.values())), tuple(row.shipped)) for row in of_part
        ]
        panels.append(Panel(part, curves))
    return svg(panels, x=Axis("false cut-offs, % of the pauses", 100, 20), y=Axis("dead air, ms", 1600, 400))


def _points(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    return [(100 * of.cut_off, of.dead_air_ms) for of in outcomes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="recordings to interrupt, one turn each")
    parser.add_argument("--detector", default="rules", choices=backend_names("turn_detector"))
    parser.add_argument("--svg", type=Path, help="draw the trade-off into this file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()

    spoken = {
        TUNED_ON: list(from_scripts(TUNING, TUNING_VOICES, seed=1)),
        "sentences, held out": list(from_scripts(HELD_OUT, HELD_OUT_VOICES, seed=2)),
    }
    with_words = set(spoken)
    if options.folder:
        files = sorted(path for path in options.folder.iterdir() if path.suffix.lower() in SOUNDS)
        spoken["recordings"] = list(from_recordings(files, seed=3))
    detector: TurnDetector = load_backend("turn_detector", options.detector, {})
    parts = {part: [span for turn in turns for span in spans(turn, detector)] for part, turns in spoken.items()}
    detector.close()

    rows = measured(parts, with_words=with_words)
    held_out = [span for part, found in parts.items() if part != TUNED_ON for span in found]
    normal = with_patience(held_out, HEARD, PATIENCE["normal"], frame_ms=FRAME_MS)
    spoken_s = sum(turn.end_s - turn.start_s for turns in spoken.values() for turn in turns)
    cpu_s = sum(span.judged_cpu_s for found in parts.values() for span in found)
    limits = claims(rows, median_ms=normal.median_ms, core_percent=100 * cpu_s / spoken_s)
    if options.svg:
        options.svg.write_text(picture(rows), "utf-8")
    if options.json:
        print(json.dumps({"claims": limits}))
    else:
        print_rows(rows)
        print()
        for name, (value, limit) in limits.items():
            print(f"{name}: {value:.2f}, limit {limit:.2f}: {'holds' if value <= limit else 'DOES NOT HOLD'}")
    sys.exit(any(value > limit for value, limit in limits.values()))


if __name__ == "__main__":
    main()
