"""Which microphone and speaker would a talk use, and are they there?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.audio.devices import ROLES, Device, Kind, match_device
from voicechat.audio.portaudio import PortAudio
from voicechat.doctor.finding import Finding, Status, finding_of
from voicechat.doctor.subject import Subject
from voicechat.doctor.surroundings import gather, why_no_device
from voicechat.errors import AudioDeviceError


def probe_microphone(subject: Subject) -> Iterator[Finding]:
    """Look up the microphone."""
    yield _probe(subject.mic, "input")


def probe_speaker(subject: Subject) -> Iterator[Finding]:
    """Look up the speaker."""
    yield _probe(subject.speaker, "output")


def _probe(wanted: str, kind: Kind) -> Finding:
    with PortAudio() as portaudio:
        return judge(portaudio.devices(kind), wanted, kind)


def judge(devices: list[Device], wanted: str, kind: Kind) -> Finding:
    """Say which device `wanted` means, or why it means none."""
    name = ROLES[kind]
    try:
        device = match_device(devices, wanted, kind)
    except AudioDeviceError as error:
        if not devices:
            return Finding(name, Status.FAIL, f"this machine has no {kind} device", why_no_device(gather(), kind))
        return finding_of(error, name)
    channels = f"{device.channels} channel{'s' if device.channels != 1 else ''}"
    why = f"named {wanted!r}" if wanted else "the system's default" if device.is_default else "the first there is"
    return Finding(
        name,
        Status.OK,
        f"{device.name!r}, {device.host_api}, {device.sample_rate} Hz, {channels}; {why}",
        values={
            "device": device.name,
            "host_api": device.host_api,
            "sample_rate": device.sample_rate,
            "channels": device.channels,
            "default": device.is_default,
            "n_devices": len(devices),
        },
    )
