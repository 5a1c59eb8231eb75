"""What Mini-Omni takes on this machine, at full size with random weights: no download.

Claims: a reply takes at most 0.8 of the time it sounds, and a player that holds back 200 ms never starves, also beside
a busy process; a step takes at most 1.4 times as long as reading its weights; the first sound comes 6 times sooner than
with the published code's order of work (--naive); loading takes at most twice as long as reading the file, and 1.3
times the file and 500 MB of memory.

Run `python -m benchmarks.mini_omni [--naive] [--neighbours N] [--json]`; needs 4 GB of memory, takes a minute or two,
and exits with 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys

from voicechat.models.mini_omni import bench, random_weights
from voicechat.models.mini_omni.bench_report import as_json, failures, rows
from voicechat.models.mini_omni.model import ModelConfig
from voicechat.models.mini_omni.snac import SnacConfig
from voicechat.models.mini_omni.whisper import EncoderConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--naive", action="store_true", help="measure the published code's order of work, too")
    parser.add_argument("--neighbours", type=int, default=1, help="busy processes beside a second reply")
    parser.add_argument("--reply-s", type=float, default=20.0, help="how long the reply sounds")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    plan = bench.Plan(reply_s=arguments.reply_s, n_neighbours=arguments.neighbours, naive=arguments.naive)
    report = bench.measure(
        random_weights.language_model(ModelConfig()),
        random_weights.encoder(EncoderConfig()),
        random_weights.voice(SnacConfig()),
        plan,
        lambda text: print(f"measuring {text}", file=sys.stderr, flush=True),
    )
    if arguments.json:
        print(json.dumps(as_json(report)))
    else:
        for name, value in rows(report):
            print(f"{name:38s} {value}")
        print("\n".join(failures(report)) or "all claims hold")
    sys.exit(bool(failures(report)))


if __name__ == "__main__":
    main()
