"""Tells a microphone that is dead, muted or forbidden from a quiet room: samples in, a decision out.

A quiet room is never still: a converter's own noise moves its last bits. Samples that stay at one value, mostly zero,
come from a mute, a missing permission, or a driver that delivers nothing. Knows no device and no clock; pure.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

DEAD_S = 3.0


@dataclass(frozen=True)
class MicrophoneDied:
    """The microphone has delivered one value, and no sound, for `DEAD_S`."""

    value: float  # 0.0 for digital silence; anything else is a constant offset


@dataclass(frozen=True)
class MicrophoneRevived:
    """Sound comes from a microphone that was dead."""

    dead_s: float  # how long it was


class DeadMicrophone:
    """Watch what one microphone delivers, from its first sample on.

    Args:
        sample_rate: Hz, of what is pushed: the device's own, before anything resamples or filters it.
        limit_s: how long one value may last.

    Attributes:
        dead: what was decided last.
    """

    def __init__(self, sample_rate: int, *, limit_s: float = DEAD_S) -> None:
        self.dead = False
        self._sample_rate = sample_rate
        self._limit_samples = round(limit_s * sample_rate)
        self._value: float | None = None  # of the last sample
        self._n_same = 0  # how many samples in a row, up to the last, have that value

    def push(self, samples: np.ndarray) -> MicrophoneDied | MicrophoneRevived | None:
        """Take the next samples, float32 (n,); give what has changed with them, if anything.

        However the samples are cut into pieces, `dead` is the same after the last of them.
        """
        if not len(samples):
            return None
        value = float(samples[-1])
        different = np.flatnonzero(samples != samples[-1])
        n_before = self._n_same
        if len(different):
            self._n_same = len(samples) - 1 - int(different[-1])
        else:
            self._n_same = len(samples) + (n_before if value == self._value else 0)
        self._value = value
        was_dead, self.dead = self.dead, self._n_same >= self._limit_samples
        if self.dead and not was_dead:
            return MicrophoneDied(value)
        if was_dead and not self.dead:
            return MicrophoneRevived(n_before / self._sample_rate)
        return None


def describe(died: MicrophoneDied) -> str:
    """Say what a dead microphone delivers, to be put behind its name."""
    if died.value == 0.0:
        return "gives nothing but zeros: it is muted, dead, or this terminal may not use it"
    return f"stays at the one value {died.value:.3g}: it delivers no sound"


def how_to_revive(platform: str = sys.platform) -> str:
    """Say what to do about a dead microphone, in one line.

    Args:
        platform: as `sys.platform`.
    """
    if platform == "darwin":
        return (
            "System Settings, Privacy & Security, Microphone: allow your terminal and start it again;"
            " see that the lid is open, or choose another microphone with --mic"
        )
    if platform == "win32":
        return (
            "Settings, Privacy & security, Microphone: let desktop apps use it;"
            " look for a mute key, or choose another microphone with --mic"
        )
    return (
        "unmute it: pactl set-source-mute @DEFAULT_SOURCE@ 0 (without a sound server: alsamixer, F4);"
        " look for a mute key, or choose another microphone with --mic"
    )
