"""Where there is speech in a recording: blocks of samples in, stretches of speech out, in constant memory.

The detector and the endpointer are those of a talk. A stretch ends at a pause; one that grows longer than the
recognizer takes is cut: at the longest short pause, or, if there is none, where it is quietest, and then both parts
hold the sound around the cut. Knows nothing of files, recognizers and words.

Positions are samples at 16 kHz from the start of the recording.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voicechat.endpointer import HYSTERESIS, Endpointer, SpeechEnded, SpeechStarted
from voicechat.protocols import VoiceActivityDetector
from voicechat.types import CAPTURE_RATE

MIN_SPEECH_MS = 120.0  # a spoken "no" may be as short; a talk, which is interrupted by a cough, waits longer
END_SILENCE_MS = 500.0
MARGIN_S = 0.25  # kept before and behind speech: recognizers do not like a beginning without a breath
OVERLAP_S = 1.0  # on either side of a cut within speech; the longest words take about as much
SHORT_PAUSE_S = 0.12  # within speech; better to cut in than any sound
EARLIEST_CUT = 0.4  # of the longest stretch
SMOOTHING_S = 0.1  # of the loudness by which the quietest place is found
GAP_S = 0.25  # of lost sound, from which speech does not go on behind it
SLACK_S = 0.01  # less is rounding
SPEECH = 0.5 - HYSTERESIS  # within a turn, this probability counts


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch of speech with a margin on either side.

    Attributes:
        samples: float32 (n,) at 16 kHz.
        start: position of the first sample.
        speech_start: position from which on its words count; earlier ones are the margin, or the stretch before it.
        speech_end: position at which they end, likewise.
        goes_on: cut within speech: the next stretch goes on at `speech_end`, and both hold what is around it.
    """

    samples: np.ndarray
    start: int
    speech_start: int
    speech_end: int
    goes_on: bool = False


