"""At which sample rates does a device really open? Each is tried: what a driver says of itself is often wrong."""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.audio.devices import ROLES, Kind
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.streams import BLOCK_MS, COMMON_RATES, callback_backend, driver_error, formats_to_try
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject


def probe_microphone(subject: Subject) -> Iterator[Finding]:
    """Open the microphone at each common rate; nothing is recorded."""
    yield _probe("input", subject.mic, subject.buffer_ms)


def probe_speaker(subject: Subject) -> Iterator[Finding]:
    """Open the speaker at each common rate; nothing is played."""
    yield _probe("output", subject.speaker, subject.buffer_ms)


def _probe(kind: Kind, wanted: str, buffer_ms: int) -> Finding:
    backend = callback_backend()
    make = backend.Recorder if kind == "input" else backend.Mixer
    with PortAudio() as portaudio:
        device = portaudio.find(wanted or None, kind)
        tried = list(dict.fromkeys((device.sample_rate, *COMMON_RATES)))
        refused: dict[int, str] = {}
        for rate in tried:
            reasons = []
            for _, channels in (one for one in formats_to_try(device, rate) if one[0] == rate):
                try:
                    make(
                        device=device.index,
                        samplerate=rate,
                        channels=channels,
                        blocksize=rate * BLOCK_MS // 1000,
                        latency=buffer_ms / 1000,
                    ).close()
                    break
                except driver_error() as exc:
                    reasons.append(str(exc.args[0]))
            else:
                refused[rate] = reasons[0]
    return judge(kind, own=device.sample_rate, tried=tried, refused=refused)


def judge(kind: Kind, *, own: int, tried: list[int], refused: dict[int, str]) -> Finding:
    """Say what the rates that opened are worth.

    Args:
        own: Hz, the device's own rate.
        refused: the rates that did not open, and why.
    """
    name = f"{ROLES[kind]}_rates"
    opened = [rate for rate in tried if rate not in refused]
    values = {"opened": opened, "refused": list(refused)}
    if not opened:
        fix = "close other programs that may hold it, or unplug it and plug it in again"
        return Finding(name, Status.FAIL, f"opens at no rate: {refused[own]}", fix, values)
    detail = f"opens at {_listed(opened)} Hz" + (f"; refuses {_listed(list(refused))}" if refused else "")
    if own in refused:
        fix = f"nothing, if it sounds right; else set the device to {opened[0]} Hz in the system's sound settings"
        return Finding(name, Status.WARN, f"its own rate of {own} Hz does not open; it {detail}", fix, values)
    return Finding(name, Status.OK, detail, values=values)


def _listed(rates: list[int]) -> str:
    return ", ".join(map(str, rates))
