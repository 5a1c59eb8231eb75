"""Captured audio in, utterances out: frames, pre-roll, voice activity, interruptions and the end of the turn.

Holds no thread and no device; the session feeds it and acts on what it yields.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voicechat.endpointer import Endpointer, SpeechEnded, SpeechStarted
from voicechat.interruption import InterruptionDetector, Step
from voicechat.pauses import Pauses
from voicechat.protocols import VoiceActivityDetector
from voicechat.types import CAPTURE_RATE, Level, Loudness
from voicechat.utterance import Utterance

PAUSE_MS = 60.0  # of silence in a turn after which engines may begin, in case the user has said all: two frames
JUDGE_MS = 160.0  # of silence in a turn after which somebody can tell what kind of pause it is
KEY_PRE_ROLL_MS = 100.0  # whoever presses the talk key speaks after that; before it there may be a reply to hear
LEVEL_INTERVAL_S = 0.1  # ten levels a second are enough for an eye


@dataclass(frozen=True, eq=False)
class UtteranceOpened:
    utterance: Utterance


@dataclass(frozen=True, eq=False)
class UtteranceClosed:
    utterance: Utterance


@dataclass(frozen=True, eq=False)
class UtteranceDropped:
    """It held no speech, or is no longer wanted."""

    utterance: Utterance


ListenerEvent = UtteranceOpened | UtteranceClosed | UtteranceDropped | Loudness | Level

LOUDNESS = {Step.DUCK: Loudness.DUCKED, Step.HOLD: Loudness.HELD, Step.RELEASE: Loudness.FULL}


class Listener:
    """Cuts a stream of captured audio into utterances.

    An utterance opens once speech is certain and then holds everything from `pre_roll_ms` before that speech began,
    so that its first syllable is whole; it grows with every frame until the endpointer says that the turn is over.
    While a reply is under way (`guarded`) more is asked of speech: that it is no cough and no "mhm". Or the talk key
    opens and closes utterances, whatever the detectors say.

    Args:
        pauses: says how long a pause is waited for; None: as long as the endpointer waits by itself.
        interruptions: tells an interruption from other sounds during a reply; None: nothing interrupts one.
        by_key: only the talk key opens utterances.
        meter: whether to yield levels.
    """

    def __init__(
        self,
        vad: VoiceActivityDetector,
        endpointer: Endpointer,
        *,
        pre_roll_ms: float,
        pauses: Pauses | None = None,
        interruptions: InterruptionDetector | None = None,
        by_key: bool = False,
        meter: bool = False,
    ) -> None:
        self._vad = vad
        self._endpointer = endpointer
        self._pauses = pauses
        self._interruptions = interruptions
        self._by_key = by_key
        self._frame_s = vad.frame_samples / CAPTURE_RATE
        self._pre_roll_frames = math.ceil(pre_roll_ms / 1000 / self._frame_s)
        self._key_pre_roll_frames = math.ceil(KEY_PRE_ROLL_MS / 1000 / self._frame_s)
        self._pause_frames = max(1, round(PAUSE_MS / 1000 / self._frame_s))
        self._judge_frames = max(1, round(JUDGE_MS / 1000 / self._frame_s))
        self._silence_frames = 0  # of the pause under way
        self._paused = False  # whether the open utterance has been told of a pause that lasts
        self._pending = np.zeros(0, np.float32)  # less than one frame, left over from the block before
        # Frames since the last turn and how likely speech is in each; bounded to what a start can reach.
        reach = max(endpointer.history_frames, interruptions.history_frames if interruptions else 0)
        self._recent: deque[tuple[np.ndarray, float]] = deque(maxlen=self._pre_roll_frames + reach)
        self._spoken_at: deque[float] = deque(maxlen=math.ceil(60 / self._frame_s))  # end of each frame, monotonic
        self._utterance: Utterance | None = None
        self._n_turn_frames = 0  # of the open utterance, from its first speech frame on
        self._guarded = False
        self._loudness = Loudness.FULL  # of the reply under way
        self._key_frames: _KeyFrames | None = None  # of an utterance that the talk key opened
        self._level = _LevelMeter(self._frame_s) if meter else None

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks, nor has just begun to, nor could interrupt."""
        return self._utterance is None and self._endpointer.quiet and not (self._guarded and self._interruptions)

    @property
    def in_utterance(self) -> bool:
        """Whether an utterance is open."""
        return self._utterance is not None

    def push(self, samples: np.ndarray, *, captured_at: float, guarded: bool = False) -> Iterator[ListenerEvent]:
        """Take a block and yield what happens in it, each frame handled only when the one before has been.

        Args:
            samples: float32 (n,) at 16 kHz.
            captured_at: `time.monotonic()` of the block's last sample.
            guarded: whether a reply is under way.
        """
        if guarded != self._guarded:
            yield from self._guard(guarded, captured_at)
        buffered = np.concatenate((self._pending, samples)) if len(self._pending) else samples
        n_frame = self._vad.frame_samples
        n_whole = len(buffered) - len(buffered) % n_frame
        self._pending = buffered[n_whole:]
        for start in range(0, n_whole, n_frame):
            after_s = (len(buffered) - start - n_frame) / CAPTURE_RATE
            yield from self._push_frame(buffered[start : start + n_frame], captured_at - after_s)

    def finish(self, *, captured_at: float) -> Iterator[ListenerEvent]:
        """End an open utterance, because the input has ended."""
        if self._utterance is None:
            return
        if len(self._pending):
            self._utterance.push(self._pending)
        if self._key_frames is not None:
            yield self._close_by_key(captured_at)
            return
        n_beyond = 1  # the end of the input is silence that goes on: ask when the turn would have been over
        while not isinstance(event := self._endpointer.push(0.0), SpeechEnded):
            n_beyond += 1
        yield self._close(max(0, event.silence_frames - n_beyond), captured_at)

    def open_by_key(self, *, captured_at: float) -> Iterator[ListenerEvent]:
        """Open an utterance now, because the user has pressed the talk key; one that is open goes on until release."""
        if self._key_frames is not None:
            return
        if self._utterance is not None:
            self._key_frames = _KeyFrames(n_speech=1)
            self._resume(self._utterance)
            return
        self._key_frames = _KeyFrames()
        yield self._open(0, captured_at, pre_roll_frames=min(self._pre_roll_frames, self._key_pre_roll_frames))

    def close_by_key(self, *, at: float) -> None:
        """End the open utterance with the frame of `at`, `time.monotonic()`: the talk key is let go."""
        if self._utterance is None:
            return
        if self._key_frames is None:
            self._key_frames = _KeyFrames(n_speech=1, n_since_speech=self._endpointer.silence_frames)
            self._resume(self._utterance)
        self._key_frames.close_at = at

    def drop(self) -> Iterator[ListenerEvent]:
        """Forget what was heard so far, an open utterance too: the microphone is muted, or the user types."""
        utterance, self._utterance = self._utterance, None
        self._forget()
        self._recent.clear()
        self._pending = np.zeros(0, np.float32)
        if utterance is not None:
            yield UtteranceDropped(utterance)
        yield from self._let_through()

    def _push_frame(self, frame: np.ndarray, captured_at: float) -> Iterator[ListenerEvent]:
        deaf = self._guarded and self._interruptions is None and self._utterance is None
        probability = 0.0 if deaf else self._vad.probability(frame)
        if self._level is not None and (level := self._level.push(frame, speech=probability >= 0.5)):
            yield level
        self._spoken_at.append(captured_at)
        if self._utterance is not None:
            yield from self._grow(self._utterance, frame, probability, captured_at)
            return
        self._recent.append((frame, probability))
        if self._by_key:
            return
        if not self._guarded:
            event = self._endpointer.push(probability)
            if isinstance(event, SpeechStarted):
                yield self._open(event.speech_frames, captured_at)
        elif self._interruptions is not None:
            yield from self._watch(self._interruptions, frame, probability, captured_at)

    def _grow(
        self, utterance: Utterance, frame: np.ndarray, probability: float, captured_at: float
    ) -> Iterator[ListenerEvent]:
        """Add a frame to the open utterance."""
        utterance.push(frame)
        self._n_turn_frames += 1
        if self._key_frames is None:
            event = self._endpointer.push(probability)
            if isinstance(event, SpeechEnded):
                yield self._close(event.silence_frames, captured_at)
            else:
                self._follow_pause(utterance)
            return
        self._key_frames.count(speech=probability >= 0.5)
        # While the key is down the user has the word, silent or not; only the longest turn is an end.
        event = self._endpointer.push(1.0)
        if isinstance(event, SpeechEnded) or captured_at >= self._key_frames.close_at:
            yield self._close_by_key(captured_at)

    def _watch(
        self, interruptions: InterruptionDetector, frame: np.ndarray, probability: float, captured_at: float
    ) -> Iterator[ListenerEvent]:
        """Look for an interruption in a frame that was captured during a reply."""
        step = interruptions.push(frame, probability)
        if step is Step.TAKE:
            self._loudness = Loudness.FULL  # of the next reply; this one is over
            yield self._open(interruptions.speech_frames, captured_at)
        elif step is not None:
            self._loudness = LOUDNESS[step]
            yield self._loudness

    def _guard(self, guarded: bool, captured_at: float) -> Iterator[ListenerEvent]:
        """A reply begins or ends; a sound that came up during it is judged by the usual rule from then on."""
        self._guarded = guarded
        if guarded or self._utterance is not None:
            return
        if self._interruptions is None:
            self._recent.clear()  # the reply itself, perhaps
            return
        doubtful = self._loudness is not Loudness.FULL
        yield from self._let_through()
        if doubtful:
            speech_frames = 0
            for _frame, probability in list(self._recent)[-self._endpointer.history_frames :]:
                event = self._endpointer.push(probability)
                speech_frames = event.speech_frames if isinstance(event, SpeechStarted) else speech_frames + 1
            if self._endpointer.in_turn:
                yield self._open(speech_frames, captured_at)

    def _let_through(self) -> Iterator[Loudness]:
        if self._interruptions is not None:
            self._interruptions.reset()
        if self._loudness is not Loudness.FULL:
            self._loudness = Loudness.FULL
            yield Loudness.FULL

    def _follow_pause(self, utterance: Utterance) -> None:
        """Let engines begin in a pause that lasts, and have it judged how long it is waited for."""
        silence_frames, before = self._endpointer.silence_frames, self._silence_frames
        self._silence_frames = silence_frames
        if silence_frames == 0:
            self._resume(utterance)
            if self._pauses is not None and before >= self._judge_frames:
                self._pauses.went_on(before * self._frame_s)
            return
        if not self._paused and silence_frames >= self._pause_frames:
            self._paused = True
            utterance.pause()
        if self._pauses is not None and silence_frames >= self._judge_frames:
            wait_ms = self._pauses.wait_ms(utterance, silence_frames * self._frame_s)
            if wait_ms is not None:
                self._endpointer.wait(wait_ms)

    def _resume(self, utterance: Utterance) -> None:
        if self._paused:
            self._paused = False
            utterance.resume()

    def _open(self, speech_frames: int, captured_at: float, *, pre_roll_frames: int | None = None) -> UtteranceOpened:
        """Open an utterance whose speech began `speech_frames` ago."""
        utterance = Utterance(started_at=captured_at - speech_frames * self._frame_s)
        n_keep = speech_frames + (self._pre_roll_frames if pre_roll_frames is None else pre_roll_frames)
        kept = list(self._recent)[-n_keep:] if n_keep else []
        for frame, _probability in kept:
            utterance.push(frame)
        if not self._endpointer.in_turn:
            self._endpointer.begin()
            for _frame, probability in kept[len(kept) - speech_frames :]:
                self._endpointer.push(probability)
        self._recent.clear()
        self._utterance = utterance
        self._n_turn_frames = speech_frames
        return UtteranceOpened(utterance)

    def _close(self, silence_frames: int, captured_at: float) -> UtteranceClosed:
        assert self._utterance is not None
        utterance, self._utterance = self._utterance, None
        last_speech = -1 - min(silence_frames, len(self._spoken_at) - 1)
        utterance.end(
            ended_at=self._spoken_at[last_speech] if self._spoken_at else captured_at,
            speech_s=(self._n_turn_frames - silence_frames) * self._frame_s,
        )
        self._forget()
        return UtteranceClosed(utterance)

    def _close_by_key(self, captured_at: float) -> UtteranceClosed | UtteranceDropped:
        assert self._utterance is not None
        assert self._key_frames is not None
        if self._key_frames.n_speech:
            return self._close(self._key_frames.n_since_speech, captured_at)
        utterance, self._utterance = self._utterance, None
        self._forget()
        return UtteranceDropped(utterance)

    def _forget(self) -> None:
        self._paused = False
        self._silence_frames = 0
        if self._pauses is not None:
            self._pauses.turn_ended()
        self._key_frames = None
        self._endpointer.reset()
        self._vad.reset()


@dataclass
class _KeyFrames:
    """What the detector says of an utterance that the talk key opened."""

    n_speech: int = 0
    n_since_speech: int = 0
    close_at: float = math.inf  # `time.monotonic()` of the key's release

    def count(self, *, speech: bool) -> None:
        self.n_speech += speech
        self.n_since_speech = 0 if speech else self.n_since_speech + 1


class _LevelMeter:
    """Sums the power of the frames between two levels."""

    def __init__(self, frame_s: float) -> None:
        self._n_frames = max(1, round(LEVEL_INTERVAL_S / frame_s))
        self._power = 0.0
        self._n = 0
        self._speech = False

    def push(self, frame: np.ndarray, *, speech: bool) -> Level | None:
        self._power += float(np.dot(frame, frame)) / len(frame)
        self._n += 1
        self._speech |= speech
        if self._n < self._n_frames:
            return None
        mean = self._power / self._n
        level = Level(dbfs=10 * math.log10(mean) if mean > 0 else -math.inf, speech=self._speech)
        self._power, self._n, self._speech = 0.0, 0, False
        return level
