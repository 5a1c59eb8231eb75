"""One scene of the echo benchmark: what is heard of the assistant and of the user, three ways.

The scene: two seconds of room, replies alone for `ALONE_S`, then replies with a user who speaks over them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from livekit import rtc

from benchmarks._echo_cases import Case
from benchmarks._rooms import BLOCK, Decimator, Room
from benchmarks._simulated_devices import SPEAKER_RATE, Devices, SimulatedMicrophone, SimulatedSpeaker
from benchmarks.turn_taking import SENTENCES, recorded, trimmed
from tests.vad.signals import probabilities
from voicechat.audio import echo_canceller
from voicechat.audio.echo_canceller import EchoCancellingSource
from voicechat.audio.echo_reference import EchoReference
from voicechat.audio.resample import Resampler
from voicechat.endpointer import Endpointer, SpeechStarted
from voicechat.protocols import VoiceActivityDetector
from voicechat.tts import espeak
from voicechat.types import CAPTURE_RATE
from voicechat.vad import silero, webrtc

LEAD_S = 2.0
ALONE_S = 45.0
OVER_S = 30.0
PEAK = 0.5  # of a reply, before the speaker's own distortion
GAP_S = (0.2, 0.8)  # between two sentences of a reply
USER_GAP_S = (0.8, 1.6)
REPLIES = (
    "The weather in the north will be cold and clear, with a little wind from the east.",
    "A mile has five thousand two hundred and eighty feet, which is about one point six kilometers.",
    "I have set a timer for ten minutes, and I will tell you when it is over.",
    "There are three things on your list: milk, bread, and a present for your mother.",
    "That is a long story, but I shall try to tell it in a few words.",
)
ASSISTANTS = (espeak.Options(), espeak.Options(pitch=65, speed_wpm=150))
USERS = (espeak.Options(pitch=85, speed_wpm=180), espeak.Options(pitch=20, speed_wpm=170))
SOUNDING_POWER = 1e-6  # of a frame of echo; less is a pause
REPLY_S = 8.0  # of speech, in the long run, then
PAUSE_S = (0.5, 6.0)  # of silence


@dataclass(frozen=True)
class Voices:
    """Sentences of the assistant and of the user, float64 (n,) at 16 kHz, with a peak of 1."""

    assistant: list[np.ndarray]
    user: list[np.ndarray]

    @classmethod
    def load(cls, folder: Path | None) -> Voices:
        """Speak them, or take every other recording of a folder."""
        if folder is not None:
            sounds = [trimmed(sound) for sound in recorded(sorted(folder.glob("*.wav")))]
            return cls(sounds[::2], sounds[1::2])
        return cls(list(_spoken(ASSISTANTS, REPLIES)), list(_spoken(USERS, SENTENCES)))


def _spoken(speakers: tuple[espeak.Options, ...], sentences: tuple[str, ...]) -> Iterator[np.ndarray]:
    for speaker in speakers:
        with closing(espeak.load(speaker)) as synthesizer:
            for sentence in sentences:
                chunks = list(synthesizer.synthesize(sentence))
                resampler = Resampler(chunks[0].sample_rate, CAPTURE_RATE)
                samples = np.concatenate([chunk.samples for chunk in chunks])
                yield trimmed(np.concatenate([resampler.push(samples), resampler.flush()]))


@dataclass(frozen=True)
class Score:
    """What a detector makes of one way of listening, in percent of frames.

    Attributes:
        lag_ms: from the user's first frame of speech to the first that is heard as such, the median of all times.
    """

    false_silero: float
    false_webrtc: float
    kept: float
    lag_ms: float


@dataclass(frozen=True)
class Result:
    name: str
    jumps: bool
    ways: dict[str, Score]
    core_percent: float


def talk(sentences: list[np.ndarray], seconds: float, gap_s: tuple[float, float], *, seed: int) -> np.ndarray:
    """Give sentences with pauses, float64 (n,) at 16 kHz."""
    rng = np.random.default_rng(seed)
    pieces: list[np.ndarray] = []
    n = round(seconds * CAPTURE_RATE)
    while sum(map(len, pieces)) < n:
        pieces += [sentences[rng.integers(len(sentences))], np.zeros(round(rng.uniform(*gap_s) * CAPTURE_RATE))]
    return np.concatenate(pieces)[:n]


def rms(samples: np.ndarray) -> float:
    """Give the RMS of what sounds."""
    frames = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    power = (frames**2).mean(axis=1)
    return float(np.sqrt(power[power > SOUNDING_POWER].mean()))


def judge(case: Case, voices: Voices) -> Result:
    """Play a scene, and listen to it in each way."""
    seconds = LEAD_S + ALONE_S + OVER_S
    reply = PEAK * talk(voices.assistant, ALONE_S + OVER_S - 1, GAP_S, seed=1)
    user = talk(voices.user, OVER_S - 1, USER_GAP_S, seed=2)
    user *= 10 ** ((case.near_db + case.room.echo_db) / 20) * rms(reply) / rms(user)
    near = np.zeros(round(seconds * CAPTURE_RATE))
    n_before = round((LEAD_S + ALONE_S) * CAPTURE_RATE)
    near[n_before : n_before + len(user)] = user

    reference = EchoReference()
    speaker = SimulatedSpeaker(case.devices, reference)
    microphone = SimulatedMicrophone(case.devices, case.room, speaker, near=near)
    source = EchoCancellingSource(
        microphone, reference, echo_canceller.load(echo_canceller.Options()), monotonic=lambda: speaker.now_s
    )
    upsampled = _upsampled(reply)
    heard, cpu_s = _listen(source, microphone, lambda: _say_at(speaker, upsampled, LEAD_S))
    speaker.close()
    captured, echo = np.concatenate(microphone.captured), np.concatenate(microphone.echo)
    n = min(len(captured), len(heard))
    truth = _Truth(captured[:n] - echo[:n], echo[:n], n_before)
    ways = {
        "no canceller": truth.score(captured[:n]),
        "bare module": truth.score(bare_module(microphone)[:n]),
        "voicechat": truth.score(heard[:n]),
    }
    return Result(case.name, case.devices.jump_at_s < seconds, ways, 100 * cpu_s / seconds)


def _say_at(speaker: SimulatedSpeaker, samples: np.ndarray, at_s: float) -> bool:
    """Begin to speak when it is time; whether it was."""
    if speaker.now_s < at_s:
        return False
    speaker.say(samples)
    return True


def _listen(
    source: EchoCancellingSource, microphone: SimulatedMicrophone, speak: Callable[[], bool]
) -> tuple[np.ndarray, float]:
    """Read a source to its end; give all of it, and the processor time that it took beside the simulation's."""
    said = False
    blocks = []
    started = time.process_time()
    while (block := source.read()) is not None:
        blocks.append(block)
        said = said or speak()
    return np.concatenate(blocks), time.process_time() - started - microphone.cpu_s


