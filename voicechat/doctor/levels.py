"""Does any sound come from the microphone, how noisy is the room, and does the input clip?"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np

from voicechat.audio.dead_microphone import DEAD_S, DeadMicrophone, MicrophoneDied, describe, how_to_revive
from voicechat.audio.portaudio import PortAudio
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject
from voicechat.doctor.timed_recording import WARM_UP_S, TimedRecording
from voicechat.errors import AudioDeviceError

LISTEN_S = 2.0  # to a microphone that delivers
WAKE_S = 3.0  # a Bluetooth microphone gives zeros for so long when it is opened
WINDOW_S = 0.05
FLOOR_QUANTILE = 0.2  # of the windows: somebody may speak in the others
NOISY_DBFS = -35.0  # speech at a normal distance is seldom above -20
DIFFERS_DB = 15.0  # from what `voicechat setup` measured
SILENCE_DBFS = -120.0  # below this nothing is measured
FULL_SCALE = 0.999
MIN_CLIPPED = 3  # samples in a row at full scale: one alone may be a loud click


def probe(subject: Subject) -> Iterator[Finding]:
    """Listen to the microphone for some seconds."""
    with PortAudio() as portaudio:
        device = portaudio.find(subject.mic or None, "input")
        with closing(TimedRecording(device, buffer_ms=subject.buffer_ms)) as recording:
            time.sleep(WARM_UP_S)
            died = listen(recording)
            samples, sample_rate = recording.samples(), recording.sample_rate
            if died is None:
                yield Finding("microphone_signal", Status.OK, f"sound comes from {device.name!r}")
                yield judge(samples, sample_rate, calibrated_dbfs=subject.noise_floor_dbfs)
            else:
                what = f"{device.name!r} {describe(died)}"
                yield Finding("microphone_signal", Status.FAIL, what, how_to_revive(), {"value": died.value})


def listen(recording: TimedRecording) -> MicrophoneDied | None:
    """Record until the microphone has delivered for a while, or turned out to be dead.

    Raises:
        AudioDeviceError: If it stops, or nothing at all comes.
    """
    recording.begin()
    detector = DeadMicrophone(recording.sample_rate, limit_s=WAKE_S + DEAD_S)
    until = time.monotonic() + LISTEN_S + WAKE_S + DEAD_S
    n_moving = 0
    while time.monotonic() < until and n_moving < LISTEN_S * recording.sample_rate:
        piece = recording.poll()
        if len(piece) and np.ptp(piece):
            n_moving += len(piece)
        event = detector.push(piece)
        if isinstance(event, MicrophoneDied):
            return event
    if not len(recording.samples()):
        raise AudioDeviceError("the microphone opens but delivers no blocks; unplug it and plug it in again")
    return None


def judge(samples: np.ndarray, sample_rate: int, *, calibrated_dbfs: float = 0.0) -> Finding:
    """Say what the loudness of a quiet room is worth.

    Args:
        samples: what the microphone gave while nobody was asked to speak, mono float32 (n,).
        calibrated_dbfs: what `voicechat setup` measured; 0 if it did not.
    """
    floor_dbfs = noise_floor_dbfs(samples, sample_rate)
    clipped = clipped_share(samples)
    values = {"noise_floor_dbfs": round(floor_dbfs, 1), "clipped_share": round(clipped, 5)}
    detail = f"noise at {floor_dbfs:.0f} dBFS"
    if clipped:
        fix = "lower the microphone's gain in the system's sound settings"
        return Finding("level", Status.WARN, f"{detail}; it clips, {clipped:.2%} of it at full scale", fix, values)
    if floor_dbfs > NOISY_DBFS:
        fix = "lower the microphone's gain, or find what makes the noise; a closer microphone hears less of it"
        return Finding("level", Status.WARN, f"{detail}: speech will hardly stand out", fix, values)
    if calibrated_dbfs and abs(floor_dbfs - calibrated_dbfs) > DIFFERS_DB:
        fix = "if the microphone or the room is another one now, run: voicechat setup"
        return Finding("level", Status.WARN, f"{detail}; it was {calibrated_dbfs:.0f} at the setup", fix, values)
    return Finding("level", Status.OK, detail, values=values)


def noise_floor_dbfs(samples: np.ndarray, sample_rate: int) -> float:
    """Give how loud the quieter moments are: a low quantile of short windows' RMS, in dB of full scale."""
    if not len(samples):
        return SILENCE_DBFS
    n_window = round(WINDOW_S * sample_rate)
    n_windows = max(1, len(samples) // n_window)
    powers = [float(np.mean(np.square(window, dtype=np.float64))) for window in np.array_split(samples, n_windows)]
    power = float(np.quantile(powers, FLOOR_QUANTILE))
    return max(SILENCE_DBFS, 10 * math.log10(power)) if power else SILENCE_DBFS


def clipped_share(samples: np.ndarray) -> float:
    """Give the share of samples that stand at full scale with their neighbours, 0 to 1."""
    full = np.abs(samples) >= FULL_SCALE
    edges = np.flatnonzero(np.diff(np.concatenate([[0], full.view(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= MIN_CLIPPED].sum() / max(1, len(samples)))
