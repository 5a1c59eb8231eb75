"""How soon voicechat answers the shell, and how soon it listens.

Claims:
    `voicechat --help` takes at most 1.5 times as long as importing typer and rich alone.
    `voicechat talk` listens within 1 s of the bare import of sounddevice.

Every candidate is a fresh Python, timed from before its start; the candidates take turns, so a busy neighbour hits all
of them alike. Run `python -m benchmarks.startup [--rounds N] [--json]`; it exits with 1 if a claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
HELP_RATIO_LIMIT = 1.5
LISTENING_EXTRA_LIMIT_S = 1.0


@dataclass(frozen=True)
class Timing:
    """Seconds of one candidate over all rounds."""

    minimum_s: float
    median_s: float


@dataclass(frozen=True)
class Claim:
    """One claim and what was measured of it; `holds` is None where it could not be measured."""

    name: str
    value: float | None  # of the minima
    median_value: float | None
    limit: float
    unit: str
    holds: bool | None
    timings: dict[str, Timing]
    note: str = ""


def interleaved(candidates: Mapping[str, Callable[[], float]], *, n_rounds: int) -> dict[str, Timing]:
    """Time each candidate once per round, in turn, after one round that only warms the disk cache."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for round_number in range(n_rounds + 1):
        for name, candidate in candidates.items():
            elapsed_s = candidate()
            if round_number > 0:
                seconds[name].append(elapsed_s)
    return {name: Timing(min(values), statistics.median(values)) for name, values in seconds.items()}


def run_to_end(*arguments: str) -> float:
    """Give the seconds that a Python with these arguments takes from its start to its end."""
    started_at = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started_at


def run_to_listening(mic: str, speaker: str) -> float:
    """Give the seconds from the start of `voicechat talk` until it says that it listens, then end it."""
    with tempfile.TemporaryDirectory() as home:  # what it remembers of the devices is not for the user's file
        return _timed_talk(["--mic", mic, "--speaker", speaker], os.environ | {"VOICECHAT_HOME": home})


def _timed_talk(options: list[str], env: Mapping[str, str]) -> float:
    command = [sys.executable, "-m", "voicechat", "talk", "--json", *options]
    started_at = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if json.loads(line).get("state") == "listening":
                    return time.perf_counter() - started_at
        finally:
            process.terminate()
            process.communicate()  # it has last events to write
    raise SystemExit("`voicechat talk` ended before it listened")


def measure_help(n_rounds: int) -> Claim:
    """Measure `voicechat --help` beside the bare imports."""
    timings = interleaved(
        {
            "import typer, rich": lambda: run_to_end("-c", "import typer, rich"),
            "voicechat --help": lambda: run_to_end("-m", "voicechat", "--help"),
            "voicechat talk --help": lambda: run_to_end("-m", "voicechat", "talk", "--help"),
        },
        n_rounds=n_rounds,
    )
    base, ours = timings["import typer, rich"], timings["voicechat --help"]
    ratio, median_ratio = ours.minimum_s / base.minimum_s, ours.median_s / base.median_s
    return Claim("help", ratio, median_ratio, HELP_RATIO_LIMIT, "x", ratio <= HELP_RATIO_LIMIT, timings)


def measure_listening(n_rounds: int) -> Claim:
    """Measure `voicechat talk` until it listens, on the virtual sound card, beside the bare import of sounddevice."""
    from tests.soundcard import MIC, SPEAKER, SoundCard, programs_missing

    limit, unit = LISTENING_EXTRA_LIMIT_S, "s more"
    if missing := programs_missing():
        return Claim("listening", None, None, limit, unit, None, {}, f"not measured: needs {', '.join(missing)}")
    with SoundCard():
        timings = interleaved(
            {
                "import sounddevice": lambda: run_to_end("-c", "import sounddevice"),
                "voicechat talk": lambda: run_to_listening(MIC, SPEAKER),
            },
            n_rounds=n_rounds,
        )
    base, ours = timings["import sounddevice"], timings["voicechat talk"]
    extra_s, median_extra_s = ours.minimum_s - base.minimum_s, ours.median_s - base.median_s
    return Claim("listening", extra_s, median_extra_s, limit, unit, extra_s <= limit, timings)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10, help="how often each candidate is timed (10)")
    parser.add_argument("--only", choices=["help", "listening"], help="measure one claim")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()

    measures = {"help": measure_help, "listening": measure_listening}
    claims = [measure(options.rounds) for name, measure in measures.items() if options.only in (None, name)]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if options.json:
        print(json.dumps({"loadavg": load, "rounds": options.rounds, "claims": [asdict(claim) for claim in claims]}))
    else:
        print(f"{options.rounds} rounds, load {load}; minimum (median)")
        for claim in claims:
            print_claim(claim)
    sys.exit(any(claim.holds is False for claim in claims))


def print_claim(claim: Claim) -> None:
    for name, timing in claim.timings.items():
        print(f"  {name:24} {timing.minimum_s * 1000:6.0f} ms ({timing.median_s * 1000:.0f} ms)")
    if claim.value is None or claim.median_value is None:
        print(f"{claim.name}: {claim.note}")
    else:
        verdict = "holds" if claim.holds else "DOES NOT HOLD"
        print(
            f"{claim.name}: {claim.value:.2f} ({claim.median_value:.2f}) {claim.unit}, limit {claim.limit}: {verdict}"
        )


if __name__ == "__main__":
    main()
