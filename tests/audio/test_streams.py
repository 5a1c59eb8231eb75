from __future__ import annotations

import pytest

from tests.audio.fake_device import RATE, Backend, device
from voicechat.audio.capture_stream import CaptureStream
from voicechat.audio.streams import formats_to_try
from voicechat.errors import AudioDeviceError


def test_the_devices_own_format_is_tried_first_and_each_once():
    assert list(formats_to_try(device(channels=2, sample_rate=44_100), None)) == [
        (44_100, 2), (44_100, 1), (48_000, 2), (48_000, 1), (16_000, 2), (16_000, 1),
    ]  # fmt: skip


def test_a_device_that_refuses_its_own_format_is_opened_at_the_next():
    backend = Backend(refuse={(RATE, 2), (RATE, 1), (44_100, 2)})

    stream = CaptureStream(device(channels=2), buffer_ms=100, backend=backend)

    assert (stream.sample_rate, backend.recorders[0].channels) == (44_100, 1)


def test_a_device_that_refuses_everything_is_named_with_the_reason():
    with pytest.raises(AudioDeviceError, match="cannot open the microphone 'fake': refused"):
        CaptureStream(device(), buffer_ms=100, backend=Backend(refuse={(r, 1) for r in (48_000, 44_100, 16_000)}))
