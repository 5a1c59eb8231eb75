"""`voicechat setup` without a terminal, and what an answer means; the whole dialog is in tests/test_doctor_live.py."""

from __future__ import annotations

import pytest

from tests.audio.fake_device import device
from voicechat.cli import run
from voicechat.cli.setup_dialog import _default_number, chosen
from voicechat.errors import AudioDeviceError

BUILT_IN = device(index=7, name="Built-in")
HEADSET = device(index=9, name="USB Headset", is_default=False)
OTHER_API = device(index=12, name="USB Headset", host_api="MME", is_default=False, in_default_api=False)
ALL = [BUILT_IN, HEADSET, OTHER_API]
LISTED = [BUILT_IN, HEADSET]


def test_without_a_terminal_it_says_what_to_use_instead(capsys, voicechat_home):
    assert run(["setup"]) == 2

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(word in said for word in ("--mic", "--speaker", "audio.mic", "audio.speaker"))
    assert not voicechat_home.exists()


@pytest.mark.parametrize(
    ("answer", "meant"),
    [("1", BUILT_IN), (" 2 ", HEADSET), ("head", HEADSET), ("built", BUILT_IN), ("headset, mme", OTHER_API)],
)
def test_an_answer_is_a_number_of_the_list_or_a_name(answer, meant):
    assert chosen(answer, LISTED, ALL, "input") is meant


@pytest.mark.parametrize("answer", ["0", "3", "7", "webcam"])
def test_an_answer_that_means_nothing_is_refused(answer):
    with pytest.raises(AudioDeviceError):
        chosen(answer, LISTED, ALL, "input")


@pytest.mark.parametrize(
    ("configured", "number"), [("", 1), ("headset", 2), ("headset, mme", 1), ("gone", 1)]
)  # fmt: skip
def test_enter_keeps_what_is_used_now(configured, number):
    assert _default_number(LISTED, ALL, configured, "input") == number
