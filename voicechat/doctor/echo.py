"""Does the microphone hear the speaker: how late, how loud, and how long is the way there and back?

Plays a short sweep (`sweep.py`) on one stream and records it with another, as a talk does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np

from voicechat.audio.playback_stream import PlaybackStream
from voicechat.audio.portaudio import PortAudio
from voicechat.audio.priority import clients_first
from voicechat.audio.resample import Resampler
from voicechat.doctor.echo_left import Cancel, left_of, loudness_dbfs, placed, speech_like
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.probing_process import named_function
from voicechat.doctor.subject import Subject
from voicechat.doctor.sweep import Echo, Sweep
from voicechat.doctor.timed_recording import WARM_UP_S, TimedRecording
from voicechat.errors import AudioDeviceError
from voicechat.types import CAPTURE_RATE

START_LIMIT_S = 3.0  # for a speaker to begin
LEAD_S = 0.3  # recorded before anything is played
TAIL_S = 1.0  # of silence after the sweep: the longest way
EARLY_S = 0.05  # how much too early a sweep may come by devices' clocks that are a little off
FAR_S = 0.5  # cancellers follow no longer way by themselves
AHEAD_S = 0.1  # of its echo, where a canceller gets what was played
DIFFERS_MS = 50.0  # from what `voicechat setup` measured
LOUD_DB = -3.0  # an echo that is even stronger than what was played
GOOD_REDUCTION_DB = 15.0
DROWNED_DB = 3.0  # above the room's noise, where an echo can hardly be heard


@dataclass(frozen=True, eq=False)
class Played:
    """What was played, what the microphone took in meanwhile, and when."""

    recorded: np.ndarray  # float32 (n,) at 16 kHz
    heard_s: float  # from the first recorded sample until the sweep left the speaker
    written_s: float  # likewise until it was written
    speaker_latency_s: float  # by the devices' own account
    microphone_latency_s: float


def probe(subject: Subject) -> Iterator[Finding]:
    """Play the sweep and say what came of it."""
    cancel: Cancel | None = named_function(subject.canceller) if subject.canceller else None
    played = play(subject, speak=cancel is not None)
    echo = find(played)
    yield judge_path(echo, calibrated_ms=subject.echo_delay_ms)
    yield judge_left(echo, played, cancel)
    yield judge_round_trip(echo, played)


def find(played: Played) -> Echo | None:
    """Give the sweep's echo, its delay counted from when the sweep left the speaker; None if there is none."""
    n = round((played.heard_s + Sweep().seconds + TAIL_S) * CAPTURE_RATE)
    found = Sweep().find(played.recorded[:n], CAPTURE_RATE, not_before_s=played.heard_s - EARLY_S)
    return found and Echo(found.delay_s - played.heard_s, found.return_loss_db, found.snr_db)


def judge_path(echo: Echo | None, *, calibrated_ms: float = 0.0) -> Finding:
    """Say what the way from the speaker to the microphone is like."""
    values: dict[str, object] = {"heard": False, "delay_ms": None, "return_loss_db": None}
    if echo is None:
        detail = "the microphone does not hear the speaker: right with headphones, else see to its volume"
        return Finding("echo_path", Status.OK, detail, values=values)
    delay_ms = echo.delay_s * 1000
    values = {"heard": True, "delay_ms": round(delay_ms, 1), "return_loss_db": round(echo.return_loss_db, 1)}
    loss_db = round(echo.return_loss_db)
    loudness = f"{abs(loss_db)} dB {'weaker' if loss_db > 0 else 'louder'} than" if loss_db else "as loud as"
    detail = f"the speaker is heard {delay_ms:.0f} ms later, {loudness} it was sent"
    if echo.delay_s > FAR_S:
        fix = "a wire instead of Bluetooth or the network shortens the way; or use headphones"
        return Finding("echo_path", Status.WARN, f"{detail}: far for an echo canceller", fix, values)
    if echo.return_loss_db < LOUD_DB:
        fix = "turn the speaker down or the microphone's gain; or use headphones"
        return Finding("echo_path", Status.WARN, f"{detail}: it drowns your voice", fix, values)
    if calibrated_ms and abs(delay_ms - calibrated_ms) > DIFFERS_MS:
        fix = "if the devices are others now, run: voicechat setup"
        return Finding("echo_path", Status.WARN, f"{detail}; it was {calibrated_ms:.0f} ms at the setup", fix, values)
    return Finding("echo_path", Status.OK, detail, values=values)


