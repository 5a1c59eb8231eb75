from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from voicechat.audio import portaudio
from voicechat.audio.portaudio import PortAudio

# A C library prints, Python prints, and C prints again once the libraries may speak.
NOISE = """
import ctypes, sys
from voicechat.audio.portaudio import QuietLibraries
libc = ctypes.CDLL(None)
stderr = ctypes.c_void_p.in_dll(libc, "stderr")
libc.fputs.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
quiet = QuietLibraries()
libc.fputs(b"ALSA lib says\\n", stderr)
print("we say", file=sys.stderr, flush=True)
quiet.end()
libc.fputs(b"a library says later\\n", stderr)
"""


@pytest.mark.skipif(portaudio.platform.libc_ver()[0] != "glibc", reason="only glibc lets one do this")
def test_the_libraries_are_silenced_and_we_are_not():
    run = subprocess.run([sys.executable, "-c", NOISE], capture_output=True, text=True, check=True)

    assert run.stderr.splitlines() == ["we say", "a library says later"]


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"apt-get"}, "live audio needs the PortAudio library; run: sudo apt install libportaudio2"),
        ({"pacman"}, "live audio needs the PortAudio library; run: sudo pacman -S portaudio"),
        (
            set(),
            "live audio needs the PortAudio library; run: sudo apt install libportaudio2 or "
            "sudo dnf install portaudio or sudo pacman -S portaudio",
        ),
    ],
)
def test_a_missing_portaudio_names_the_package_of_this_linux(installed, expected, monkeypatch):
    monkeypatch.setattr(portaudio.sys, "platform", "linux")
    monkeypatch.setattr(portaudio.shutil, "which", lambda name: f"/usr/bin/{name}" if name in installed else None)

    assert portaudio._how_to_install("PortAudio library not found") == expected


class Tenant:
    def __init__(self, *, alive: bool) -> None:
        self._alive = alive
        self.n_suspended = 0

    def suspend(self) -> None:
        self.n_suspended += 1

    def alive(self) -> bool:
        return self._alive


class SoundDevice:
    """Counts what is asked of the library."""

    PortAudioError = RuntimeError

    def __init__(self) -> None:
        self.n_initialised = 0
        self._lib = self

    def Pa_Terminate(self) -> int:  # noqa: N802 (PortAudio's name)
        return 0

    def Pa_Initialize(self) -> int:  # noqa: N802
        self.n_initialised += 1
        return 0

    def _exit_handler(self) -> None: ...


@pytest.fixture
def library(monkeypatch) -> SoundDevice:
    library = SoundDevice()
    monkeypatch.setattr(PortAudio, "_load", lambda self: library)
    return library


def test_a_refresh_suspends_every_open_end(library):
    with PortAudio() as pa:
        ends = [Tenant(alive=True), Tenant(alive=False)]
        for end in ends:
            pa.add(end)
        pa.rescan()

    assert [end.n_suspended for end in ends] == [1, 1]
    assert library.n_initialised == 1


@pytest.mark.parametrize(("other_alive", "seen", "n_expected"), [(False, False, 1), (True, True, 1), (True, False, 0)])
def test_a_living_stream_is_disturbed_only_when_the_lost_device_is_there_again(
    library, monkeypatch, other_alive, seen, n_expected
):
    monkeypatch.setattr(portaudio, "_fresh_process_sees", lambda name, kind, give_up: seen)
    lost, other = Tenant(alive=False), Tenant(alive=other_alive)
    with PortAudio() as pa:
        pa.add(lost)
        pa.add(other)
        pa.rescan_for(lost, "mic", "input", give_up=lambda: False)

    assert library.n_initialised == n_expected
    assert other.n_suspended == n_expected


class Stuck:
    def __init__(self) -> None:
        self.release = threading.Event()

    def close(self) -> None:
        self.release.wait(10.0)


def test_a_stream_that_does_not_close_is_left_behind_and_the_list_is_not_refreshed_under_it(library, monkeypatch):
    monkeypatch.setattr(portaudio, "CLOSE_LIMIT_S", 0.02)
    monkeypatch.setattr(portaudio.atexit, "unregister", lambda handler: None)
    stuck = Stuck()
    with PortAudio() as pa:
        pa.close_stream(stuck)
        pa.rescan()
        assert library.n_initialised == 0
        stuck.release.set()


def test_a_probe_is_given_up_when_nobody_waits_any_more():
    assert not portaudio._fresh_process_sees("mic", "input", give_up=lambda: True)


PROBE_FROM_HERE = """
import pathlib, sys
from voicechat.audio.portaudio import _fresh_process_sees
_fresh_process_sees("mic", "input", give_up=lambda: False)
print(pathlib.Path("ran").exists())
"""


def test_a_probe_runs_nothing_of_the_current_directory(tmp_path):
    (tmp_path / "json.py").write_text("open('ran', 'w')\nraise SystemExit")
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}

    run = subprocess.run(
        [sys.executable, "-P", "-c", PROBE_FROM_HERE],
        check=True,
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
    )

    assert run.stdout == "False\n", run.stderr


@pytest.mark.parametrize(
    ("program", "seen"),
    [
        ("print('[[\"mic\", 1, 0]]')", True),
        ("print('[[\"mic\", 0, 2]]')", False),
        ("print('[[\"mic\", 1, 0]]'); raise SystemExit(1)", False),
        ("print('a library says hello')", False),
        ("print('[1, 2]')", False),
        ("print('[[\"mic\"]]')", False),
        ("print('null')", False),
        ("", False),
    ],
)
def test_a_probe_that_cannot_be_understood_sees_nothing(program, seen, monkeypatch):
    monkeypatch.setattr(portaudio, "PROBE", program)

    assert portaudio._fresh_process_sees("mic", "input", give_up=lambda: False) is seen


def test_a_probe_that_cannot_be_started_sees_nothing(monkeypatch):
    monkeypatch.setattr(portaudio.sys, "executable", "/no/such/python")

    assert not portaudio._fresh_process_sees("mic", "input", give_up=lambda: False)
