"""How much of the assistant's own voice is left in the microphone, and how much of the user's.

Claims, over echoes that come after 0 to 900 ms, each in a room and on devices that are simulated, faults included:
    At most 0.5% of the frames of pure echo pass for speech, with Silero's detector and with the built-in one.
    At least 70% of the frames of a user who speaks over a reply are still heard as speech, the first after 160 ms.
    Echo alone, reply after reply, never begins a turn (ten minutes of it; `--hour` for an hour).
    The whole way from the microphone's blocks to what a detector gets takes at most 8% of one core.

The devices tell the truth about their delay, or keep it to themselves ("hidden"). In the same run: no canceller, and
LiveKit's module as it comes, fed with what the speaker's callback and the microphone's hand over. Rooms are reported,
not judged. The voices come from our own synthesizer, or from a folder of recordings. Run `python -m benchmarks.echo
[FOLDER] [--quick] [--hour] [--json]`; it exits with 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks._echo_cases import CASES, ROOMS, Case, rooms_of
from benchmarks._echo_trial import Result, Voices, judge, replies_alone
from benchmarks._simulated_devices import Devices
from voicechat.errors import ModelError

FALSE_LIMIT = 0.5  # percent
KEPT_LIMIT = 70.0  # percent
LAG_LIMIT_MS = 160.0
CORE_LIMIT = 8.0  # percent
ALONE_S, HOUR_S = 600.0, 3600.0
QUICK_CASES = ("150 ms clean", "900 ms clean", "600 ms clean, hidden", "300 ms drift", "150 ms lost", "150 ms restart")


def holds(result: Result) -> bool:
    """Whether a case of the grid keeps what is claimed."""
    ours = result.ways["voicechat"]
    # The built-in detector hears the second that a canceller takes to follow a jump that nobody has told it of.
    false = (ours.false_silero,) if result.jumps else (ours.false_silero, ours.false_webrtc)
    return max(false) <= FALSE_LIMIT and ours.kept >= KEPT_LIMIT and ours.lag_ms <= LAG_LIMIT_MS


def print_result(result: Result) -> None:
    print(f"{result.name:28}", end="")
    for way in ("no canceller", "bare module", "voicechat"):
        score = result.ways[way]
        print(f" | {score.false_silero:5.1f} {score.false_webrtc:5.1f} {score.kept:5.0f} {score.lag_ms:5.0f}", end="")
    print(f" | {result.core_percent:4.1f}", flush=True)


def print_head(title: str) -> None:
    print(f"\n{title:28} | {'no canceller':^23} | {'bare module':^23} | {'voicechat':^23} |")
    print(f"{'':28}" + f" | {'false %':^11} kept    lag" * 3 + " | core")
    print(f"{'':28}" + " | Siler webrt     %    ms" * 3 + " |    %", flush=True)


def run_cases(title: str, cases: list[Case], voices: Voices, *, quiet: bool) -> list[Result]:
    if not quiet:
        print_head(title)
    results = []
    for case in cases:
        results.append(judge(case, voices))
        if not quiet:
            print_result(results[-1])
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="recordings to use instead of our own synthesizer")
    parser.add_argument("--quick", action="store_true", help="six cases of the grid and two minutes alone")
    parser.add_argument("--hour", action="store_true", help="an hour of echo alone instead of ten minutes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    voices = Voices.load(options.folder)

    cases = [case for case in CASES if not options.quick or case.name in QUICK_CASES]
    try:
        grid = run_cases("delays and faults", cases, voices, quiet=options.json)
    except ModelError as error:
        print(f"not measured: {error}", file=sys.stderr)
        return 1
    rooms = [] if options.quick else run_cases("rooms (reported)", rooms_of(ROOMS), voices, quiet=options.json)

    alone_s = HOUR_S if options.hour else ALONE_S / 5 if options.quick else ALONE_S
    alone = {
        name: replies_alone(devices, voices, seconds=alone_s)
        for name, devices in (
            ("devices that tell", Devices()),
            ("600 ms hidden, 50 ppm", Devices(output_s=0.6, drift_ppm=50)),
        )
    }
    core_percent = max(result.core_percent for result in grid)
    ok = all(map(holds, grid)) and core_percent <= CORE_LIMIT and not any(sum(t.values()) for t in alone.values())
    if options.json:
        print(json.dumps({"grid": [asdict(r) for r in grid], "rooms": [asdict(r) for r in rooms], "alone": alone}))
        return not ok
    missed = [result.name for result in grid if not holds(result)]
    print(f"\nfalse <= {FALSE_LIMIT}%, kept >= {KEPT_LIMIT:.0f}%, lag <= {LAG_LIMIT_MS:.0f} ms: {missed or 'all hold'}")
    print(f"most of a core: {core_percent:.1f}%, limit {CORE_LIMIT:.0f}%")
    for name, turns in alone.items():
        print(f"turns begun by {alone_s / 60:.0f} min of echo alone, {name}: {turns}, limit 0")
    return not ok


if __name__ == "__main__":
    sys.exit(main())
