"""A microphone and a speaker with clocks, buffers and faults of their own, faster than time: nobody ever waits.

The speaker is driven through `PlaybackStream` itself, on Python callbacks; the microphone is an `AudioSource`. Whoever
reads the microphone moves the time. What the devices tell of themselves may differ from what they do.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks._rooms import BLOCK, Acoustics, Decimator, Room
from tests.audio.fake_device import Backend, device
from voicechat.audio.echo_reference import EchoReference
from voicechat.audio.playback_stream import PlaybackStream
from voicechat.audio.speaker import PlayQueue
from voicechat.types import CAPTURE_RATE

SPEAKER_RATE = 48_000
SPEAKER_BLOCK = SPEAKER_RATE // 100
TICK_S = 0.01
READ_TICKS = (1, 2, 3)  # between two reads: the poll of a microphone is not in step with anything
UNHURRIED_TICKS = 12
PHASE_S = 0.0037  # by which a device's blocks are out of step with ours
OFF_S = 0.2  # for which a speaker is away
NEVER = float("inf")


@dataclass(frozen=True)
class Devices:
    """How the devices are, and what they tell.

    Attributes:
        output_s: from the callback to the ear; `told_output_s`: what the driver says of it.
        input_s: from the microphone to the callback; `told_input_s`: likewise.
        drift_ppm: by which the speaker's clock is fast.
        burst: how many blocks of 10 ms the speaker asks for at once.
        jump_at_s: when the way to the ear becomes `jump_s` longer, and nobody tells.
        stall_every_s: how often the speaker stands still for `stall_s`, because it ran dry.
        restart_every_s: how often it goes away for `OFF_S` and forgets what it had not played.
    """

    output_s: float = 0.1
    input_s: float = 0.05
    told_output_s: float = 0.1
    told_input_s: float = 0.05
    drift_ppm: float = 0.0
    burst: int = 2
    jump_at_s: float = NEVER
    jump_s: float = 0.06
    stall_every_s: float = NEVER
    stall_s: float = 0.02
    restart_every_s: float = NEVER


class SimulatedSpeaker:
    """Plays what is said, on a simulated device.

    Attributes:
        consumed: what the device asked for in the last tick, float32 (n,) at 48 kHz: all that a callback sees.
    """

    def __init__(self, devices: Devices, reference: EchoReference | None) -> None:
        self.consumed = np.zeros(0, np.float32)
        self._devices = devices
        self._reference = reference
        self._backend = Backend()
        self._queue = PlayQueue()
        self.now_s = 0.0
        self._rate = SPEAKER_RATE * (1 + devices.drift_ppm * 1e-6)
        self._lag_s = devices.output_s  # from the callback to the ear
        self._jumped = False
        self._next_stall_s = devices.stall_every_s
        self._next_restart_s = devices.restart_every_s
        self._away_until_s = 0.0
        self._heard = np.zeros(0)  # what will be heard, at 48 kHz of the device, from self._heard_from_s on
        self._heard_from_s = 0.0
        self._begun_s = 0.0  # when the callback was first called, had it never stood still
        self._n_blocks = 0  # since then
        self._dry = False
        self._n_queued = 0  # samples heard before this stream
        self._n_settled = 0
        self._stream: PlaybackStream | None = self._open()

    @property
    def idle(self) -> bool:
        """Whether all that was said has been heard."""
        return not len(self._queue)

    def say(self, samples: np.ndarray) -> None:
        """Queue float32 (n,) at 48 kHz."""
        self._queue.append(samples)

    def flush(self) -> None:
        """Be silent at once, and forget the rest."""
        if self._stream is not None:
            self._settle()
            self._stream.abort()
            self._forget_buffer()
            self._begun_s = self.now_s + PHASE_S
            self._n_blocks = 0
        self._queue.clear()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def tick(self) -> np.ndarray:
        """Move on by 10 ms; give what is heard in them, float64 (480,) at the world's 48 kHz."""
        self.now_s += TICK_S
        self._befall()
        if self._stream is not None:
            self._pump()
        self.consumed = self._call_back()
        return self._ear()

    def _befall(self) -> None:
        """Let happen what is due."""
        if not self._jumped and self.now_s >= self._devices.jump_at_s:
            self._jumped = True
            self._lag_s += self._devices.jump_s
            n = round(self._devices.jump_s * self._rate)
            self._heard = np.concatenate([self._heard, np.zeros(n)])
        if self.now_s >= self._next_stall_s:
            self._next_stall_s += self._devices.stall_every_s
            self._begun_s += self._devices.stall_s
            self._heard = np.concatenate([self._heard, np.zeros(round(self._devices.stall_s * self._rate))])
            self._dry = True
        if self.now_s >= self._next_restart_s and self._stream is not None:
            self._next_restart_s += self._devices.restart_every_s
            self._settle()
            self._stream.close()
            self._stream = None
            self._queue.rewind()
            self._forget_buffer()
            self._away_until_s = self.now_s + OFF_S
        if self._stream is None and self.now_s >= self._away_until_s:
            self._stream = self._open()

    def _forget_buffer(self) -> None:
        """What the device holds is never heard."""
        n = max(0, round((self.now_s - self._heard_from_s) * self._rate))
        self._heard = self._heard[:n]

    def _open(self) -> PlaybackStream:
        self._begun_s = self.now_s + PHASE_S
        self._n_blocks = self._n_settled = 0
        stream = PlaybackStream(
            device("output", sample_rate=SPEAKER_RATE),
            buffer_ms=round(1000 * self._devices.told_output_s) or 1,
            backend=self._backend,
            reference=self._reference,
            monotonic=lambda: self.now_s,
        )
        self._mixer: Any = self._backend.mixers[-1]
        return stream

    def _pump(self) -> None:
        assert self._stream is not None
        self._mixer.stream.time = self.now_s
        self._settle()
        self._stream.tend()
        n_taken = 1
        while self._queue.n_waiting and n_taken:
            n_taken = self._stream.write(self._queue.next_piece())
            self._queue.gave(n_taken)

    def _settle(self) -> None:
        assert self._stream is not None
        self._mixer.stream.time = self.now_s
        n_heard = min(int(self._stream.n_heard()), self._n_settled + len(self._queue) - self._queue.n_waiting)
        self._queue.heard(n_heard - self._n_settled)
        self._n_settled = n_heard

    def _call_back(self) -> np.ndarray:
        """Let the device ask for what it needs by now."""
        out = [np.zeros(0, np.float32)]
        due = (self.now_s - self._begun_s) * self._rate / SPEAKER_BLOCK if self._stream is not None else 0.0
        while self._n_blocks < due:
            for _ in range(self._devices.burst):
                block = np.zeros((SPEAKER_BLOCK, 1), np.float32)
                heard_at = self._begun_s + self._n_blocks * SPEAKER_BLOCK / self._rate
                times = SimpleNamespace(outputBufferDacTime=heard_at + self._devices.told_output_s)
                self._mixer.on_block(block, SPEAKER_BLOCK, times, SimpleNamespace(output_underflow=self._dry))
                self._dry = False
                self._to_ear(heard_at + self._lag_s, block[:, 0])
                self._n_blocks += 1
                out.append(block[:, 0])
        return np.concatenate(out)

    def _to_ear(self, at_s: float, block: np.ndarray) -> None:
        """Put a block where it will be heard."""
        begin = round((at_s - self._heard_from_s) * self._rate)
        missing = begin + len(block) - len(self._heard)
        if missing > 0:
            self._heard = np.concatenate([self._heard, np.zeros(missing)])
        self._heard[begin : begin + len(block)] = block

    def _ear(self) -> np.ndarray:
        """Give what is heard in this tick, by the world's clock."""
        at_s = self.now_s - TICK_S + np.arange(SPEAKER_BLOCK) / SPEAKER_RATE
        positions = (at_s - self._heard_from_s) * self._rate
        heard = np.zeros(SPEAKER_BLOCK)
        if len(self._heard):
            heard = np.interp(positions, np.arange(len(self._heard)), self._heard, left=0, right=0)
        n_over = int(positions[-1]) - 2
        if n_over > 0:
            self._heard = self._heard[n_over:]
            self._heard_from_s += n_over / self._rate
        return heard