class _Truth:
    """What was echo and what was the user in a scene."""

    def __init__(self, without_echo: np.ndarray, echo: np.ndarray, n_before: int) -> None:
        self._spoken = {name: speech(name, without_echo) for name in ("silero", "webrtc")}
        self._echo = echo
        self._n_before = n_before

    def score(self, heard: np.ndarray) -> Score:
        found = {name: speech(name, heard) for name in self._spoken}
        n_frame = silero.FRAME_SAMPLES
        first = self._n_before // n_frame
        spoken = self._spoken["silero"][first:]
        kept = found["silero"][first:]
        return Score(
            false_silero=self._false("silero", found["silero"], n_frame),
            false_webrtc=self._false("webrtc", found["webrtc"], webrtc.FRAME_SAMPLES),
            kept=100 * float(kept[: len(spoken)][spoken[: len(kept)]].mean()),
            lag_ms=float(np.median(list(_lags(spoken, kept)))) * n_frame / CAPTURE_RATE * 1000,
        )

    def _false(self, name: str, found: np.ndarray, n_frame: int) -> float:
        n = self._n_before // n_frame
        sounding = (self._echo[: n * n_frame].reshape(n, n_frame) ** 2).mean(axis=1) > SOUNDING_POWER
        return 100 * float(found[:n][sounding & ~self._spoken[name][:n]].mean())