class SpeechFinder:
    """Finds the stretches of one channel; blocks in, stretches out as soon as each is over.

    Attributes:
        position: how far the recording has been heard.
    """

    def __init__(self, vad: VoiceActivityDetector, *, max_stretch_s: float) -> None:
        """Set up for one recording.

        Args:
            max_stretch_s: the longest stretch that is wanted, at least 5 s.
        """
        if max_stretch_s < 5:
            raise ValueError(f"max_stretch_s must be at least 5, not {max_stretch_s}")
        self._vad = vad
        self._n_frame = vad.frame_samples
        self._frame_s = vad.frame_samples / CAPTURE_RATE
        self._endpointer = Endpointer(
            frame_ms=self._frame_s * 1000,
            min_speech_ms=MIN_SPEECH_MS,
            end_silence_ms=END_SILENCE_MS,
            max_turn_s=1e9,  # it is we who cut
        )
        self._n_margin = math.ceil(MARGIN_S / self._frame_s)  # frames
        self._n_overlap = math.ceil(OVERLAP_S / self._frame_s)
        self._max_frames = math.floor(max_stretch_s / self._frame_s)
        self._pending = np.zeros(0, np.float32)  # less than a frame
        self.position = 0  # of the first sample behind the frames so far
        self._recent: deque[_Frame] = deque(maxlen=self._n_margin + self._endpointer.history_frames)
        self._open: list[_Frame] | None = None  # of the stretch under way
        self._speech_start = 0

    @property
    def floor(self) -> int:
        """The earliest position at which the speech of a stretch that is still to come may begin."""
        if self._open is not None:
            return self._speech_start
        return max(0, self.position - self._endpointer.history_frames * self._n_frame)

    def push(self, samples: np.ndarray, *, position: int) -> Iterator[Stretch]:
        """Take the next block and yield the stretches that end in it.

        Args:
            samples: float32 (n,) at 16 kHz.
            position: of the first; where it is not that behind the block before, sound was lost, or a clock drifts.
        """
        gap = position - (self.position + len(self._pending))
        if gap >= GAP_S * CAPTURE_RATE:
            yield from self.finish()
            self._recent.clear()
            self.position = position
        elif (
            gap >= SLACK_S * CAPTURE_RATE and self._open is not None
        ):  # within speech, a place stays what it is by a little silence
            samples = np.concatenate([np.zeros(gap, np.float32), samples])
        elif self._open is None:
            self.position += gap
        buffered = np.concatenate([self._pending, samples]) if len(self._pending) else samples
        n_whole = len(buffered) - len(buffered) % self._n_frame
        for start in range(0, n_whole, self._n_frame):
            yield from self._push_frame(buffered[start : start + self._n_frame])
        self._pending = buffered[n_whole:].copy()  # a view would keep the block

    def finish(self) -> Iterator[Stretch]:
        """End the recording: yield the stretch under way."""
        pending, self._pending = self._pending, np.zeros(0, np.float32)
        if len(pending):
            yield from self._push_frame(np.pad(pending, (0, self._n_frame - len(pending))))
        if self._open is not None:
            yield self._close(self._endpointer.silence_frames)
        self._endpointer.reset()
        self._vad.reset()

    def _push_frame(self, samples: np.ndarray) -> Iterator[Stretch]:
        probability = self._vad.probability(samples)
        event = self._endpointer.push(probability)
        self.position += self._n_frame
        frame = _Frame(samples, probability)
        if self._open is None:
            self._recent.append(frame)
        else:
            self._open.append(frame)
        if isinstance(event, SpeechStarted):
            self._begin(event.speech_frames)
        elif isinstance(event, SpeechEnded):
            yield self._close(event.silence_frames)
            self._vad.reset()
        elif self._open is not None and len(self._open) >= self._max_frames:
            yield self._cut(self._open)

    def _begin(self, speech_frames: int) -> None:
        self._open = list(self._recent)[-(speech_frames + self._n_margin) :]
        self._recent.clear()
        self._speech_start = self.position - speech_frames * self._n_frame

    def _close(self, silence_frames: int) -> Stretch:
        """End the stretch under way; the silence behind its margin may be the margin of the next."""
        assert self._open is not None
        frames, self._open = self._open, None
        n_speech = max(0, len(frames) - silence_frames)
        n_kept = min(len(frames), n_speech + self._n_margin)
        start = self.position - len(frames) * self._n_frame
        self._recent.extend(frames[n_kept:])
        speech_end = max(start + n_speech * self._n_frame, self._speech_start)
        return Stretch(_samples(frames[:n_kept]), start, self._speech_start, speech_end)

    def _cut(self, frames: list[_Frame]) -> Stretch:
        """Give the first part of a stretch that is too long, and go on with the second."""
        place, in_pause = cut_place(
            np.array([frame.probability for frame in frames]),
            np.array([frame.power for frame in frames]),
            earliest=math.ceil(EARLIEST_CUT * len(frames)),
            latest=len(frames) - self._n_overlap,
            frame_s=self._frame_s,
        )
        n_overlap = 0 if in_pause else self._n_overlap
        start = self.position - len(frames) * self._n_frame
        cut_at = start + place * self._n_frame
        first = Stretch(_samples(frames[: place + n_overlap]), start, self._speech_start, cut_at, goes_on=not in_pause)
        self._open = frames[place - n_overlap :]
        self._speech_start = cut_at
        return first


@dataclass(frozen=True, eq=False)
class _Frame:
    samples: np.ndarray
    probability: float

    @property
    def power(self) -> float:
        return float(np.dot(self.samples, self.samples))


def cut_place(
    probabilities: np.ndarray, powers: np.ndarray, *, earliest: int, latest: int, frame_s: float
) -> tuple[int, bool]:
    """Find where to cut speech that is too long.

    Args:
        probabilities: of speech in each frame, (n,).
        powers: of each frame, (n,).
        earliest: the first frame that may be the first behind the cut.
        latest: the last.

    Returns:
        The index of the first frame behind the cut, and whether the cut is in a pause.
    """
    n_least = max(1, math.ceil(SHORT_PAUSE_S / frame_s - 1e-9))
    longest, place = 0, -1
    begun = earliest  # of the pause under way
    for index in range(earliest, latest + 1):
        if index < latest and probabilities[index] < SPEECH:
            continue
        if index - begun >= max(longest, n_least):  # of two as long, the later
            longest, place = index - begun, (begun + index) // 2
        begun = index + 1
    if place >= 0:
        return place, True
    n_smoothed = max(1, round(SMOOTHING_S / frame_s))
    smoothed = np.convolve(powers, np.ones(n_smoothed), "same")[earliest : latest + 1]
    return earliest + int(np.argmin(smoothed)), False


def _samples(frames: list[_Frame]) -> np.ndarray:
    return np.concatenate([frame.samples for frame in frames])
