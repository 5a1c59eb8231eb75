"""Which probes there are, in which order, and what each needs. A new probe is a function and an entry here."""

from __future__ import annotations

from dataclasses import dataclass

START_LIMIT_S = 20.0  # for a process to start, on a machine that is busy


@dataclass(frozen=True)
class Probe:
    """One probe: a function from a `Subject` to an iterator of findings, run in another process."""

    name: str
    title: str  # what is said while it runs
    function: str  # "module:function", imported in that process
    limit_s: float
    needs: tuple[str, ...] = ()  # findings that must be there, and not have failed
    more: tuple[str, ...] = ()  # findings that it gives besides the one of its own name
    sound: bool = False  # whether it plays or records
    vital: bool = False  # whether a talk is impossible if it hangs or crashes


PROBES = (
    Probe("surroundings", "looking where this runs", "voicechat.doctor.surroundings:probe", 8.0),
    Probe("packages", "looking at the installation", "voicechat.doctor.packages:probe", 5.0, more=("extras",)),
    Probe("portaudio", "loading PortAudio", "voicechat.doctor.portaudio:probe", 10.0, vital=True),
    Probe("sound_server", "asking the sound server", "voicechat.doctor.sound_server:probe", 10.0),
    Probe(
        "microphone", "looking for the microphone", "voicechat.doctor.devices:probe_microphone", 10.0, ("portaudio",),
        vital=True,
    ),
    Probe(
        "speaker", "looking for the speaker", "voicechat.doctor.devices:probe_speaker", 10.0, ("portaudio",), vital=True
    ),
    Probe(
        "microphone_rates", "opening the microphone", "voicechat.doctor.rates:probe_microphone", 10.0, ("microphone",),
        vital=True,
    ),
    Probe(
        "speaker_rates", "opening the speaker", "voicechat.doctor.rates:probe_speaker", 10.0, ("speaker",),
        vital=True,
    ),
    Probe(
        "microphone_signal", "listening to the microphone; please be quiet", "voicechat.doctor.levels:probe", 15.0,
        ("microphone_rates",), more=("level",), sound=True, vital=True,
    ),
    Probe(
        "echo_path", "playing a short sweep, and listening for it", "voicechat.doctor.echo:probe", 25.0,
        ("microphone_signal", "speaker_rates"), more=("echo_left", "round_trip"), sound=True, vital=True,
    ),
    Probe("parts", "looking at what answers", "voicechat.doctor.models:probe_parts", 15.0, vital=True),
    Probe("models", "looking for models", "voicechat.doctor.models:probe_models", 5.0),
    Probe("disk_models", "looking at the disk", "voicechat.doctor.disk:probe", 5.0, more=("disk_settings",)),
    Probe("gpu", "looking for a GPU", "voicechat.doctor.gpu:probe", 30.0),
)  # fmt: skip
