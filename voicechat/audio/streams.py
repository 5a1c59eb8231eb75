"""How a stream to a device is opened: which callback copies the blocks, which rate and channels, with which priority.

The callback is rtmixer's, in C: it copies between the device and PortAudio's ring buffer and needs neither the
interpreter lock nor memory. What `capture_stream.py` and `playback_stream.py` read from its structures (`done_frames`,
`actual_time`, `blocks`) are counters and clocks that only it writes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from voicechat.audio.devices import ROLES, Device
from voicechat.audio.priority import run_callback_first
from voicechat.errors import AudioDeviceError

BLOCK_MS = 10
BYTES_PER_SAMPLE = 4  # float32
COMMON_RATES = (48_000, 44_100, 16_000)  # Hz, tried when the device refuses its own
DEVICE_UNAVAILABLE = -9985  # PortAudio: busy or gone, no other format would help
logger = logging.getLogger(__name__)


def callback_backend() -> Any:
    """Give the module whose Recorder, Mixer and RingBuffer are used: rtmixer, or its stand-in where it has no wheel."""
    try:
        import rtmixer
    except ImportError:
        from voicechat.audio import python_callback

        logger.warning("rtmixer is not installed: audio may drop out while a model runs")
        return python_callback
    return rtmixer


def driver_error() -> type[Exception]:
    """Give PortAudio's error. Where it is not loaded no stream is real, and none raises it."""
    sounddevice = sys.modules.get("sounddevice")
    return sounddevice.PortAudioError if sounddevice is not None else AudioDeviceError


def formats_to_try(device: Device, sample_rate: int | None) -> Iterator[tuple[int, int]]:
    """Yield (sample rate, channels), the device's own first.

    A sound server offers dozens of channels, of which the first two are real; a microphone array may insist on all.
    """
    rates = dict.fromkeys((sample_rate or device.sample_rate, device.sample_rate, *COMMON_RATES))
    channels = dict.fromkeys((min(device.channels, 2), 1, device.channels))
    for rate in rates:
        for n_channels in channels:
            yield rate, n_channels


def open_native(make: Any, device: Device, *, sample_rate: int | None, buffer_ms: int) -> Any:
    """Open a Recorder or Mixer at the device's own rate and channel count, else at the next best.

    Raises:
        AudioDeviceError: If the device refuses them all.
    """
    reason = ""
    for rate, n_channels in formats_to_try(device, sample_rate):
        try:
            return make(
                device=device.index,
                samplerate=rate,
                channels=n_channels,
                blocksize=rate * BLOCK_MS // 1000,
                latency=buffer_ms / 1000,
            )
        except driver_error() as exc:
            reason = reason or str(exc.args[0])
            if len(exc.args) > 1 and exc.args[1] == DEVICE_UNAVAILABLE:
                break
    raise AudioDeviceError(f"cannot open the {ROLES[device.kind]} {device.name!r}: {reason}")


def start(stream: Any, device: Device) -> None:
    """Start a stream, and close it if it does not.

    Raises:
        AudioDeviceError: If it does not start.
    """
    if device.host_api == "ALSA":
        run_callback_first(stream)
    try:
        stream.start()
    except driver_error() as exc:
        with suppress(driver_error()):
            stream.close()
        raise AudioDeviceError(f"cannot start the {ROLES[device.kind]} {device.name!r}: {exc.args[0]}") from exc


def is_active(stream: Any) -> bool:
    """Say whether the device plays or records; one that is gone may fail at the question."""
    try:
        return bool(stream.active)
    except driver_error():
        return False


def stream_time(stream: Any) -> float | None:
    """Give the time on the stream's clock in seconds; None if it has stopped, as that of a pulled ALSA device does."""
    try:
        return float(stream.time)
    except driver_error():
        return None


def ring_size(seconds: float, rate: int) -> int:
    """The next power of two, which PortAudio's ring asks for."""
    return 1 << round(seconds * rate - 1).bit_length()
