"""A sound device that runs when a test says so: the Python callbacks of voicechat on a stream without PortAudio."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from voicechat.audio import python_callback
from voicechat.audio.devices import Device, Kind
from voicechat.audio.ring_buffer import RingBuffer
from voicechat.audio.streams import driver_error
from voicechat.errors import AudioDeviceError

RATE = 48_000
BLOCK = 480
LATENCY_S = 0.1


def device(kind: Kind = "input", **changes: Any) -> Device:
    values: dict[str, Any] = {
        "index": 0, "name": "fake", "kind": kind, "host_api": "none", "channels": 1, "sample_rate": RATE,
        "is_default": True, "in_default_api": True,
    }  # fmt: skip
    return Device(**(values | changes))


class FakeStream:
    """What sounddevice would give: a clock that the test moves, and that fails once the device is `pulled`."""

    def __init__(self, *, samplerate: int, channels: int, blocksize: int, latency: float, device: int) -> None:
        self.samplerate = float(samplerate)
        self.channels = channels
        self.blocksize = blocksize
        self.latency = latency
        self.active = False
        self.closed = False
        self.pulled = False
        self._time = 100.0

    @property
    def time(self) -> float:
        if self.pulled:
            raise driver_error()("no stream time")
        return self._time

    @time.setter
    def time(self, value: float) -> None:
        self._time = value

    @property
    def active(self) -> bool:
        if self.pulled:
            raise driver_error()("no such device")
        return self._active

    @active.setter
    def active(self, value: bool) -> None:
        self._active = value

    def start(self) -> None:
        if self.pulled:
            raise driver_error()("no such device")
        self.active = True

    def abort(self) -> None:
        self.active = False
        if self.pulled:
            raise driver_error()("no such device")

    def close(self) -> None:
        self.active = False
        self.closed = True


class DeviceClock:
    """Stands in for StreamClock, which trusts that both clocks run."""

    def __init__(self, stream: Any, monotonic: Any = None) -> None:
        self._stream = stream

    def now(self) -> float:
        return float(self._stream.stream.time)


class Backend:
    """Stands in for rtmixer; keeps the streams that were opened.

    Args:
        refuse: formats (rate, channels) that cannot be opened.
    """

    RingBuffer = RingBuffer

    def __init__(self, *, refuse: set[tuple[int, int]] | None = None) -> None:
        self.refuse = refuse or set()
        self.recorders: list[Any] = []
        self.mixers: list[Any] = []
        self.gone = False

    def Recorder(self, **kwargs: Any) -> Any:  # noqa: N802 (rtmixer's name)
        return self._open(python_callback.Recorder, self.recorders, kwargs)

    def Mixer(self, **kwargs: Any) -> Any:  # noqa: N802
        return self._open(python_callback.Mixer, self.mixers, kwargs)

    def capture(self, samples: np.ndarray, *, recorder: int = -1, overflow: bool = False) -> None:
        """Let the microphone take one block (n, channels) and its clock go on."""
        stream = self.recorders[recorder]
        times = SimpleNamespace(inputBufferAdcTime=stream.stream.time)
        stream.on_block(samples, len(samples), times, SimpleNamespace(input_overflow=overflow))
        stream.stream.time += len(samples) / stream.stream.samplerate

    def play(self, n: int = BLOCK, *, mixer: int = 0) -> np.ndarray:
        """Let the speaker ask for one block, heard LATENCY_S later, and its clock go on; give the block."""
        stream = self.mixers[mixer]
        out = np.zeros((n, stream.stream.channels), np.float32)
        times = SimpleNamespace(outputBufferDacTime=stream.stream.time + LATENCY_S)
        if stream.stream.active:
            stream.on_block(out, n, times, SimpleNamespace(output_underflow=False))
        for one in self.mixers:
            one.stream.time += n / stream.stream.samplerate
        return out

    def _open(self, make: Any, opened: list[Any], kwargs: Any) -> Any:
        if self.gone or (kwargs["samplerate"], kwargs["channels"]) in self.refuse:
            raise driver_error()("refused")
        stream = make.__new__(make)
        python_callback._Stream.__init__(stream)
        stream.stream = FakeStream(**kwargs)
        opened.append(stream)
        return stream


class FakePortAudio:
    """Has one device per kind, for as long as `present`."""

    def __init__(self, backend: Backend) -> None:
        import threading

        self.lock = threading.RLock()
        self.backend = backend
        self.tenants: list[Any] = []
        self.n_rescans = 0

    def find(self, wanted: str | int | None, kind: Kind) -> Device:
        if self.backend.gone:
            raise AudioDeviceError("no device")
        return device(kind)

    def add(self, tenant: Any) -> None:
        self.tenants.append(tenant)

    def remove(self, tenant: Any) -> None:
        if tenant in self.tenants:
            self.tenants.remove(tenant)

    def rescan_for(self, tenant: Any, name: str, kind: Kind, *, give_up: Any) -> None:
        self.n_rescans += 1

    def close_stream(self, stream: Any) -> None:
        stream.close()

    def leave_behind(self) -> None:
        raise AssertionError("no fake device hangs")
