"""Captured audio in, utterances out: frames, pre-roll, voice activity and the end of the turn put together.

Holds no thread and no device; the session feeds it and acts on what it yields.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voicechat.endpointer import Endpointer, SpeechEnded, SpeechStarted
from voicechat.protocols import VoiceActivityDetector
from voicechat.types import CAPTURE_RATE, Level, Utterance

PAUSE_MS = 60.0  # of silence in a turn after which engines may begin, in case the user has said all: two frames
LEVEL_INTERVAL_S = 0.1  # ten levels a second are enough for an eye


@dataclass(frozen=True, eq=False)
class UtteranceOpened:
    utterance: Utterance


@dataclass(frozen=True, eq=False)
class UtteranceClosed:
    utterance: Utterance


ListenerEvent = UtteranceOpened | UtteranceClosed | Level


class Listener:
    """Cuts a stream of captured audio into utterances.

    An utterance opens once speech is certain and then holds everything from `pre_roll_ms` before that speech began,
    so that its first syllable is whole; it grows with every frame until the endpointer says that the turn is over.
    """

    def __init__(
        self, vad: VoiceActivityDetector, endpointer: Endpointer, *, pre_roll_ms: float, meter: bool = False
    ) -> None:
        self._vad = vad
        self._endpointer = endpointer
        self._frame_s = vad.frame_samples / CAPTURE_RATE
        self._pre_roll_frames = math.ceil(pre_roll_ms / 1000 / self._frame_s)
        self._pause_frames = max(1, round(PAUSE_MS / 1000 / self._frame_s))
        self._paused = False  # whether the open utterance has been told of a pause that lasts
        self._pending = np.zeros(0, np.float32)  # less than one frame, left over from the block before
        self._recent: deque[np.ndarray] = deque()  # frames since the last turn; bounded to what a start can reach
        self._n_recent_max = self._pre_roll_frames + endpointer.history_frames
        self._spoken_at: deque[float] = deque(maxlen=math.ceil(60 / self._frame_s))  # end of each frame, monotonic
        self._utterance: Utterance | None = None
        self._n_turn_frames = 0  # of the open utterance, from its first speech frame on
        self._level = _LevelMeter(self._frame_s) if meter else None

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks, nor has just begun to."""
        return self._endpointer.quiet

    def push(self, samples: np.ndarray, *, captured_at: float) -> Iterator[ListenerEvent]:
        """Take a block and yield what happens in it, each frame handled only when the one before has been.

        Args:
            samples: float32 (n,) at 16 kHz.
            captured_at: `time.monotonic()` of the block's last sample.
        """
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
        n_beyond = 1  # the end of the input is silence that goes on: ask when the turn would have been over
        while not isinstance(event := self._endpointer.push(0.0), SpeechEnded):
            n_beyond += 1
        yield self._close(max(0, event.silence_frames - n_beyond), captured_at)

    def _push_frame(self, frame: np.ndarray, captured_at: float) -> Iterator[ListenerEvent]:
        probability = self._vad.probability(frame)
        if self._level is not None and (level := self._level.push(frame, speech=probability >= 0.5)):
            yield level
        self._spoken_at.append(captured_at)
        event = self._endpointer.push(probability)
        if self._utterance is not None:
            self._utterance.push(frame)
            self._n_turn_frames += 1
            self._tell_of_pauses(self._utterance)
        else:
            self._recent.append(frame)
            if len(self._recent) > self._n_recent_max:
                self._recent.popleft()
        if isinstance(event, SpeechStarted):
            yield self._open(event, captured_at)
        elif isinstance(event, SpeechEnded):
            yield self._close(event.silence_frames, captured_at)

    def _tell_of_pauses(self, utterance: Utterance) -> None:
        silence_frames = self._endpointer.silence_frames
        if not self._paused and silence_frames == self._pause_frames:
            self._paused = True
            utterance.pause()
        elif self._paused and silence_frames == 0 and self._endpointer.in_turn:
            self._paused = False
            utterance.resume()

    def _open(self, event: SpeechStarted, captured_at: float) -> UtteranceOpened:
        utterance = Utterance(started_at=captured_at - event.speech_frames * self._frame_s)
        n_keep = event.speech_frames + self._pre_roll_frames
        for frame in list(self._recent)[-n_keep:]:
            utterance.push(frame)
        self._recent.clear()
        self._utterance = utterance
        self._n_turn_frames = event.speech_frames
        return UtteranceOpened(utterance)

    def _close(self, silence_frames: int, captured_at: float) -> UtteranceClosed:
        assert self._utterance is not None
        utterance, self._utterance = self._utterance, None
        self._paused = False
        last_speech = -1 - min(silence_frames, len(self._spoken_at) - 1)
        utterance.end(
            ended_at=self._spoken_at[last_speech] if self._spoken_at else captured_at,
            speech_s=(self._n_turn_frames - silence_frames) * self._frame_s,
        )
        self._endpointer.reset()
        self._vad.reset()
        return UtteranceClosed(utterance)


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
