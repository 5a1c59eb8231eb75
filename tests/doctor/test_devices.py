"""Which devices, and the rates at which they open."""

from __future__ import annotations

from tests.audio.fake_device import device
from voicechat.doctor import devices, rates
from voicechat.doctor.finding import Status

BUILT_IN = device(index=0, name="Built-in", is_default=True)
HEADSET = device(index=1, name="Headset", is_default=False, channels=2, sample_rate=16_000)


def test_the_device_that_a_talk_would_use_is_named_and_why():
    default = devices.judge([HEADSET, BUILT_IN], "", "input")
    named = devices.judge([HEADSET, BUILT_IN], "head", "input")

    assert default.detail == "'Built-in', none, 48000 Hz, 1 channel; the system's default"
    assert named.detail == "'Headset', none, 16000 Hz, 2 channels; named 'head'"
    assert (named.name, named.values["device"], named.values["n_devices"]) == ("microphone", "Headset", 2)


def test_a_device_that_does_not_exist_fails_with_what_to_do():
    finding = devices.judge([BUILT_IN], "nosuch", "output")

    assert (finding.name, finding.status) == ("speaker", Status.FAIL)
    assert finding.detail == "no output device matches 'nosuch'"
    assert finding.fix == "run `voicechat devices`"


def test_a_machine_without_devices_fails_with_the_nearest_cause():
    finding = devices.judge([], "", "input")

    assert (finding.status, finding.detail) == (Status.FAIL, "this machine has no input device")
    assert finding.fix


def test_a_device_that_opens_at_its_own_rate_is_fine():
    finding = rates.judge("input", own=48_000, tried=[48_000, 44_100, 16_000], refused={16_000: "invalid"})

    assert (finding.name, finding.status) == ("microphone_rates", Status.OK)
    assert finding.detail == "opens at 48000, 44100 Hz; refuses 16000"
    assert finding.values == {"opened": [48_000, 44_100], "refused": [16_000]}


def test_one_that_refuses_its_own_rate_is_warned_of():
    finding = rates.judge("input", own=48_000, tried=[48_000, 44_100], refused={48_000: "invalid"})

    assert finding.status is Status.WARN
    assert "48000 Hz does not open" in finding.detail


def test_one_that_opens_at_no_rate_fails_with_the_drivers_words():
    finding = rates.judge("output", own=48_000, tried=[48_000], refused={48_000: "Device unavailable"})

    assert (finding.name, finding.status) == ("speaker_rates", Status.FAIL)
    assert finding.detail == "opens at no rate: Device unavailable"
