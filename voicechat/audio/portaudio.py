"""The process's one PortAudio: its device list, a way to refresh that list, and quiet from the C libraries.

PortAudio freezes the device list when it is initialised, and initialising it again kills every stream of the process.
So whoever holds a stream open is known here (`Tenant`), gives it up for a refresh, and opens it again afterwards.
Knows nothing of audio.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import logging
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

from voicechat.audio.devices import Device, Kind, match_device
from voicechat.errors import AudioDeviceError

CLOSE_LIMIT_S = 2.0  # Core Audio can take for ever
PROBE_LIMIT_S = 10.0
# Prints [[name, n_inputs, n_outputs], ...] as a process that starts now sees them. To be run with -P: no file of the
# current directory may stand in for one of the modules.
PROBE = """
import json, sounddevice
print(json.dumps([[d["name"], d["max_input_channels"], d["max_output_channels"]] for d in sounddevice.query_devices()]))
"""
PACKAGES = {  # how each family of Linux installs PortAudio
    "apt-get": "sudo apt install libportaudio2",
    "dnf": "sudo dnf install portaudio",
    "pacman": "sudo pacman -S portaudio",
    "zypper": "sudo zypper install libportaudio2",
    "apk": "sudo apk add portaudio",
}
logger = logging.getLogger(__name__)


class Tenant(Protocol):
    """Something that holds a stream open."""

    def suspend(self) -> None:
        """Close the stream now; open it again when it is next needed."""
        ...

    def alive(self) -> bool:
        """Say whether there is a stream that a refresh would interrupt."""
        ...


class PortAudio:
    """Load PortAudio and keep it; one per process, shared by the microphone and the speaker.

    Attributes:
        lock: held while streams are opened and while the list is refreshed, never while a tenant holds its own lock.

    Raises:
        AudioDeviceError: If PortAudio is not installed or does not start.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._tenants: list[Tenant] = []
        self._n_stuck = 0  # closes that never returned: initialising again would wait for them
        self._quiet = QuietLibraries()
        self._sounddevice = self._load()

    def close(self) -> None:
        """Let the C libraries speak again. Idempotent; the streams are closed by whoever opened them."""
        self._quiet.end()

    def __enter__(self) -> PortAudio:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def devices(self, kind: Kind) -> list[Device]:
        """List the devices of one kind, in PortAudio's order.

        Raises:
            AudioDeviceError: If PortAudio cannot tell.
        """
        try:
            return self._list(kind)
        except self._sounddevice.PortAudioError as exc:
            raise AudioDeviceError(f"cannot list the audio devices: {exc.args[0]}") from exc

    def _list(self, kind: Kind) -> list[Device]:
        with self.lock:
            channels_key = f"max_{kind}_channels"
            apis = self._sounddevice.query_hostapis()
            default_api = self._default_api(apis, kind)
            default_index = apis[default_api][f"default_{kind}_device"] if default_api is not None else -1
            return [
                Device(
                    index=info["index"],
                    name=info["name"],
                    kind=kind,
                    host_api=apis[info["hostapi"]]["name"],
                    channels=info[channels_key],
                    sample_rate=round(info["default_samplerate"]),
                    is_default=info["index"] == default_index,
                    in_default_api=info["hostapi"] == default_api,
                )
                for info in self._sounddevice.query_devices()
                if info[channels_key] > 0
            ]

    def find(self, wanted: str | int | None, kind: Kind) -> Device:
        """Give the device that would be used for `wanted` (see `match_device`).

        Raises:
            AudioDeviceError: If there is none, or several fit.
        """
        return match_device(self.devices(kind), wanted, kind)

    def add(self, tenant: Tenant) -> None:
        with self.lock:
            self._tenants.append(tenant)

    def remove(self, tenant: Tenant) -> None:
        with self.lock:
            if tenant in self._tenants:
                self._tenants.remove(tenant)

    def rescan(self) -> None:
        """Make a fresh device list; every stream that is open is closed for it, and opens again on its next use.

        Raises:
            AudioDeviceError: If PortAudio does not start again.
        """
        with self.lock:
            for tenant in self._tenants:
                tenant.suspend()
            if self._n_stuck:
                logger.warning("a device that does not close keeps the device list from being refreshed")
                return
            # Not through sounddevice, which would send all of stderr to nowhere meanwhile, also our own lines.
            self._sounddevice._lib.Pa_Terminate()
            code = self._sounddevice._lib.Pa_Initialize()
            if code < 0:
                raise AudioDeviceError(f"PortAudio does not start again (error {code})")

    def rescan_for(self, tenant: Tenant, name: str, kind: Kind, *, give_up: Callable[[], bool]) -> None:
        """Refresh the list because `tenant` misses the device `name`, and disturb the others only if that helps.

        Blocks up to some seconds, unless `give_up` says to stop.
        """
        with self.lock:
            others_alive = any(other.alive() for other in self._tenants if other is not tenant)
        if not others_alive or _fresh_process_sees(name, kind, give_up=give_up):
            self.rescan()

    def close_stream(self, stream: Any) -> None:
        """Stop and close a stream, and abandon it after two seconds: closing can hang in the driver."""
        with self.lock:
            self._n_stuck += 1
        closer = threading.Thread(target=self._close_now, args=(stream,), name="voicechat-close", daemon=True)
        closer.start()
        closer.join(CLOSE_LIMIT_S)
        if closer.is_alive():
            self.leave_behind()

    def leave_behind(self) -> None:
        """Say that a stream will never be closed, and see to it that the end of the process does not wait for it."""
        logger.warning("an audio device does not close; it is left behind")
        atexit.unregister(self._sounddevice._exit_handler)

    def _close_now(self, stream: Any) -> None:
        try:
            stream.close()
        except self._sounddevice.PortAudioError as exc:
            logger.debug("closing a stream: %s", exc)
        # Not under the lock: whoever refreshes the list may be waiting for this thread with it. The GIL makes the
        # worst of the race a refresh that is put off once.
        self._n_stuck -= 1

    def _load(self) -> Any:
        try:
            import sounddevice
        except OSError as exc:
            self._quiet.end()
            raise AudioDeviceError(_how_to_install(str(exc))) from exc
        return sounddevice

    def _default_api(self, apis: Any, kind: Kind) -> int | None:
        """The first host API that has a default device: PortAudio lists the platform's favourite first."""
        return next((i for i, api in enumerate(apis) if api[f"default_{kind}_device"] >= 0), None)


