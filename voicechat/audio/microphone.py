"""The microphone as an `AudioSource`: its own rate in, 16 kHz mono out, nothing lost without a word.

The blocks are copied by a C callback (`capture_stream.py`), the device is kept by `stream_keeper.py`; what remains here
is to fetch, to resample and to count. Knows nothing of speech.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from voicechat.audio.capture_stream import CaptureStream
from voicechat.audio.dead_microphone import DeadMicrophone, MicrophoneDied, MicrophoneRevived, describe, how_to_revive
from voicechat.audio.devices import Device
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.resample import Resampler
from voicechat.audio.stream_keeper import StreamKeeper
from voicechat.types import CAPTURE_RATE, Notice, Severity

POLL_S = 0.02  # devices deliver in bursts of 10 to 40 ms; each look costs 0.1 ms of a core
UNHURRIED_S = 0.10  # more between two reads while nobody speaks; each wakes cold code, which is what listening costs
NOTICE_EVERY_S = 1.0
MIN_LOSS_S = 0.02  # the clock tells a device's loss no more exactly than this
logger = logging.getLogger(__name__)


def ignore_notice(_notice: Notice) -> None:
    """Tell nobody."""


class LossEstimate:
    """Estimate what a device lost by its own account, from the clock; pure.

    A device that reports an overflow does not say how much it lost. What should have come by now, less what has
    come, wavers by a block or two as long as all is well; what it gains across an overflow is the loss.
    """

    def __init__(self) -> None:
        self._n_overflows = 0
        self._largest_lag_s: float | None = None  # since the last overflow

    def update(self, *, elapsed_s: float, captured_s: float, n_overflows: int) -> float:
        """Give the seconds lost since the last call."""
        lag_s = elapsed_s - captured_s
        known = self._largest_lag_s
        if n_overflows == self._n_overflows or known is None:
            self._n_overflows = n_overflows
            self._largest_lag_s = lag_s if known is None else max(known, lag_s)
            return 0.0
        self._n_overflows = n_overflows
        self._largest_lag_s = max(known, lag_s)
        return max(lag_s - known, MIN_LOSS_S)


class LossReport:
    """Gather losses into a notice, at most once a second; pure."""

    def __init__(self) -> None:
        self._unsaid_s = 0.0
        self._said_at = -NOTICE_EVERY_S

    def update(self, lost_s: float, now: float) -> str | None:
        """Give the line to show now, if any."""
        self._unsaid_s += lost_s
        if not self._unsaid_s or now - self._said_at < NOTICE_EVERY_S:
            return None
        text = f"{self._unsaid_s * 1000:.0f} ms of the microphone's sound were lost"
        self._unsaid_s, self._said_at = 0.0, now
        return text


class Microphone:
    """Capture a microphone at its own rate; read it at 16 kHz mono.

    `read()` and `discard()` belong to one thread, `close()` to any.

    Args:
        wanted: a name, a part of one or an index; None is the default microphone.
        buffer_ms: how much the device itself holds. Small buffers lose audio when the machine is busy.
        wait: whether to wait for a microphone that went away; otherwise `read()` raises.
        notify: gets a line for the user: a lost device, lost audio, a microphone that is mute.
        sample_rate: Hz to open the device at, None for its own.
        backend: what copies the blocks, `callback_backend()` by default.

    Attributes:
        lost_s: how much audio never reached a reader, in all.

    Raises:
        AudioDeviceError: If there is no such microphone or it cannot be opened.
    """

    def __init__(
        self,
        portaudio: PortAudio,
        wanted: str | int | None = None,
        *,
        buffer_ms: int = 100,
        wait: bool = True,
        notify: Callable[[Notice], None] = ignore_notice,
        sample_rate: int | None = None,
        backend: object = None,
    ) -> None:
        self.lost_s = 0.0
        self._notify = notify
        # Serializes use of the stream's ring against the stream being taken away by close() or a refresh.
        self._lock = threading.Lock()
        self._stream: CaptureStream | None = None  # what the state below belongs to
        self._resampler = Resampler(CAPTURE_RATE, CAPTURE_RATE)
        self._dead = DeadMicrophone(CAPTURE_RATE)
        self._n_deaths = 0  # of this stream's
        self._n_pushed = 0  # samples into the resampler, at the device's rate
        self._n_pulled = 0  # samples out of it, at 16 kHz
        self._loss = LossEstimate()
        self._report = LossReport()
        self._n_lost_before = 0  # samples of the stream's n_lost that are counted in lost_s

        def open_stream(device: Device) -> CaptureStream:
            return CaptureStream(device, buffer_ms=buffer_ms, sample_rate=sample_rate, backend=backend)

        self._keeper = StreamKeeper(portaudio, "input", wanted, open_stream, lock=self._lock, wait=wait, notify=notify)
        self._adopt(self._keeper.stream)

    @property
    def device(self) -> Device:
        return self._keeper.device

    @property
    def sample_rate(self) -> int:
        """Hz, at which the device runs."""
        return self._resampler.from_rate

    @property
    def latency_s(self) -> float:
        """Seconds between a sound and its sample leaving `read()`: the device's part and the resampler's."""
        with self._lock:
            stream = self._keeper.stream
            device_s = stream.age_s() if stream is not None else 0.0
        return device_s + self._n_pushed / self._resampler.from_rate - self._n_pulled / CAPTURE_RATE

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        """Wait for audio: float32 (n,), n >= 1, mono at 16 kHz. None once closed.

        Args:
            unhurried: wait for 120 ms rather than 20.

        Raises:
            AudioDeviceError: If the microphone went away and is not waited for.
        """
        if unhurried:
            self._keeper.closed.wait(UNHURRIED_S)
        while True:
            stream = self._keeper.live_stream()
            if stream is None:
                return None
            if stream is not self._stream:
                self._lose(self._keeper.stalled_s)
                self._adopt(stream)
            with self._lock:
                samples = stream.read() if self._keeper.stream is stream else np.zeros(0, np.float32)
            self._count_losses(stream)
            if len(samples):
                self._tell_of_death(self._dead.push(samples))
                resampled = self._resampler.push(samples)
                self._n_pushed += len(samples)
                self._n_pulled += len(resampled)
                if len(resampled):
                    return resampled
            self._keeper.closed.wait(POLL_S)

    def discard(self) -> None:
        """Forget what was captured up to now and not read yet; none of it counts as lost."""
        with self._lock:
            stream = self._keeper.stream
            if stream is None:
                return
            stream.discard()
        self._adopt(stream)

    def close(self) -> None:
        """Release the device; a blocked `read()` gives None. Idempotent, from any thread, some seconds at most."""
        self._keeper.close()

    def _adopt(self, stream: CaptureStream | None) -> None:
        """Start afresh with a stream: nothing that was read before touches what comes now."""
        self._stream = stream
        if stream is not None:
            self._resampler = Resampler(stream.sample_rate, CAPTURE_RATE)
            self._dead, self._n_deaths = DeadMicrophone(stream.sample_rate), 0
            self._n_pushed = self._n_pulled = 0
            self._loss = LossEstimate()
            self._n_lost_before = stream.n_lost

    def _count_losses(self, stream: CaptureStream) -> None:
        n_lost, self._n_lost_before = stream.n_lost - self._n_lost_before, stream.n_lost
        by_device_s = self._loss.update(
            elapsed_s=time.monotonic() - stream.started_at,
            captured_s=stream.captured_s,
            n_overflows=stream.n_overflows,
        )
        self._lose(n_lost / stream.sample_rate + by_device_s)

    def _lose(self, lost_s: float) -> None:
        self.lost_s += lost_s
        text = self._report.update(lost_s, time.monotonic())
        if text is not None:
            logger.info("%s", text)  # no warning: the notice is what the user sees
            self._notify(Notice(text, Severity.WARNING))

    def _tell_of_death(self, event: MicrophoneDied | MicrophoneRevived | None) -> None:
        self._n_deaths += isinstance(event, MicrophoneDied)
        if event is None or self._n_deaths > 1:
            return  # once is enough: some devices give nothing at all whenever nobody speaks
        if isinstance(event, MicrophoneDied):
            text = f"the microphone {self.device.name!r} {describe(event)}; {how_to_revive()}"
            self._notify(Notice(text, Severity.WARNING))
        else:
            self._notify(Notice(f"the microphone {self.device.name!r} gives sound again"))
