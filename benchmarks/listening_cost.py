"""What it costs to listen: `voicechat talk` waiting in a terminal, its level meter moving.

Claim:
    Listening takes at most 3% of one core: capture, resampling, voice activity and the screen.

The talk runs in a terminal of its own on a virtual sound card whose microphone hears a quiet, noisy room, so that
nothing is skipped for being digital silence. The baseline in the same run is a bare sounddevice stream whose Python
callback does nothing. Run `python -m benchmarks.listening_cost [--seconds S] [--json]`; it exits with 1 on a miss.
Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.soundcard import MIC, SPEAKER, SoundCard

LIMIT_PERCENT = 3.0
SETTLE_S = 3.0  # for the engine to load and the noise floor to be learnt
RATE = 48_000
BASELINE = f"""
import sounddevice, time
with sounddevice.InputStream(device={MIC!r}, blocksize=480, channels=1, latency=0.1, callback=lambda *_: None):
    print("listening", flush=True)
    time.sleep(3600)
"""


def cpu_s(pid: int) -> float:
    """Give the processor time of a process, all its threads and its children that are running."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) == pid or int(fields[1]) == pid:
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def percent_of_a_core(command: list[str], *, seconds: float, environ: dict[str, str]) -> float:
    """Run a command in a terminal until it says that it listens, and measure it from then on."""
    main, side = pty.openpty()
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=os.environ | environ)
    os.close(side)
    listening = threading.Event()

    def read_screen() -> None:
        screen = b""
        with suppress(OSError):  # the terminal ends with the process
            while data := os.read(main, 65536):
                screen = (screen + data)[-10_000:]
                if b"listening" in screen:
                    listening.set()

    reader = threading.Thread(target=read_screen, name="benchmark-screen", daemon=True)
    reader.start()
    try:
        if not listening.wait(30):
            raise RuntimeError(f"{command} did not begin to listen")
        time.sleep(SETTLE_S)
        before_s, began_at = cpu_s(process.pid), time.monotonic()
        time.sleep(seconds)
        return 100 * (cpu_s(process.pid) - before_s) / (time.monotonic() - began_at)
    finally:
        process.kill()
        process.wait()
        reader.join()
        os.close(main)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement (default: 30)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    room = np.random.default_rng(0).normal(0, 10 ** (-55 / 20), round((2 * arguments.seconds + 30) * RATE))
    talk = [sys.executable, "-m", "voicechat", "talk", "--mic", MIC, "--speaker", SPEAKER]
    with tempfile.TemporaryDirectory() as home, SoundCard(sample_rate=RATE) as card:
        noise = card.play_into_mic(room.astype(np.float32), RATE)
        environ = {"VOICECHAT_HOME": home, "TERM": "xterm-256color"}
        ours = percent_of_a_core(talk, seconds=arguments.seconds, environ=environ)
        baseline = percent_of_a_core([sys.executable, "-c", BASELINE], seconds=arguments.seconds, environ={})
        noise.kill()
        noise.wait()
    figures = {"talk_percent": round(ours, 2), "baseline_percent": round(baseline, 2), "limit_percent": LIMIT_PERCENT}
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(f"voicechat talk, listening        {ours:5.2f} % of one core (limit {LIMIT_PERCENT:.0f} %)")
        print(f"bare stream, empty callback      {baseline:5.2f} %")
    sys.exit(ours > LIMIT_PERCENT)


if __name__ == "__main__":
    main()
