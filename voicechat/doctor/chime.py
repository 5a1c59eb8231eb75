"""Three rising notes, to hear a speaker by; and the playing of a short sound to its end."""

from __future__ import annotations

import time
from contextlib import ExitStack

import numpy as np

from voicechat.audio.devices import Device
from voicechat.audio.playback_stream import PlaybackStream
from voicechat.audio.priority import clients_first
from voicechat.errors import AudioDeviceError

NOTES_HZ = (523.25, 659.25, 783.99)  # C5, E5, G5
NOTE_S = 0.25
DECAY_S = 0.12
LEVEL = 0.2  # of full scale
START_LIMIT_S = 3.0  # more than the sound lasts; then the speaker takes none
POLL_S = 0.02


def chime(sample_rate: int) -> np.ndarray:
    """Make three notes that ring out, float32 (n,)."""
    at_s = np.arange(round(NOTE_S * sample_rate)) / sample_rate
    rise = np.minimum(1.0, at_s / 0.005)
    notes = [rise * np.exp(-at_s / DECAY_S) * np.sin(2 * np.pi * hz * at_s) for hz in NOTES_HZ]
    rang: np.ndarray = (LEVEL * np.concatenate(notes)).astype(np.float32)
    return rang


def play_chime(device: Device, *, buffer_ms: int) -> None:
    """Play it on a speaker; blocks for about two seconds.

    Raises:
        AudioDeviceError: If the speaker cannot be opened, or takes no sound.
    """
    with ExitStack() as stack:
        with clients_first():
            stream = PlaybackStream(device, buffer_ms=buffer_ms)
        stack.callback(stream.close)
        sound = chime(stream.sample_rate)
        until = time.monotonic() + len(sound) / stream.sample_rate + START_LIMIT_S
        stream.write(sound)
        while stream.n_heard() < len(sound):
            if time.monotonic() > until or not stream.active:
                raise AudioDeviceError(f"the speaker {device.name!r} takes no sound; choose another")
            stream.tend()
            time.sleep(POLL_S)
