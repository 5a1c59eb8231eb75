from __future__ import annotations

import pytest

from tests.audio.fake_device import device
from voicechat.audio.devices import match_device
from voicechat.errors import AudioDeviceError

BUILT_IN = device(index=0, name="Built-in Microphone", is_default=False)
HEADSET = device(index=2, name="USB Headset", is_default=True)
HEADSET_MONO = device(index=5, name="USB Headset Mono", is_default=False)
OLD_API = device(index=7, name="USB Headset Mono", host_api="MME", is_default=False, in_default_api=False)
ALL = [BUILT_IN, HEADSET, HEADSET_MONO, OLD_API]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, HEADSET),
        ("", HEADSET),
        (0, BUILT_IN),
        ("5", HEADSET_MONO),
        ("built-IN", BUILT_IN),
        ("usb headset", HEADSET),  # whole, in any case, goes before part of another
        ("mono", HEADSET_MONO),  # the default host API goes first
        ("headset mono, mme", OLD_API),
    ],
)
def test_a_name_or_index_means_one_device(wanted, expected):
    assert match_device(ALL, wanted, "input") is expected


def test_without_a_default_the_first_is_taken():
    assert match_device([BUILT_IN, HEADSET_MONO], None, "input") is BUILT_IN


def test_two_cards_of_one_make_are_told_apart_by_index_and_the_first_is_meant_by_the_name():
    twin = device(index=9, name="USB Headset", is_default=False)

    assert match_device([HEADSET, twin], "headset", "input") is HEADSET
    assert match_device([HEADSET, twin], 9, "input") is twin


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("webcam", "no input device matches 'webcam'; run `voicechat devices`"),
        (3, "no input device has the index 3; run `voicechat devices`"),
        ("mic\x1b[2J", r"no input device matches 'mic\x1b[2J'; run `voicechat devices`"),
        ("head", "'head' fits several input devices: 2 'USB Headset', 5 'USB Headset Mono'; "
                 "name one in full or by its index"),
    ],
)  # fmt: skip
def test_a_name_that_means_none_or_several_is_refused_with_what_to_do(wanted, message):
    with pytest.raises(AudioDeviceError) as refused:
        match_device(ALL, wanted, "input")

    assert str(refused.value) == message


def test_a_machine_without_any_device_is_told_how_to_go_on():
    with pytest.raises(AudioDeviceError, match="no output device; plug in a speaker, or use --output FILE"):
        match_device([], None, "output")


def test_a_full_name_means_its_device_although_another_host_api_has_the_same_name():
    both = [device(index=1, name="Headset"), device(index=4, name="Headset", host_api="MME", in_default_api=False)]
    longer = device(index=5, name="Headset, MME", host_api="MME 2", in_default_api=True)

    assert [match_device([*both, longer], one.full_name, "input") for one in both] == both
