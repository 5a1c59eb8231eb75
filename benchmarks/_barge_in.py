"""A reply that plays in a made-up room while people say things and cough: the whole loop, faster than time.

What the detector decides changes what the speaker plays, some milliseconds later, and that changes the echo. Knows
nothing of threads and sessions: the speaker here is a gain and a position in the reply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks._rooms import BLOCK, Acoustics, Room
from voicechat.audio.echo_canceller import EchoCanceller
from voicechat.endpointer import Endpointer, SpeechStarted
from voicechat.interruption import InterruptionDetector, Step
from voicechat.protocols import VoiceActivityDetector
from voicechat.types import CAPTURE_RATE

DEVICE_MS = 40  # from a decision to what is heard
DUCKED = 0.1  # -20 dB
NEXT_REPLY_S = 1.0  # after an interruption was taken
LEARNING_S = 3.0  # of reply before anybody says anything
QUIET_S = 1.2  # after a sound, in which the reply is released
PAUSE_S = (2.2, 2.8)  # between two of them
ONSET_DB = 20.0  # a sound begins where it is within this of its loudest


@dataclass(frozen=True, eq=False)
class Interjection:
    """What somebody says, or coughs."""

    label: str
    is_words: bool
    samples: np.ndarray  # float64 (n,) at 16 kHz, loudness as it likes


@dataclass(eq=False)
class Heard:
    """What became of an interjection; times are seconds since the talk began."""

    interjection: Interjection
    starts_s: float
    begins_s: float  # where it is loud enough to be heard
    ends_s: float
    echo_db: float  # its loudness against the echo's
    steps: list[tuple[float, Step]] = field(default_factory=list)
    silent_s: float | None = None  # when nothing of the reply was heard any more
    speech_from_s: float | None = None  # where the taken turn begins, without the pre-roll
    started: bool = False  # whether the plain endpointer would have begun a turn

    def ms_to(self, *steps: Step) -> float:
        """Give the milliseconds from its beginning to the first of these steps, NaN if none came."""
        return next(((at_s - self.begins_s) * 1000 for at_s, step in self.steps if step in steps), np.nan)

    @property
    def taken(self) -> bool:
        return any(step is Step.TAKE for _, step in self.steps)


@dataclass
class Talk:
    """All of one talk."""

    heard: list[Heard]
    audio_s: float
    echo_steps: list[tuple[float, Step]] = field(default_factory=list)  # although nobody made a sound
    echo_starts: int = 0  # likewise, turns that the plain endpointer would have begun


# What becomes of 10 ms at the microphone before the detectors get them: of the people in the room, the echo, and what
# the speaker played; float64 (160,) each, to float32 (160,).
Way = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def headphones(near: np.ndarray, _echo: np.ndarray, _far: np.ndarray) -> np.ndarray:
    """The speaker is not heard."""
    return near.astype(np.float32)


class SimulatedResidue:
    """A canceller that leaves the user alone, and bits of the echo, 25 to 40 dB softer.

    The bits are as long and as frequent as what AEC3 leaves in a reverberant room: some 1.5 a second, of 20 to 80 ms.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._gain = 0.0
        self._n_left = 0  # blocks for which it stays

    def __call__(self, near: np.ndarray, echo: np.ndarray, _far: np.ndarray) -> np.ndarray:
        before = self._gain
        if not self._n_left:
            is_bit = before == 0.0
            self._n_left = int(self._rng.integers(2, 9) if is_bit else self._rng.integers(30, 100))
            self._gain = 10 ** (self._rng.uniform(-40, -25) / 20) if is_bit else 0.0
        self._n_left -= 1
        return (near + echo * np.linspace(before, self._gain, len(echo))).astype(np.float32)


class RealCanceller:
    """The canceller that is used in a talk."""

    def __init__(self, canceller: EchoCanceller) -> None:
        self._canceller = canceller

    def __call__(self, near: np.ndarray, echo: np.ndarray, far: np.ndarray) -> np.ndarray:
        captured = np.clip(near + echo, -1, 32767 / 32768).astype(np.float32)
        return self._canceller.process(captured, far.astype(np.float32))


class Speaker:
    """Plays a reply for ever, as the detector's steps make it."""

    def __init__(self, reply: np.ndarray) -> None:
        self._reply = reply
        self._at = 0
        self._gain = 1.0
        self._orders: list[tuple[float, float]] = []  # when, which gain
        self.silent = False

    def obey(self, step: Step, now_s: float) -> None:
        gain = {Step.DUCK: DUCKED, Step.HOLD: 0.0, Step.TAKE: 0.0, Step.RELEASE: 1.0}[step]
        self._orders.append((now_s + DEVICE_MS / 1000, gain))
        if step is Step.TAKE:
            self._orders.append((now_s + NEXT_REPLY_S, 1.0))

    def block(self, now_s: float) -> np.ndarray:
        """Give what is heard in the next 10 ms, float64 (160,); a change of gain takes them."""
        before = self._gain
        while self._orders and self._orders[0][0] <= now_s:
            self._gain = self._orders.pop(0)[1]
        self.silent = before == self._gain == 0.0
        if self.silent:
            return np.zeros(BLOCK)
        samples = self._reply[np.arange(self._at, self._at + BLOCK) % len(self._reply)]
        self._at += BLOCK
        return samples * np.linspace(before, self._gain, BLOCK)


