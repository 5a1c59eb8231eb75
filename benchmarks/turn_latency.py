"""What voicechat itself adds to a turn, between the end of the user's words and the first sound of the reply.

Claims:
    From the end of the speech to the engine knowing that the turn is over: the configured end silence + 30 ms at most.
    From the first AudioDelta to its first sample being heard: the device's own buffer + 30 ms at most.

Sentences come at the pace of a microphone through the real listener and session; an engine that answers at once
notes the times; the reply goes to the real speaker, on a virtual sound card. The floors are the end silence and the
buffer alone. Run `python -m benchmarks.turn_latency [--turns N] [--json]`; it exits with 1 if a claim's p99 misses.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tests.soundcard import SPEAKER, SoundCard
from tests.speaking import spoken, write_audio
from voicechat.audio.file_source import FileSource
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.speaker import Speaker
from voicechat.endpointer import Endpointer
from voicechat.event_stream import EventStream
from voicechat.listener import Listener
from voicechat.session import Session
from voicechat.types import CAPTURE_RATE, AudioChunk, AudioDelta, Message, ReplyEvent, TurnDone
from voicechat.utterance import Utterance
from voicechat.vad import webrtc

END_SILENCE_MS = 500
BUFFER_MS = 100
LIMIT_MS = 30.0
SENTENCES = ("what time is it", "flip a coin", "how many miles is ten kilometers", "tell me about yourself")
AUDIBLE = 10 ** (-40 / 20)  # the speech ends with the last sample above this


@dataclass(frozen=True)
class Spread:
    """Milliseconds of one wait over all turns."""

    p50_ms: float
    p99_ms: float
    limit_ms: float
    floor_ms: float
    n_turns: int

    @property
    def holds(self) -> bool:
        return self.p99_ms <= self.limit_ms


class PacedFile:
    """A file at the pace of a microphone that knows when each of its samples was due."""

    def __init__(self, path: Path) -> None:
        self._source = FileSource([path], notify=print, gap_s=END_SILENCE_MS / 1000 + 0.3, realtime=True)
        self.speech_ended_at = 0.0  # time.monotonic() at which it was read

    @property
    def latency_s(self) -> float:
        return 0.0

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        block = self._source.read(unhurried=unhurried)
        if block is not None:
            audible = np.flatnonzero(np.abs(block) > AUDIBLE)
            if len(audible):
                after_s = (len(block) - 1 - int(audible[-1])) / CAPTURE_RATE
                self.speech_ended_at = time.monotonic() - after_s
        return block

    def discard(self) -> None:
        self._source.discard()

    def close(self) -> None:
        self._source.close()


class InstantEngine:
    """Answers with a tone as soon as it knows that the turn is over."""

    def __init__(self, source: PacedFile) -> None:
        self._source = source
        self.notified_after_s: list[float] = []
        self.spoke_at: list[float] = []

    def respond(self, utterance: Utterance, _history: Sequence[Message]) -> Generator[ReplyEvent, None, None]:
        utterance.audio()
        self.notified_after_s.append(time.monotonic() - self._source.speech_ended_at)
        tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(4800) / 24_000)
        self.spoke_at.append(time.monotonic())
        yield AudioDelta(AudioChunk(tone.astype(np.float32), 24_000))

    def close(self) -> None:
        pass


def measure(path: Path) -> dict[str, Spread]:
    """Hold the talk and give both waits."""
    source = PacedFile(path)
    engine = InstantEngine(source)
    vad = webrtc.load(webrtc.Options())
    endpointer = Endpointer(frame_ms=vad.frame_samples / CAPTURE_RATE * 1000, end_silence_ms=END_SILENCE_MS)
    events = EventStream()
    heard_after_s: list[float] = []
    with PortAudio() as portaudio:
        speaker = Speaker(portaudio, SPEAKER, buffer_ms=BUFFER_MS)
        session = Session(
            source=source,
            sink=speaker,
            listener=Listener(vad, endpointer, pre_roll_ms=300),
            load_engine=lambda: engine,
            events=events,
        )
        session.start()
        while not events.ended:
            event = events.next()
            if isinstance(event, TurnDone) and speaker.first_heard_at is not None:
                heard_after_s.append(speaker.first_heard_at - engine.spoke_at[-1])
        session.close()
    return {
        "end of speech -> engine knows": _spread(engine.notified_after_s, floor_ms=END_SILENCE_MS),
        "first AudioDelta -> first sound": _spread(heard_after_s, floor_ms=BUFFER_MS),
    }


def _spread(seconds: list[float], *, floor_ms: float) -> Spread:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return Spread(round(cuts[49] * 1000, 1), round(cuts[98] * 1000, 1), floor_ms + LIMIT_MS, floor_ms, len(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=40, help="how many (default: 40, two minutes)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    sentences = [spoken(text) for text in SENTENCES]
    pause = AudioChunk(np.zeros(sentences[0].sample_rate, np.float32), sentences[0].sample_rate)
    with tempfile.TemporaryDirectory() as folder, SoundCard():
        path = Path(folder) / "speech.wav"
        turns = [sentences[index % len(sentences)] for index in range(arguments.turns)]
        write_audio(path, pause, *(chunk for turn in turns for chunk in (turn, pause)))
        spreads = measure(path)
    if arguments.json:
        print(json.dumps({name: asdict(spread) | {"holds": spread.holds} for name, spread in spreads.items()}))
    else:
        for name, s in spreads.items():
            figures = f"p50 {s.p50_ms:6.1f}  p99 {s.p99_ms:6.1f}  floor {s.floor_ms:5.0f}  limit {s.limit_ms:5.0f} ms"
            print(f"{name:34}{figures}  {s.n_turns} turns  {'holds' if s.holds else 'MISSED'}")
    sys.exit(not all(spread.holds for spread in spreads.values()))


if __name__ == "__main__":
    main()
