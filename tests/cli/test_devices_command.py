"""`voicechat devices`: which device would be used."""

from __future__ import annotations

import pytest

from voicechat.audio.devices import Device
from voicechat.cli import run
from voicechat.cli.devices import _rows


def device(index, name, *, is_default=False):
    return Device(index, name, "input", "ALSA", 2, 48_000, is_default, in_default_api=True)


MICS = [device(0, "Built-in"), device(3, "USB [Mic]", is_default=True), device(4, "Headset")]


def used(rows):
    return [row["name"] for row in rows if row["used"]]


def test_the_default_is_used_unless_another_is_configured():
    assert used(_rows(MICS, "", "input")) == ["USB [Mic]"]
    assert used(_rows(MICS, "head", "input")) == ["Headset"]
    assert used(_rows(MICS, "0", "input")) == ["Built-in"]


def test_a_configured_device_that_is_missing_is_a_warning_and_all_are_listed(caplog):
    rows = _rows(MICS, "Bluetooth", "input")

    assert [row["name"] for row in rows] == ["Built-in", "USB [Mic]", "Headset"]
    assert used(rows) == []
    assert "no input device matches 'Bluetooth'" in caplog.text


def test_a_machine_without_devices_is_said_to_have_none(caplog):
    assert _rows([], "", "input") == []
    assert "no input device" in caplog.text


@pytest.mark.parametrize("arguments", [["devices"], ["devices", "--json"]])
def test_the_command_lists_what_there_is_or_says_in_one_line_why_it_cannot(capsys, arguments):
    code = run(arguments)

    printed = capsys.readouterr()
    if code == 0:
        assert printed.out.startswith("[" if "--json" in arguments else "KIND\tINDEX\tNAME")
    else:  # no PortAudio on this machine
        assert code == 1
        assert printed.err.startswith("voicechat: error: ")
        assert printed.err.count("\n") == 1
