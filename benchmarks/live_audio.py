"""Frames that reach the reader and the speaker while a model is at work: our path beside a plain Python callback.

Both run at the same time, in one process, on the virtual sound card, at the same device buffer, under
(a) a matmul loop on all cores, (b) that and a JSON loop, (c) that and calls that hold the interpreter for 100 ms.
What our speaker played is taken from a recording of the card by another process, not from our own count.

    python -m benchmarks.live_audio [--seconds 60] [--buffer-ms 100] [--json]

Exits with 1 if our path delivered less than 99.9% of the frames anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.soundcard import MIC, SPEAKER, SoundCard
from voicechat.audio.microphone import Microphone
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.speaker import Speaker
from voicechat.types import CAPTURE_RATE, AudioChunk, CancelToken

MIN_SHARE = 0.999
CARD_RATE = 44_100  # Hz, what PortAudio takes for the native rate of a sound server
REPLY_RATE = 24_000
BLOCK_S = 0.01
LOUD = 0.05  # a tenth of the tone, in a block of the recording
SETTLE_S = 1.0


def matmul_load(stop: threading.Event) -> None:
    """Multiply matrices; the library uses every core and lets the interpreter go meanwhile."""
    a = np.random.default_rng(0).standard_normal((1024, 1024)).astype(np.float32)
    while not stop.is_set():
        a = a @ a
        a /= np.abs(a).max()


def json_load(stop: threading.Event) -> None:
    """Take and give back the interpreter all the time."""
    tree = {str(i): list(range(20)) for i in range(2000)}
    while not stop.is_set():
        json.loads(json.dumps(tree))


def holding_load(stop: threading.Event) -> None:
    """Hold the interpreter for 100 ms at a time: one call into C that never lets it go."""
    while not stop.is_set():
        sorted(HELD)


def values_that_take(seconds: float) -> list[float]:
    """Give a list that takes so long to sort, on a machine that does nothing else."""
    values: list[float] = np.random.default_rng(0).random(400_000).tolist()
    taken_s = min(timeit.repeat(lambda: sorted(values), number=1, repeat=3))
    return values[: round(len(values) * min(1.0, seconds / taken_s))]


HELD: list[float] = []  # what holding_load sorts
LOADS: dict[str, list[Callable[[threading.Event], None]]] = {
    "matmul": [matmul_load],
    "matmul + json": [matmul_load, json_load],
    "matmul + json + 100 ms holds": [matmul_load, json_load, holding_load],
}


class Listening:
    """Reads our microphone on a thread and counts what came, against the clock."""

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self._arrivals: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._run, name="bench-listen")
        self._thread.start()

    def stop(self) -> float:
        """Give the share of the frames that came.

        Arrivals come in bursts; how far the freshest ones lag behind the clock at the end, compared with the
        beginning, is what was lost.
        """
        self._microphone.close()
        self._thread.join()
        ats = np.array([at for at, _n in self._arrivals])
        lags_s = ats - np.cumsum([n for _at, n in self._arrivals]) / CAPTURE_RATE
        lost_s = lags_s[ats > ats[-1] - SETTLE_S].min() - lags_s[ats < ats[0] + SETTLE_S].min()
        return float(1 - lost_s / (ats[-1] - ats[0]))

    def _run(self) -> None:
        while (samples := self._microphone.read()) is not None:
            self._arrivals.append((time.monotonic(), len(samples)))


class Speaking:
    """Writes a tone to our speaker on a thread, a second at a time; a recording tells how much of it came out."""

    def __init__(self, card: SoundCard, speaker: Speaker) -> None:
        self._speaker = speaker
        self._cancel = CancelToken()
        self._recording = card.record_speaker()
        self._thread = threading.Thread(target=self._run, name="bench-speak")
        self._thread.start()

    def stop(self) -> float:
        """Give the share of the recorded blocks between the first and the last sound that hold sound."""
        self._cancel.cancel()
        self._thread.join()
        samples = self._recording.stop()
        n = round(BLOCK_S * self._recording.sample_rate)
        blocks = np.abs(samples[: len(samples) // n * n]).reshape(-1, n).max(axis=1) > LOUD
        heard = np.flatnonzero(blocks)
        self._speaker.close()
        return len(heard) / (heard[-1] - heard[0] + 1) if len(heard) else 0.0

    def _run(self) -> None:
        tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(REPLY_RATE) / REPLY_RATE)).astype(np.float32)
        while not self._cancel.cancelled:
            self._speaker.write(AudioChunk(tone, REPLY_RATE), self._cancel)


class PythonCallbacks:
    """What one writes without thinking of the interpreter: a Python callback per direction, silence out."""

    def __init__(self, portaudio: PortAudio, *, buffer_ms: int) -> None:
        import sounddevice

        self._n_in = self._n_out = 0
        self._begun_at = 0.0
        options: dict[str, Any] = {
            "samplerate": CARD_RATE,
            "blocksize": round(CARD_RATE * BLOCK_S),
            "channels": 1,
            "latency": buffer_ms / 1000,
        }
        self._input = sounddevice.InputStream(
            device=portaudio.find(MIC, "input").index, callback=self._on_input, **options
        )
        self._output = sounddevice.OutputStream(
            device=portaudio.find(SPEAKER, "output").index, callback=self._on_output, **options
        )
        self._input.start()
        self._output.start()

    def begin(self) -> None:
        """Count from now on."""
        self._n_in = self._n_out = 0
        self._begun_at = time.monotonic()

    def stop(self) -> tuple[float, float]:
        """Give the shares of the frames that were captured and played."""
        expected = (time.monotonic() - self._begun_at) * CARD_RATE
        shares = min(1.0, self._n_in / expected), min(1.0, self._n_out / expected)
        self._input.abort()
        self._output.abort()
        self._input.close()
        self._output.close()
        return shares

    def _on_input(self, _indata: np.ndarray, frames: int, _time: Any, _status: Any) -> None:
        self._n_in += frames

    def _on_output(self, outdata: np.ndarray, frames: int, _time: Any, _status: Any) -> None:
        outdata.fill(0)
        self._n_out += frames


def measure(card: SoundCard, portaudio: PortAudio, load: str, *, seconds: float, buffer_ms: int) -> dict[str, Any]:
    """Run both paths under one load; shares of the frames, 1 is all of them."""
    microphone = Microphone(portaudio, MIC, buffer_ms=buffer_ms)
    speaker = Speaker(portaudio, SPEAKER, buffer_ms=buffer_ms)
    python = PythonCallbacks(portaudio, buffer_ms=buffer_ms)
    stop = threading.Event()
    loads = [threading.Thread(target=work, args=(stop,), name="bench-load") for work in LOADS[load]]
    time.sleep(SETTLE_S)
    microphone.discard()
    # Both ends of the count lie outside the load: a reader that is held up counts late, and loses nothing.
    listening, speaking = Listening(microphone), Speaking(card, speaker)
    python.begin()
    time.sleep(SETTLE_S)
    for thread in loads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in loads:
        thread.join()
    python_in, python_out = python.stop()
    time.sleep(SETTLE_S)
    ours_in, ours_out = listening.stop(), speaking.stop()
    return {
        "load": load,
        "ours_in": min(1.0, ours_in),
        "ours_out": ours_out,
        "python_in": python_in,
        "python_out": python_out,
        "ours_lost_s": microphone.lost_s,
        "load_average": os.getloadavg()[0],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0, help="per load")
    parser.add_argument("--buffer-ms", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="print JSON and no table")
    options = parser.parse_args()
    results = []
    HELD.extend(values_that_take(0.1))
    if not options.json:
        print(f"{options.seconds:.0f} s each, device buffer {options.buffer_ms} ms; % of frames, microphone / speaker")
        print(f"{'load':30s} {'voicechat':>17s} {'Python callback':>17s}   load average")
    with SoundCard(sample_rate=CARD_RATE) as card, PortAudio() as portaudio:
        portaudio.rescan()
        for load in LOADS:
            result = measure(card, portaudio, load, seconds=options.seconds, buffer_ms=options.buffer_ms)
            results.append(result)
            if not options.json:
                print(
                    f"{load:30s} {100 * result['ours_in']:7.2f} / {100 * result['ours_out']:7.2f}"
                    f" {100 * result['python_in']:7.1f} / {100 * result['python_out']:7.1f}"
                    f"   {result['load_average']:.1f}",
                    flush=True,
                )
    if options.json:
        print(json.dumps(results, indent=2))
    reached = all(min(result["ours_in"], result["ours_out"]) >= MIN_SHARE for result in results)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
