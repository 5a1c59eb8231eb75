"""Does the sound server answer, and has it muted the microphone or the speaker? PulseAudio and PipeWire, by pactl."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject
from voicechat.doctor.surroundings import Evidence, gather, server_address

PACTL_LIMIT_S = 2.0
# What is asked of a source and of a sink, and how each is called and mended.
ENDS = (("source", "microphone", "@DEFAULT_SOURCE@"), ("sink", "speaker", "@DEFAULT_SINK@"))

Pactl = Callable[..., str]  # arguments in, what it prints out; "" if it fails


def probe(_subject: Subject) -> Iterator[Finding]:
    """Ask the sound server."""
    yield from judge(gather(), _pactl)


def judge(evidence: Evidence, pactl: Pactl) -> Iterator[Finding]:
    """Say whether there is a server, which one, and what it mutes."""
    if evidence.server_answers is None:
        yield Finding("sound_server", Status.SKIPPED, "there is none; the devices are used directly")
        return
    address = server_address(evidence.environ)
    if not evidence.server_answers:
        fix = "start it (systemctl --user start pipewire-pulse, or pulseaudio --start), or unset PULSE_SERVER"
        yield Finding("sound_server", Status.WARN, f"nothing answers at {address}", fix)
        return
    server = _line(pactl("info"), "Server Name")
    values: dict[str, object] = {"address": address, "server": server or None}
    muted = []
    for kind, role, default in ENDS:
        if _line(pactl(f"get-{kind}-mute", default), "Mute") == "yes":
            muted.append((role, f"pactl set-{kind}-mute {default} 0"))
    values |= {f"{role}_muted": any(role == one for one, _ in muted) for _, role, _ in ENDS}
    what = server or "a sound server"
    if muted:
        roles = " and the ".join(role for role, _ in muted)
        yield Finding(
            "sound_server",
            Status.WARN,
            f"{what} answers, but has muted the {roles}",
            "; ".join(command for _, command in muted),
            values,
        )
    else:
        yield Finding("sound_server", Status.OK, f"{what} answers at {address}", values=values)


def _line(printed: str, name: str) -> str:
    found = re.search(rf"^\s*{re.escape(name)}: *(.*)$", printed, re.MULTILINE)
    return found[1].strip() if found else ""


def _pactl(*arguments: str) -> str:
    program = shutil.which("pactl")
    if program is None:
        return ""
    try:
        ended = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=os.environ | {"LC_ALL": "C"},
            timeout=PACTL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout if ended.returncode == 0 else ""