def _lags(spoken: np.ndarray, kept: np.ndarray) -> Iterator[int]:
    """Yield for each time that the user speaks after a pause the frames until that is heard."""
    pause = round(0.5 * CAPTURE_RATE / silero.FRAME_SAMPLES)
    for begin in np.flatnonzero(spoken):
        if not spoken[max(0, begin - pause) : begin].any():
            heard = np.flatnonzero(kept[begin : begin + 2 * pause])
            yield int(heard[0]) if len(heard) else 2 * pause


def speech(name: str, samples: np.ndarray) -> np.ndarray:
    """Give what a detector takes for speech, bool (n_frames,)."""
    return np.array(probabilities(detector(name), samples)) >= 0.5


def detector(name: str) -> VoiceActivityDetector:
    return silero.load(silero.Options()) if name == "silero" else webrtc.load(webrtc.Options())


def bare_module(microphone: SimulatedMicrophone) -> np.ndarray:
    """Give what LiveKit's module makes of what both callbacks hand over, each block when it comes."""
    module = rtc.AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)
    decimator = Decimator()
    far = near = np.zeros(0)
    heard: list[np.ndarray] = []
    for consumed, captured in zip(microphone.consumed, microphone.captured, strict=True):
        if len(consumed):
            far = np.concatenate([far, decimator.push(consumed)])
        near = np.concatenate([near, captured])
        while len(far) >= BLOCK:
            module.process_reverse_stream(_frame(far[:BLOCK]))
            far = far[BLOCK:]
        while len(near) >= BLOCK:
            frame = _frame(near[:BLOCK])
            module.process_stream(frame)
            heard.append(np.frombuffer(frame.data, np.int16) / 32768)
            near = near[BLOCK:]
    return np.concatenate(heard)


def _frame(samples: np.ndarray) -> rtc.AudioFrame:
    as_int16 = np.round(np.clip(samples, -1, 32767 / 32768) * 32768).astype(np.int16)
    return rtc.AudioFrame(bytearray(as_int16.tobytes()), CAPTURE_RATE, 1, len(samples))


def replies_alone(devices: Devices, voices: Voices, *, seconds: float) -> dict[str, int]:
    """Give how many turns each detector begins while nobody but the assistant speaks."""
    reference = EchoReference()
    speaker = SimulatedSpeaker(devices, reference)
    silence = np.zeros(round(seconds * CAPTURE_RATE))
    microphone = SimulatedMicrophone(devices, Room(), speaker, near=silence)
    source = EchoCancellingSource(
        microphone, reference, echo_canceller.load(echo_canceller.Options()), monotonic=lambda: speaker.now_s
    )
    rng = np.random.default_rng(3)
    listeners = {name: _Turns(detector(name)) for name in ("silero", "webrtc")}
    next_at_s = LEAD_S
    while (block := source.read()) is not None:
        microphone.forget()
        for listener in listeners.values():
            listener.push(block)
        if not speaker.idle:
            next_at_s = speaker.now_s + float(rng.uniform(*PAUSE_S))
        elif speaker.now_s >= next_at_s:
            speaker.say(_upsampled(PEAK * talk(voices.assistant, REPLY_S, GAP_S, seed=int(rng.integers(1 << 30)))))
    speaker.close()
    return {name: listener.n for name, listener in listeners.items()}


class _Turns:
    """Counts the turns that a listener would open, by the endpointer's own rules."""

    def __init__(self, vad: VoiceActivityDetector) -> None:
        self.n = 0
        self._vad = vad
        self._endpointer = Endpointer(frame_ms=vad.frame_samples / CAPTURE_RATE * 1000)
        self._pending = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> None:
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= self._vad.frame_samples:
            frame = self._pending[: self._vad.frame_samples]
            self._pending = self._pending[self._vad.frame_samples :]
            self.n += isinstance(self._endpointer.push(self._vad.probability(frame)), SpeechStarted)


def _upsampled(samples: np.ndarray) -> np.ndarray:
    resampler = Resampler(CAPTURE_RATE, SPEAKER_RATE)
    return np.concatenate([resampler.push(samples.astype(np.float32)), resampler.flush()])