def judge_left(echo: Echo | None, played: Played, cancel: Cancel | None) -> Finding:
    """Say what an echo canceller leaves of the echo."""
    name = "echo_left"
    if cancel is None:
        return Finding(name, Status.SKIPPED, "no echo canceller")
    if echo is None:
        return Finding(name, Status.SKIPPED, "no echo to cancel")
    first = round((played.heard_s + Sweep().seconds + TAIL_S) * CAPTURE_RATE)
    recorded = played.recorded[first:]
    reference_at_s = max(0.0, echo.delay_s - AHEAD_S)  # as a talk's own delay line has it
    left = left_of(cancel, placed(speech_like(), reference_at_s, len(recorded)), recorded)
    left_dbfs, noise_dbfs = loudness_dbfs(left), loudness_dbfs(played.recorded[: round(LEAD_S * CAPTURE_RATE)])
    weaker_db = loudness_dbfs(recorded) - left_dbfs
    values = {"reduction_db": round(weaker_db, 1), "left_dbfs": round(left_dbfs, 1)}
    detail = f"the echo canceller makes it {weaker_db:.0f} dB weaker"
    if left_dbfs <= noise_dbfs + DROWNED_DB:
        return Finding(name, Status.OK, f"{detail}: the room's noise is all that is left", values=values)
    if weaker_db < GOOD_REDUCTION_DB:
        fix = "turn the speaker down (one that distorts cannot be cancelled), or use headphones"
        return Finding(name, Status.WARN, detail, fix, values)
    return Finding(name, Status.OK, detail, values=values)


def judge_round_trip(echo: Echo | None, played: Played) -> Finding:
    """Say how long sound takes from being written to being read, all buffers included."""
    speaker_ms = (played.heard_s - played.written_s if echo else played.speaker_latency_s) * 1000
    microphone_ms = played.microphone_latency_s * 1000
    values: dict[str, object] = {
        "speaker_ms": round(speaker_ms, 1),
        "microphone_ms": round(microphone_ms, 1),
        "round_trip_ms": None,
    }
    parts = f"speaker {speaker_ms:.0f} ms, microphone {microphone_ms:.0f} ms"
    if echo is None:
        return Finding("round_trip", Status.OK, f"{parts}, by their own account", values=values)
    total_ms = speaker_ms + microphone_ms + echo.delay_s * 1000
    values |= {"round_trip_ms": round(total_ms, 1)}
    return Finding("round_trip", Status.OK, f"{total_ms:.0f} ms; of it {parts}", values=values)


def play(subject: Subject, *, speak: bool = False) -> Played:
    """Play the sweep, record it.

    Args:
        speak: whether to play what an echo canceller is tried on, too.

    Raises:
        AudioDeviceError: If a device cannot be opened, or stops.
    """
    with ExitStack() as stack:
        portaudio = stack.enter_context(PortAudio())
        microphone = portaudio.find(subject.mic or None, "input")
        recording = stack.enter_context(closing(TimedRecording(microphone, buffer_ms=subject.buffer_ms)))
        with clients_first():
            speaker = PlaybackStream(portaudio.find(subject.speaker or None, "output"), buffer_ms=subject.buffer_ms)
        stack.callback(speaker.close)
        time.sleep(WARM_UP_S)
        recording.begin()
        _poll(recording, speaker, LEAD_S)
        written_at = time.monotonic()
        sound = _sound(speaker.sample_rate, speak=speak)
        heard_at = _write(sound, speaker, recording)
        _poll(recording, speaker, heard_at + len(sound) / speaker.sample_rate + TAIL_S - time.monotonic())
        first_at = recording.first_at()
        return Played(
            recorded=_resampled(recording.samples(), recording.sample_rate, CAPTURE_RATE),
            heard_s=heard_at - first_at,
            written_s=written_at - first_at,
            speaker_latency_s=speaker.latency_s,
            microphone_latency_s=recording.latency_s(),
        )


def _sound(sample_rate: int, *, speak: bool) -> np.ndarray:
    sweep = Sweep().samples(sample_rate)
    if not speak:
        return sweep
    silence = np.zeros(round(TAIL_S * sample_rate), np.float32)
    return np.concatenate([sweep, silence, _resampled(speech_like(), CAPTURE_RATE, sample_rate)])


def _write(sound: np.ndarray, speaker: PlaybackStream, recording: TimedRecording) -> float:
    """Play all of a sound without a gap; give `time.monotonic()` at which its first sample was heard."""
    heard_at: float | None = None
    until = time.monotonic() + START_LIMIT_S
    while len(sound) or heard_at is None:
        sound = sound[speaker.write(sound) :]
        recording.poll()
        heard_at = speaker.first_heard_at()  # only while it is played is it known
        if heard_at is None and (time.monotonic() > until or not speaker.active):
            name = speaker.device.name
            raise AudioDeviceError(f"the speaker {name!r} takes no sound; unplug it and plug it in again")
    return heard_at


def _poll(recording: TimedRecording, speaker: PlaybackStream, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        recording.poll()
        speaker.tend()


def _resampled(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    resampler = Resampler(from_rate, to_rate)
    return np.concatenate([resampler.push(samples), resampler.flush()])