class SimulatedMicrophone:
    """An `AudioSource` in a room with a speaker.

    Attributes:
        consumed: for each tick what the speaker's callback was asked for, float32 (n,) at 48 kHz.
        captured: for each tick what the microphone's callback got, float64 (n,).
        echo: what the speaker alone left in the capture, in the same order.
        cpu_s: processor time that all this took.
    """

    def __init__(self, devices: Devices, room: Room, speaker: SimulatedSpeaker, *, near: np.ndarray) -> None:
        self._devices = devices
        self._speaker = speaker
        self._near = near
        self._acoustics = Acoustics(room)
        self._decimator = Decimator()
        self._rng = np.random.default_rng(0)
        self._n_ticks = 0
        self._on_the_way: deque[tuple[float, np.ndarray, np.ndarray]] = deque()  # (at, capture, echo)
        self.consumed: list[np.ndarray] = []
        self.captured: list[np.ndarray] = []
        self.echo: list[np.ndarray] = []
        self.cpu_s = 0.0
        self.closed = False

    @property
    def latency_s(self) -> float:
        return self._devices.told_input_s

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        """Move the time on until a burst has come."""
        if self.closed:
            return None
        blocks: list[np.ndarray] = []
        n_ticks = UNHURRIED_TICKS if unhurried else int(self._rng.choice(READ_TICKS))
        while len(blocks) < n_ticks:
            started = time.process_time()
            self._tick()
            self.cpu_s += time.process_time() - started
            ready = [np.zeros(0)]
            while self._on_the_way and self._on_the_way[0][0] <= self._speaker.now_s + 1e-9:
                _at, capture, echo = self._on_the_way.popleft()
                ready.append(capture)
                self.echo.append(echo)
            blocks.append(np.concatenate(ready))
            self.captured.append(blocks[-1])
        samples = np.concatenate(blocks)
        return samples.astype(np.float32) if len(samples) else self.read(unhurried=unhurried)

    def forget(self) -> None:
        """Keep nothing of what was read so far."""
        for kept in (self.consumed, self.captured, self.echo):
            kept.clear()

    def discard(self) -> None:
        self._on_the_way.clear()

    def close(self) -> None:
        self.closed = True

    def _tick(self) -> None:
        heard = self._decimator.push(self._speaker.tick())
        self.consumed.append(self._speaker.consumed)
        echo = self._acoustics.echo(heard)
        near = self._near[self._n_ticks * BLOCK : (self._n_ticks + 1) * BLOCK]
        capture = echo + self._acoustics.noise()
        capture[: len(near)] += near
        capture = np.round(np.clip(capture, -1, 32767 / 32768) * 32768) / 32768
        self._on_the_way.append((self._speaker.now_s + self._devices.input_s, capture, echo))
        self._n_ticks += 1
        if self._n_ticks * BLOCK >= len(self._near):
            self.closed = True


assert CAPTURE_RATE == BLOCK * 100
