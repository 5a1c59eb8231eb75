"""Where does this run: WSL, an SSH session, a container? Told from what they leave behind, not from a platform's name.

`gather` looks; everything else is plain and testable.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voicechat.audio.devices import ROLES, Kind
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject

CONNECT_LIMIT_S = 2.0
PULSE_PORT = 4713
VARIABLES = ("SSH_CONNECTION", "SSH_TTY", "PULSE_SERVER", "PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR", "container")
CONTAINER_MARKS = ("docker", "containerd", "kubepods", "libpod", "lxc")  # in the first process's control groups


@dataclass(frozen=True)
class Evidence:
    """What was found of the surroundings."""

    platform: str = "linux"  # as sys.platform
    environ: Mapping[str, str] = field(default_factory=dict)  # of VARIABLES, those that are set
    kernel: str = ""  # /proc/version
    container_file: str = ""  # one that a container engine leaves behind
    control_groups: str = ""  # /proc/1/cgroup
    n_sound_files: int = 0  # capture and playback devices in /dev/snd
    n_sound_files_closed: int = 0  # of them, those that we may not open
    server_answers: bool | None = None  # whether a sound server takes connections; None where none is expected

    @property
    def is_wsl(self) -> bool:
        return "microsoft" in self.kernel.lower()

    @property
    def is_ssh(self) -> bool:
        return "SSH_CONNECTION" in self.environ or "SSH_TTY" in self.environ

    @property
    def is_container(self) -> bool:
        marks = self.control_groups.lower()
        return bool(
            self.container_file or "container" in self.environ or any(mark in marks for mark in CONTAINER_MARKS)
        )

    @property
    def has_sound(self) -> bool:
        return self.platform != "linux" or self.server_answers is True or self.n_sound_files > 0


def probe(_subject: Subject) -> Iterator[Finding]:
    """Look where this runs."""
    yield from hints(gather())


def hints(evidence: Evidence) -> Iterator[Finding]:
    """Yield what there is, and a finding for each surrounding that keeps sound away."""
    kinds = {"wsl": evidence.is_wsl, "ssh": evidence.is_ssh, "container": evidence.is_container}
    there = ", ".join(_NAMES[kind] for kind, is_so in kinds.items() if is_so)
    sound = "with sound" if evidence.has_sound else "without sound"
    detail = f"{there}, {sound}" if there else "no WSL, no SSH session, no container"
    yield Finding("surroundings", Status.OK, detail, values={**kinds, "sound": evidence.has_sound})
    if evidence.is_wsl and not evidence.has_sound:
        yield Finding("wsl", Status.WARN, "Windows passes no sound into this WSL", _WSL_FIX)
    if evidence.is_ssh:
        yield Finding(
            "ssh",
            Status.WARN,
            f"microphone and speaker are those of {socket.gethostname()!r}, not of the machine you sit at",
            "run voicechat on that machine, or give --input and --output files",
        )
    if evidence.is_container and not evidence.has_sound:
        yield Finding("container", Status.WARN, "no sound is passed into this container", _CONTAINER_FIX)


def why_no_device(evidence: Evidence, kind: Kind) -> str:
    """Say what to do where PortAudio lists no device of a kind: the nearest cause that there is evidence of."""
    file_option = "--input FILE" if kind == "input" else "--output FILE"
    if evidence.n_sound_files and evidence.n_sound_files_closed == evidence.n_sound_files:
        user = getpass.getuser()
        return f"you may not open the devices in /dev/snd: sudo usermod -aG audio {user}, then log in again"
    if evidence.server_answers:
        return "a sound server answers, but ALSA does not know it: sudo apt install libasound2-plugins"
    if evidence.server_answers is False:
        address = server_address(evidence.environ)
        return f"the sound server at {address} does not answer: start it, or unset PULSE_SERVER"
    if evidence.is_wsl:
        return _WSL_FIX
    if evidence.is_container:
        return _CONTAINER_FIX
    return f"plug in a {ROLES[kind]}, or use {file_option}"


def gather() -> Evidence:
    """Look for all of it; what cannot be read counts as not there. Blocks some seconds at most."""
    environ = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    containers = (path for path in ("/.dockerenv", "/run/.containerenv") if Path(path).exists())
    files = [path for path in Path("/dev/snd").glob("pcmC*") if path.name[-1] in "cp"]
    return Evidence(
        platform=sys.platform,
        environ=environ,
        kernel=_text("/proc/version"),
        container_file=next(containers, ""),
        control_groups=_text("/proc/1/cgroup"),
        n_sound_files=len(files),
        n_sound_files_closed=sum(not os.access(path, os.R_OK | os.W_OK) for path in files),
        server_answers=_answers(server_address(environ)) if sys.platform == "linux" else None,
    )


def server_address(environ: Mapping[str, str]) -> str:
    """Give where clients of PulseAudio and PipeWire look for their server; "" if nowhere.

    The rules are those of PulseAudio's clients: PULSE_SERVER, else the socket `native` in its folder.
    """
    if named := environ.get("PULSE_SERVER", "").split():
        return named[0].rpartition("}")[2]  # "{machine}unix:/path"
    if folder := environ.get("PULSE_RUNTIME_PATH"):
        return f"unix:{folder}/native"
    if folder := environ.get("XDG_RUNTIME_DIR"):
        return f"unix:{folder}/pulse/native"
    return ""


def _answers(address: str) -> bool | None:
    """Whether a server takes a connection; None if there is nothing that says that there should be one."""
    scheme, _, rest = address.partition(":")
    path = address if address.startswith("/") else rest if scheme == "unix" else ""
    try:
        if path:
            if "PULSE_SERVER" not in os.environ and not Path(path).exists():
                return None
            with socket.socket(socket.AF_UNIX) as unix:
                unix.settimeout(CONNECT_LIMIT_S)
                unix.connect(path)
            return True
        if not address:
            return None
        target = rest if scheme in ("tcp", "tcp4", "tcp6") else address
        host, _, port = target.rpartition(":") if target.rpartition(":")[2].isdecimal() else (target, "", "")
        with socket.create_connection((host.strip("[]"), int(port or PULSE_PORT)), CONNECT_LIMIT_S):
            return True
    except (OSError, OverflowError):
        return False


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", errors="replace")
    except OSError:
        return ""


_NAMES = {"wsl": "Linux on Windows (WSL)", "ssh": "an SSH session", "container": "a container"}
_WSL_FIX = "in Windows: wsl --update, then wsl --shutdown; here: sudo apt install libasound2-plugins"
_CONTAINER_FIX = (
    "start it with --device /dev/snd, or pass the sound server in:"
    " -v $XDG_RUNTIME_DIR/pulse/native:/tmp/pulse -e PULSE_SERVER=unix:/tmp/pulse"
)
