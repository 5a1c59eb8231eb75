from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from voicechat.doctor.finding import Status
from voicechat.doctor.surroundings import Evidence, gather, hints, server_address, why_no_device

WSL = "Linux version 5.15.153.1-microsoft-standard-WSL2"
BARE = Evidence()


def by_name(evidence: Evidence):
    return {finding.name: finding for finding in hints(evidence)}


def test_a_plain_machine_has_nothing_to_say():
    findings = by_name(Evidence(n_sound_files=2))

    assert list(findings) == ["surroundings"]
    assert findings["surroundings"].values == {"wsl": False, "ssh": False, "container": False, "sound": True}


@pytest.mark.parametrize(
    ("evidence", "name", "fix"),
    [
        (Evidence(kernel=WSL), "wsl", "wsl --update"),
        (Evidence(environ={"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, n_sound_files=2), "ssh", "that machine"),
        (Evidence(container_file="/.dockerenv"), "container", "--device /dev/snd"),
        (Evidence(control_groups="0::/kubepods/besteffort/pod1"), "container", "PULSE_SERVER"),
        (Evidence(environ={"container": "podman"}), "container", "--device /dev/snd"),
    ],
)
def test_what_keeps_sound_away_is_named_with_its_fix(evidence, name, fix):
    finding = by_name(evidence)[name]

    assert finding.status is Status.WARN
    assert fix in finding.fix


@pytest.mark.parametrize("sound", [{"server_answers": True}, {"n_sound_files": 2}])
def test_wsl_and_containers_with_sound_are_fine(sound):
    assert list(by_name(Evidence(kernel=WSL, container_file="/.dockerenv", **sound))) == ["surroundings"]


def test_the_name_of_the_platform_alone_is_no_evidence():
    assert list(by_name(Evidence(platform="darwin"))) == ["surroundings"]
    assert list(by_name(Evidence(platform="win32"))) == ["surroundings"]


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(n_sound_files=3, n_sound_files_closed=3, server_answers=True), "usermod -aG audio"),
        (Evidence(server_answers=True), "libasound2-plugins"),
        (Evidence(server_answers=False, environ={"PULSE_SERVER": "tcp:desk:4713"}), "tcp:desk:4713 does not answer"),
        (Evidence(kernel=WSL), "wsl --update"),
        (Evidence(container_file="/.dockerenv"), "--device /dev/snd"),
        (BARE, "plug in a microphone, or use --input FILE"),
    ],
)
def test_the_nearest_cause_of_having_no_device_is_named(evidence, words):
    assert words in why_no_device(evidence, "input")


def test_a_missing_speaker_is_called_so():
    assert why_no_device(BARE, "output") == "plug in a speaker, or use --output FILE"


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, ""),
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, "unix:/run/user/1000/pulse/native"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000", "PULSE_RUNTIME_PATH": "/tmp/p"}, "unix:/tmp/p/native"),
        ({"PULSE_SERVER": "unix:/mnt/wslg/PulseServer"}, "unix:/mnt/wslg/PulseServer"),
        ({"PULSE_SERVER": "{ab12}unix:/run/native tcp:host:4713"}, "unix:/run/native"),
        ({"PULSE_SERVER": "tcp:desk:4713"}, "tcp:desk:4713"),
    ],
)
def test_the_sound_server_is_looked_for_where_its_clients_look(environ, address):
    assert server_address(environ) == address


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="has no such sockets")
def test_a_server_answers_as_long_as_it_listens(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        monkeypatch.setenv("PULSE_SERVER", f"unix:{folder}/s")
        before = gather().server_answers
        server.bind(f"{folder}/s")
        server.listen()

        assert (before, gather().server_answers) == (False, True)


@pytest.mark.parametrize(
    "address", ["tcp:127.0.0.1:9", "tcp:[::1]:9", "127.0.0.1:9", "tcp:127.0.0.1:99999", "/no/such"]
)
def test_an_address_where_nobody_listens_does_not_answer(monkeypatch, address):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("PULSE_SERVER", address)

    assert gather().server_answers is False


def test_without_a_socket_no_server_is_expected(monkeypatch, tmp_path: Path):
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    monkeypatch.delenv("PULSE_RUNTIME_PATH", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    assert gather().server_answers is None
