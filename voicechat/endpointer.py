"""When a turn begins and when it is over: speech probabilities in, SpeechStarted / SpeechEnded out.

Knows nothing of audio, clocks or threads: time is the number of frames pushed. One rule decides everything, with two
sets of numbers: *so many speech frames among the last so many*. Counting in a window, not in an unbroken row, lets a
dropout inside a short "yes" pass, and keeps a click in the silence after a sentence from being taken for more of it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

# A turn begins when the window holds min_speech_ms of speech; it is this much longer, to span dropouts.
START_WINDOW_RATIO = 1.5
# Inside a turn, doubt speaks for speech: a frame is taken for it at this much less than the threshold.
HYSTERESIS = 0.15
# Inside a turn, a speech frame counts only among this much speech: a click or a tap of the desk is shorter,
# the shortest syllable is not.
BURST_MS = 60.0
BURST_WINDOW_MS = 160.0


class EndReason(StrEnum):
    """Why a turn ended."""

    SILENCE = "silence"  # the speaker has been silent for as long as they are waited for
    MAX_TURN = "max_turn"  # the turn has lasted max_turn_s


@dataclass(frozen=True)
class SpeechStarted:
    """A turn has begun.

    Attributes:
        speech_frames: how many frames ago its speech began, this frame included; at most `history_frames`.
    """

    speech_frames: int


@dataclass(frozen=True)
class SpeechEnded:
    """The turn is over.

    Attributes:
        silence_frames: frames since its last speech frame, this one included; 0 if this one is speech.
    """

    silence_frames: int
    reason: EndReason


class Endpointer:
    """Find the turns in a stream of speech probabilities, one frame at a time.

    SpeechStarted and SpeechEnded strictly alternate, and a turn never reaches back into the one before it. How long a
    pause is waited for is the same each time, unless somebody who has listened to the turn says otherwise: `wait()`.
    """

    def __init__(
        self,
        *,
        frame_ms: float,
        min_speech_ms: float = 200.0,
        end_silence_ms: float = 500.0,
        max_turn_s: float = 30.0,
        threshold: float = 0.5,
    ) -> None:
        """Set up the waits, each rounded up to whole frames.

        Args:
            frame_ms: how long a frame is.
            min_speech_ms: less speech than this is no turn: a cough, a click.
            end_silence_ms: this long after the last speech frame, the turn is over, unless `wait()` says otherwise.
            max_turn_s: a turn is cut when it is this long, speech going on or not (never before it has begun).
            threshold: a frame is speech from this probability on; inside a turn, from HYSTERESIS less.

        Raises:
            ValueError: If a duration is not positive.
        """
        if min(frame_ms, min_speech_ms, end_silence_ms, max_turn_s) <= 0:
            raise ValueError("frame_ms, min_speech_ms, end_silence_ms and max_turn_s must be positive")

        def frames(duration_ms: float) -> int:
            return _whole_frames(duration_ms, frame_ms)

        self._frame_ms = frame_ms
        self._threshold = threshold
        self._start_frames = frames(min_speech_ms)
        # Two more at the least: with long frames the ratio alone would span no dropout.
        self._start_window = max(frames(min_speech_ms * START_WINDOW_RATIO), self._start_frames + 2)
        self._burst_frames = min(frames(BURST_MS), self._start_frames)
        self._burst_window = max(frames(BURST_WINDOW_MS), self._burst_frames)
        self._end_silence_frames = frames(end_silence_ms)
        self._wait_frames = self._end_silence_frames  # in the pause under way
        # A turn may be as long as `history_frames` when it begins, and lasts one more at the least.
        self._max_turn_frames = max(frames(max_turn_s * 1000), self._start_window + 1)
        self._recent: deque[bool] = deque(maxlen=max(self._start_window, self._burst_window))
        self._in_turn = False
        self._turn_frames = 0  # since its first speech frame
        self._silence_frames = 0  # since its last

    @property
    def history_frames(self) -> int:
        """The furthest back a SpeechStarted reaches: what a listener must keep, besides the pre-roll."""
        return self._start_window

    @property
    def quiet(self) -> bool:
        """Whether there is no turn and no sign of one."""
        return not self._in_turn and not any(self._recent)

    @property
    def in_turn(self) -> bool:
        """Whether a turn is under way."""
        return self._in_turn

    @property
    def silence_frames(self) -> int:
        """How many frames ago the turn's last speech was; 0 while speech goes on and between turns."""
        return self._silence_frames if self._in_turn else 0

    def push(self, probability: float) -> SpeechStarted | SpeechEnded | None:
        """Take the next frame's speech probability; tell whether a turn starts or ends with this frame."""
        threshold = self._threshold - HYSTERESIS if self._in_turn else self._threshold
        is_speech = probability >= threshold  # False for NaN
        self._recent.append(is_speech)
        if not self._in_turn:
            return self._start() if is_speech else None
        self._turn_frames += 1
        if is_speech and self._speech_among_last(self._burst_window) >= self._burst_frames:
            self._silence_frames = 0
            self._wait_frames = self._end_silence_frames
        else:
            self._silence_frames += 1
        if self._silence_frames >= self._wait_frames:
            return self._end(EndReason.SILENCE)
        if self._turn_frames >= self._max_turn_frames:
            return self._end(EndReason.MAX_TURN)
        return None

    def begin(self) -> None:
        """Begin a turn with the next frame, whatever was pushed before."""
        self.reset()
        self._in_turn = True
        self._turn_frames = self._silence_frames = 0

    def wait(self, silence_ms: float) -> None:
        """End the turn this long after its last speech frame, in this pause; the next one is waited for as usual.

        Rounded up to whole frames. Where the pause is longer already, the turn ends with the next frame, unless that
        is speech. While speech goes on and between turns there is no pause, and nothing changes.

        Raises:
            ValueError: If `silence_ms` is not positive and finite.
        """
        if not 0 < silence_ms < math.inf:  # nor NaN
            raise ValueError(f"silence_ms must be positive and finite, not {silence_ms}")
        if self.silence_frames:
            self._wait_frames = _whole_frames(silence_ms, self._frame_ms)

    def reset(self) -> None:
        """Forget the frames so far; a turn under way is forgotten without a SpeechEnded."""
        self._recent.clear()
        self._in_turn = False
        self._wait_frames = self._end_silence_frames

    def _speech_among_last(self, n_frames: int) -> int:
        return sum(list(self._recent)[-n_frames:])

    def _start(self) -> SpeechStarted | None:
        if self._speech_among_last(self._start_window) < self._start_frames:
            return None
        window = list(self._recent)[-self._start_window :]
        self._in_turn = True
        self._turn_frames = len(window) - window.index(True)
        self._silence_frames = 0
        return SpeechStarted(self._turn_frames)

    def _end(self, reason: EndReason) -> SpeechEnded:
        ended = SpeechEnded(self._silence_frames, reason)
        self.reset()  # so that the next turn cannot begin inside this one
        return ended


def _whole_frames(duration_ms: float, frame_ms: float) -> int:
    return max(1, math.ceil(duration_ms / frame_ms - 1e-9))  # 16.1 * 1000 is a little over 16100