class QuietLibraries:
    """Silence what ALSA, JACK and PortAudio print to stderr, from now until `end`.

    They print through C's `stderr`, which glibc lets one point elsewhere; Python writes to the descriptor itself, so
    no line of ours is lost. Elsewhere only what sounddevice hushes while it initialises is hushed. With logging at
    DEBUG they may speak.
    """

    def __init__(self) -> None:
        self._stderr: Any = None
        if platform.libc_ver()[0] != "glibc" or logger.isEnabledFor(logging.DEBUG):
            return
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        libc.fclose.argtypes = [ctypes.c_void_p]
        self._libc = libc
        self._null = libc.fopen(b"/dev/null", b"w")
        if self._null:
            self._stderr = ctypes.c_void_p.in_dll(libc, "stderr")
            self._loud = self._stderr.value
            self._stderr.value = self._null

    def end(self) -> None:
        """Let them speak again. Idempotent; the file stays open, for a thread that may be printing to it."""
        if self._stderr is not None and self._stderr.value == self._null:
            self._stderr.value = self._loud
        self._stderr = None


def _fresh_process_sees(name: str, kind: Kind, *, give_up: Callable[[], bool]) -> bool:
    """Ask a process that has just initialised PortAudio; half a second of CPU, but it disturbs no stream."""
    command = [sys.executable, "-P", "-c", PROBE]
    try:
        probe = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as exc:
        logger.debug("%s: %s", command[0], exc)
        return False
    waited_s = 0.0
    with probe:
        while probe.poll() is None:
            if give_up() or waited_s >= PROBE_LIMIT_S:
                probe.kill()
                return False
            try:
                probe.wait(0.05)
            except subprocess.TimeoutExpired:
                waited_s += 0.05
        assert probe.stdout is not None
        output = probe.stdout.read()
    return probe.returncode == 0 and _is_listed(name, kind, output)


def _is_listed(name: str, kind: Kind, output: bytes) -> bool:
    """Look a device up in what the probe printed; what cannot be understood lists none."""
    try:
        return any(
            seen == name and (n_in if kind == "input" else n_out) > 0 for seen, n_in, n_out in json.loads(output)
        )
    except (ValueError, TypeError) as exc:
        logger.debug("no device list from a fresh process: %s", exc)
        return False


def _how_to_install(reason: str) -> str:
    if sys.platform != "linux":
        return f"PortAudio cannot be loaded ({reason}); run: pip install --force-reinstall sounddevice"
    commands = [command for program, command in PACKAGES.items() if shutil.which(program)]
    command = commands[0] if commands else " or ".join(list(PACKAGES.values())[:3])
    return f"live audio needs the PortAudio library; run: {command}"
