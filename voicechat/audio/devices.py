"""Which microphones and speakers there are, and which one a name means.

Knows nothing of PortAudio: the list comes from `portaudio.py`, so every rule here is plain and testable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voicechat.errors import AudioDeviceError

Kind = Literal["input", "output"]
ROLES: dict[Kind, str] = {"input": "microphone", "output": "speaker"}  # what the user calls them
OPTIONS: dict[Kind, str] = {"input": "--mic", "output": "--speaker"}


@dataclass(frozen=True)
class Device:
    """One end of a sound device; a headset is two of these with the same index."""

    index: int  # PortAudio's, valid until the next rescan
    name: str  # from the driver: untrusted text
    kind: Kind
    host_api: str  # ALSA, Core Audio, MME, ...
    channels: int  # the most it has in this direction
    sample_rate: int  # Hz, its own
    is_default: bool  # the one that is used when none is named
    in_default_api: bool  # Windows lists each device once per host API

    @property
    def full_name(self) -> str:
        """What means this device and no other, now and after a rescan, except for a twin: "name, host API"."""
        return f"{self.name}, {self.host_api}"


def match_device(devices: Sequence[Device], wanted: str | int | None, kind: Kind) -> Device:
    """Give the device that `wanted` means.

    Args:
        devices: those of this kind.
        wanted: an index, a name or a part of one in any case; None is the default device. A full name ("name, host
            API") goes before a whole name, that before a part of one, and the default host API before the others.

    Raises:
        AudioDeviceError: If none fits, or several do.
    """
    if not devices:
        file_option = "--input FILE" if kind == "input" else "--output FILE"
        raise AudioDeviceError(f"this machine has no {kind} device; plug in a {ROLES[kind]}, or use {file_option}")
    if wanted is None or wanted == "":
        return next((device for device in devices if device.is_default), devices[0])
    if isinstance(wanted, int) or wanted.isdecimal():
        for device in devices:
            if device.index == int(wanted):
                return device
        raise AudioDeviceError(f"no {kind} device has the index {wanted}; run `voicechat devices`")
    return _match_name(devices, wanted, kind)


def _match_name(devices: Sequence[Device], wanted: str, kind: Kind) -> Device:
    folded = wanted.casefold()
    fitting = [device for device in devices if folded in device.full_name.casefold()]
    if not fitting:
        raise AudioDeviceError(f"no {kind} device matches {wanted!r}; run `voicechat devices`")
    fitting = [device for device in fitting if device.full_name.casefold() == folded] or fitting
    fitting = [device for device in fitting if device.name.casefold() == folded] or fitting
    fitting = [device for device in fitting if device.in_default_api] or fitting
    # The same name twice is two cards of one make: the first is as good as any, and the index tells them apart.
    if len({device.name for device in fitting}) > 1:
        names = ", ".join(f"{device.index} {device.name!r}" for device in fitting)
        raise AudioDeviceError(f"{wanted!r} fits several {kind} devices: {names}; name one in full or by its index")
    return fitting[0]
