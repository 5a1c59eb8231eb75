"""The little of rtmixer that voicechat uses, in Python, for machines without its wheel (Windows on ARM).

The names are rtmixer's, so nobody else can tell them apart. A Python callback waits for the interpreter lock:
while a model runs it loses most blocks, which the C callback does not. It is the fallback, not the path.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from voicechat.audio.ring_buffer import RingBuffer

__all__ = ["Mixer", "Recorder", "RingBuffer"]


class Action:
    """One run of copying between the device and a ring; it ends when the ring is full, or empty."""

    def __init__(self, ring: RingBuffer) -> None:
        self.ring = ring
        self.actual_time = -1.0  # of its first frame at the converter, on the stream's clock
        self.done_frames = 0
        self.stats = SimpleNamespace(blocks=0)


class _Stream:
    """What both directions share: the callback's bookkeeping. The callback thread alone changes counters."""

    def __init__(self) -> None:
        self._state = SimpleNamespace(stats=SimpleNamespace(blocks=0, input_overflows=0, output_underflows=0))
        self._running: list[Action] = []
        self.stream: Any = None

    @property
    def actions(self) -> list[Action]:
        return list(self._running)

    def __getattr__(self, name: str) -> Any:
        # start, abort, close, active, time and latency are the stream's own.
        return getattr(self.__dict__["stream"], name)

    def _begin_block(self, first_frame_at: float) -> list[Action]:
        self._state.stats.blocks += 1
        running = self._running[:]
        for action in running:
            action.stats.blocks += 1
            if action.done_frames == 0:
                action.actual_time = first_frame_at
        return running

    def _count(self, action: Action, n: int, n_wanted: int) -> None:
        action.done_frames += n
        if n < n_wanted:
            self._running.remove(action)


class Recorder(_Stream):
    """An input stream that copies into ring buffers; the keyword arguments are `sounddevice.InputStream`'s."""

    def __init__(self, **kwargs: Any) -> None:
        import sounddevice

        super().__init__()
        self.stream = sounddevice.InputStream(dtype="float32", callback=self.on_block, **kwargs)

    def record_ringbuffer(self, ringbuffer: RingBuffer) -> Action:
        action = Action(ringbuffer)
        self._running.append(action)
        return action

    def on_block(self, indata: np.ndarray, frames: int, time: Any, status: Any) -> None:
        """Copy one block. Runs on PortAudio's thread."""
        self._state.stats.input_overflows += bool(status.input_overflow)
        for action in self._begin_block(time.inputBufferAdcTime):
            self._count(action, action.ring.write(indata), frames)


class Mixer(_Stream):
    """An output stream that plays ring buffers; the keyword arguments are `sounddevice.OutputStream`'s."""

    def __init__(self, **kwargs: Any) -> None:
        import sounddevice

        super().__init__()
        self.stream = sounddevice.OutputStream(dtype="float32", callback=self.on_block, **kwargs)

    def play_ringbuffer(self, ringbuffer: RingBuffer) -> Action:
        action = Action(ringbuffer)
        self._running.append(action)
        return action

    def on_block(self, outdata: np.ndarray, frames: int, time: Any, status: Any) -> None:
        """Fill one block. Runs on PortAudio's thread."""
        self._state.stats.output_underflows += bool(status.output_underflow)
        outdata.fill(0)
        for action in self._begin_block(time.outputBufferDacTime):
            taken = action.ring.read(frames).view(np.float32).reshape(-1, outdata.shape[1])
            outdata[: len(taken)] += taken
            self._count(action, len(taken), frames)
