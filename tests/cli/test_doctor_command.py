"""`voicechat doctor`: what it prints, and with which code it ends; its findings are tested in tests/doctor."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import voicechat
from tests.ui.screens import Screen
from voicechat.cli import doctor, run
from voicechat.doctor.examination import Begun
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.plan import PROBES

DOCS = (Path(voicechat.__file__).parent.parent / "docs" / "doctor.md").read_text("utf-8")
HOSTILE = "x\x1b]0;title\x07\x1b[2J\x9b31m\u202ey\n[bold]z"
FINDINGS = [
    Finding("microphone", Status.OK, "'USB'", values={"device": "USB"}),
    Finding("level", Status.WARN, "noise at -20 dBFS", "lower the gain"),
    Finding("echo_path", Status.SKIPPED, "needs: speaker"),
]
FAILED = Finding("speaker", Status.FAIL, "no output device matches 'x'", "run `voicechat devices`")


@pytest.fixture
def examination(monkeypatch):
    """Lets `voicechat doctor` find what the test gives."""

    def make(*findings):
        def steps(_subject, *, sound):
            yield Begun(PROBES[0])
            yield from findings

        monkeypatch.setattr("voicechat.doctor.examination.examine", steps)

    return make


def test_a_machine_that_can_talk_is_0_and_one_that_cannot_is_1(capsys, examination):
    examination(*FINDINGS)
    assert run(["doctor"]) == 0

    examination(*FINDINGS, FAILED)
    assert run(["doctor"]) == 1


def test_in_a_pipe_each_finding_is_a_line_of_four_cells(capsys, examination):
    examination(*FINDINGS, FAILED)
    run(["doctor"])

    heading, config, *lines = capsys.readouterr().out.splitlines()
    assert heading == "STATUS\tCHECK\tFOUND\tFIX"
    assert config.startswith("ok\tconfig\t")
    assert [line.split("\t") for line in lines] == [[f.status, f.name, f.detail, f.fix] for f in (*FINDINGS, FAILED)]


def test_json_is_one_object_that_holds_everything(capsys, examination):
    examination(*FINDINGS, FAILED)
    run(["doctor", "--json"])

    report = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["version"], report["can_talk"]) == (1, voicechat.__version__, False)
    assert [finding["name"] for finding in report["findings"]] == [
        "config", "microphone", "level", "echo_path", "speaker",
    ]  # fmt: skip
    assert report["findings"][1] == {
        "name": "microphone", "status": "ok", "detail": "'USB'", "fix": "", "values": {"device": "USB"},
    }  # fmt: skip


def test_what_drivers_say_reaches_no_terminal_as_it_is(capsys, examination):
    examination(Finding("microphone", Status.OK, HOSTILE, HOSTILE))
    run(["doctor"])
    screen = Screen()
    doctor._print_row(screen.console, Finding("microphone", Status.OK, HOSTILE, HOSTILE))

    line = capsys.readouterr().out.splitlines()[-1]
    assert line.replace("\t", "").isprintable()
    assert all(row.isprintable() for row in screen.rows)
    assert "[bold]" in "".join(screen.rows)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_table_fits_its_terminal_and_shows_what_to_do(width):
    screen = Screen(width)
    for finding in (*FINDINGS, FAILED):
        doctor._print_row(screen.console, finding)
    doctor._print_verdict(screen.console, [*FINDINGS, FAILED])

    shown = re.sub(r"\s+", " ", " ".join(screen.rows))
    assert max(map(len, screen.rows)) <= width
    assert "to do: lower the gain" in shown
    assert "not possible yet: speaker" in shown


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        (FINDINGS[:1], "all is well"),
        (FINDINGS, "may be better: level"),
        ([*FINDINGS, FAILED], "not possible yet: speaker"),
    ],
)
def test_the_verdict_names_what_is_wrong(findings, verdict):
    screen = Screen()
    doctor._print_verdict(screen.console, findings)

    assert verdict in " ".join(screen.rows)


def test_every_finding_and_the_schema_are_in_the_docs():
    names = {name for probe in PROBES for name in (probe.name, *probe.more)} | {"config", "wsl", "ssh", "container"}

    assert names <= set(re.findall(r"^\| `(\w+)` \|", DOCS, re.MULTILINE))
    assert f"now **{doctor.SCHEMA}**" in DOCS


def test_on_any_machine_it_ends_with_a_verdict_and_plays_nothing(capsys):
    code = run(["doctor", "--no-sound", "--json"])

    report = json.loads(capsys.readouterr().out)
    by_name = {finding["name"]: finding for finding in report["findings"]}
    assert code == (0 if report["can_talk"] else 1)
    assert by_name["echo_path"]["status"] == by_name["level"]["status"] == "skipped"
    assert {"config", "surroundings", "packages", "portaudio", "parts", "models", "gpu"} <= set(by_name)
    assert by_name["portaudio"]["status"] in ("ok", "fail")


def test_a_wrong_setting_on_the_command_line_is_2(capsys):
    assert run(["doctor", "--set", "audio.nothing=1"]) == 2
