"""Does PortAudio load, which version is it, and which host APIs does it offer here?"""

from __future__ import annotations

from collections.abc import Iterator

from voicechat.audio.portaudio import PortAudio
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject


def probe(_subject: Subject) -> Iterator[Finding]:
    """Load PortAudio.

    Raises:
        AudioDeviceError: If it cannot be loaded.
    """
    with PortAudio():
        import sounddevice

        number, text = sounddevice.get_portaudio_version()
        apis = [(str(api["name"]), len(api["devices"])) for api in sounddevice.query_hostapis()]
    major, minor, patch = number >> 16 & 0xFF, number >> 8 & 0xFF, number & 0xFF
    version = f"{major}.{minor}.{patch}" if number > 0xFFFF else str(text)
    listed = ", ".join(f"{name} ({n_devices} devices)" for name, n_devices in apis)
    yield Finding(
        "portaudio",
        Status.OK if apis else Status.FAIL,
        f"{version}; {listed or 'no host API'}",
        "" if apis else "install PortAudio again: it was built without a single sound system",
        {"version": version, **{f"n_devices_{name.lower().replace(' ', '_')}": n for name, n in apis}},
    )