def active_rms(samples: np.ndarray) -> float:
    """Give the RMS of where there is sound."""
    power = (samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK) ** 2).mean(axis=1)
    return float(np.sqrt(power[power > power.max() * 1e-3].mean()))


def onset_s(samples: np.ndarray) -> float:
    """Give where a sound begins."""
    power = (samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK) ** 2).mean(axis=1)
    return float(np.flatnonzero(power > power.max() * 10 ** (-ONSET_DB / 10))[0]) * BLOCK / CAPTURE_RATE


def interject(
    interjections: Sequence[Interjection], *, echo_rms: float, rng: np.random.Generator
) -> tuple[np.ndarray, list[Heard]]:
    """Give what the people in the room are heard of, float64 (n,), each 10 dB softer to 10 dB louder than the echo."""
    pieces = [np.zeros(round(LEARNING_S * CAPTURE_RATE))]
    heard, at_s = [], LEARNING_S
    for interjection in interjections:
        samples, echo_db = interjection.samples, rng.uniform(-10, 10)
        scaled = samples / active_rms(samples) * echo_rms * 10 ** (echo_db / 20)
        begins_s = at_s + onset_s(samples)
        pieces += [scaled, np.zeros(round(rng.uniform(*PAUSE_S) * CAPTURE_RATE))]
        heard.append(Heard(interjection, at_s, begins_s, at_s + len(samples) / CAPTURE_RATE, echo_db))
        at_s += (len(scaled) + len(pieces[-1])) / CAPTURE_RATE
    return np.concatenate(pieces), heard


def talk(
    interjections: Sequence[Interjection],
    reply: np.ndarray,
    vad: VoiceActivityDetector,
    detector: InterruptionDetector,
    *,
    room: Room,
    way: Way,
    rng: np.random.Generator,
) -> Talk:
    """Play a reply in a room where people interject.

    Args:
        interjections: one after another; none for the echo alone, once through the reply.
        reply: float64 (n,) at 16 kHz, repeated as often as it takes.
        vad: what tells speech.
        detector: what decides.
        room: where.
        way: what becomes of the echo.
        rng: of loudness and pauses.
    """
    acoustics = Acoustics(room)
    people, heard = np.zeros(len(reply)), list[Heard]()
    if interjections:
        people, heard = interject(interjections, echo_rms=_echo_rms(room, reply), rng=rng)
    speaker, result = Speaker(reply), Talk(heard, len(people) / CAPTURE_RATE)
    endpointer = Endpointer(frame_ms=vad.frame_samples / CAPTURE_RATE * 1000)
    pending = np.zeros(0, np.float32)
    for i, near in enumerate(_blocks(people)):
        now_s = (i + 1) * BLOCK / CAPTURE_RATE
        far = speaker.block(now_s)
        current = next((h for h in reversed(heard) if h.starts_s <= now_s <= h.ends_s + QUIET_S), None)
        if current is not None and current.silent_s is None and speaker.silent and current.steps:
            current.silent_s = now_s - BLOCK / CAPTURE_RATE
        pending = np.concatenate([pending, way(near + acoustics.noise(), acoustics.echo(far), far)])
        while len(pending) >= vad.frame_samples:
            frame, pending = pending[: vad.frame_samples], pending[vad.frame_samples :]
            probability = vad.probability(frame)
            if isinstance(endpointer.push(probability), SpeechStarted):
                if current is None:
                    result.echo_starts += 1
                else:
                    current.started = True
            step = detector.push(frame, probability)
            if step is not None:
                speaker.obey(step, now_s)
                _note(result, current, now_s, step, detector.speech_frames * vad.frame_samples / CAPTURE_RATE)
    return result


def _note(result: Talk, current: Heard | None, now_s: float, step: Step, speech_s: float) -> None:
    if current is None:
        result.echo_steps.append((now_s, step))
        return
    current.steps.append((now_s, step))
    if step is Step.TAKE and current.speech_from_s is None:
        current.speech_from_s = now_s - speech_s


def _echo_rms(room: Room, reply: np.ndarray) -> float:
    acoustics = Acoustics(room)
    return active_rms(np.concatenate([acoustics.echo(block) for block in _blocks(reply[: 10 * CAPTURE_RATE])]))


def _blocks(samples: np.ndarray) -> Iterator[np.ndarray]:
    for at in range(0, len(samples) - BLOCK + 1, BLOCK):
        yield samples[at : at + BLOCK]
