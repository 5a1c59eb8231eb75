"""The grid of the echo benchmark: delays and faults, told and hidden, and the rooms that are reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks._rooms import Room
from benchmarks._simulated_devices import NEVER, Devices

DELAYS_MS = (0, 40, 150, 300, 450, 600, 900)
OUTPUT_SHARE = 0.65  # of a delay is the speaker's, the rest the microphone's
OPEN_TOLD_S = (0.1, 0.05)  # what a driver tells that keeps the rest to itself
FAULT_AT_S = 20.0


@dataclass(frozen=True)
class Case:
    """One scene.

    Attributes:
        near_db: the user against the echo, both as RMS while they sound.
    """

    name: str
    devices: Devices
    room: Room = field(default_factory=Room)
    near_db: float = 10.0


def told(delay_ms: int) -> Devices:
    """Give devices that know their delay."""
    output_s, input_s = delay_ms / 1000 * OUTPUT_SHARE, delay_ms / 1000 * (1 - OUTPUT_SHARE)
    burst = 1 if delay_ms < 40 else 2
    return Devices(
        output_s=output_s, input_s=input_s, told_output_s=output_s, told_input_s=input_s, burst=burst
    )  # fmt: skip


def hidden(delay_ms: int) -> Devices:
    """Give devices that keep what is beyond a plain card's delay to themselves."""
    output_s, input_s = OPEN_TOLD_S
    return Devices(output_s=delay_ms / 1000 - input_s, input_s=input_s, told_output_s=output_s, told_input_s=input_s)


FAULTS: Mapping[str, dict[str, Any]] = {
    "clean": {},
    "jump": {"jump_at_s": FAULT_AT_S},
    "drift": {"drift_ppm": 100.0},
    "lost": {"stall_every_s": 5.0},
    "restart": {"restart_every_s": 9.0},
}


def _grid() -> list[Case]:
    cases = [
        Case(f"{delay_ms} ms {fault}", replace(told(delay_ms), **changes))
        for delay_ms in DELAYS_MS
        for fault, changes in FAULTS.items()
    ]
    cases += [
        Case(f"{delay_ms} ms {fault}, hidden", replace(hidden(delay_ms), **FAULTS[fault]))
        for delay_ms in DELAYS_MS
        for fault in ("clean", "drift")
        if delay_ms >= 300
    ]
    return cases


CASES = _grid()

ROOMS: Mapping[str, tuple[Room, float]] = {
    "laptop, 0.2 s": (Room(reverb_s=0.2, direct_db=10), 10.0),
    "living room, 0.35 s": (Room(reverb_s=0.35, direct_db=0), 10.0),
    "hall, 0.5 s": (Room(reverb_s=0.5, direct_db=-5, distance_s=0.006), 10.0),
    "speaker that clips": (Room(drive=4.0, echo_db=0.0), 10.0),
    "fan": (Room(fan_dbfs=-45.0, noise_dbfs=-60.0), 10.0),
    "loud speaker": (Room(echo_db=6.0), 5.0),
    "whispering user": (Room(), -5.0),
    "user as loud as the echo": (Room(), 0.0),
    "quiet speaker": (Room(echo_db=-25.0), 15.0),
}


def rooms_of(rooms: Mapping[str, tuple[Room, float]]) -> list[Case]:
    """Give the cases of rooms, on devices with an ordinary delay."""
    return [Case(name, told(150), room, near_db) for name, (room, near_db) in rooms.items()]


assert OPEN_TOLD_S[0] < NEVER
