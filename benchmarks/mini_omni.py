"""What Mini-Omni takes on this machine, at full size with random weights: no download.

Claims, with 8-bit weights on two cores of a CPU: a reply takes at most 0.8 of the time it sounds, at most twice as long
beside a busy process, and a player that holds back 200 ms starves in neither; a step takes at most 1.4 times as long as
reading its weights, and there are more of them than llama.cpp's 17.5 a second; of the exact encoder and the prefill
80 % are done by the end of the turn, and the first sound comes 6 times sooner after it than with the published code's
order of work; loading takes at most twice as long as reading the file, and 1.3 times the file and 500 MB of memory.

Run `python -m benchmarks.mini_omni [--json]`; needs 4 GB of memory, takes a minute or two, and exits with 1 if a claim
does not hold. `voicechat bench mini-omni` measures the same.
"""

from __future__ import annotations

import argparse
import json
import sys

from voicechat.listener import PAUSE_MS
from voicechat.models.device import choose
from voicechat.models.mini_omni import bench, bench_parts
from voicechat.models.mini_omni.bench_report import as_json, failures, rows
from voicechat.patience import PATIENCE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    plan = bench.Plan(ahead_ms=PATIENCE["normal"].usual_ms - PAUSE_MS, n_neighbours=1, naive=True)
    parts = bench_parts.at_random("int8", choose("cpu"))
    report = bench.measure(parts, plan, lambda text: print(text, file=sys.stderr, flush=True))
    if arguments.json:
        print(json.dumps(as_json(report)))
    else:
        for name, value in rows(report):
            print(f"{name:50s} {value}")
        print("\n".join(failures(report)) or "all claims hold")
    sys.exit(bool(failures(report)))


if __name__ == "__main__":
    main()
