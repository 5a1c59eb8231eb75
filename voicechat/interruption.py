"""Whether the user interrupts a reply: microphone frames in, DUCK / HOLD / TAKE / RELEASE out.

An interruption is made in steps that cost little while they may be wrong. What stands out from the background makes
the reply quiet within some 60 ms and silent within some 130, and both can be undone; only what turns out to be words
takes the turn. Time is the number of frames pushed.

What is left of the echo is background like the noise of the room, learnt from the same frames, so the reply does not
interrupt itself. Knows nothing of players, engines, threads or how the echo was cancelled.
"""

from __future__ import annotations

import math
from collections import deque
from enum import StrEnum

import numpy as np

from voicechat.short_sounds import Sound, measure, periodicity, wordiness
from voicechat.types import CAPTURE_RATE

WINDOW_MS = 160.0  # speech is counted in a window, not in an unbroken row: a dropout passes
DUCK_MS = 32.0  # of likely speech: two frames of 20 ms, one of 32 ms
LIKELY = 0.25  # probability of speech
CLEAR_DB = 3.0  # what stands out by so much more is likely speech: a detector's first moment is often in doubt
VOICED = 0.65  # periodicity of a voice, heard before a slow detector is sure
UNDER_CEILING = 0.4  # what speech counts that is no louder than the echo at its worst: it has to last
ABOVE_CEILING_DB = 3.0
# Making the reply quiet is a question too: an echo gets quieter with it, some moments later, and the user does not.
REACTION_MS = 60.0  # until a decision is heard in the microphone
DUCKED_DB = 12.0  # by which an echo has become softer at the least
HOLD_MS = 80.0  # of likely speech,
SURE_MS = 32.0  # of which so much is sure, later than REACTION_MS
FALLEN_DB = 8.0  # and no more than this softer than before, or too loud to be what was left of an echo
# Making it silent asks again: what ends with the reply is its echo, unless it is too loud for that.
OUTLIVED_MS = 40.0
RESIDUE_DB = 25.0  # above the background
BLIP_MS = 200.0  # of silence after which a sound is over that was never sure
DOUBT_MAX_MS = 1200.0  # a sound that was in doubt so long is background: a fan that was switched on
GAP_MS = 200.0  # of silence after which what there was is judged
RELEASE_MS = 400.0  # of silence after which it is over: coughs come in twos, and an "mhm" has a gap
LONG_MS = 450.0  # a sound so long is judged while it goes on,
AGAIN_MS = 100.0  # and again each time it is so much longer
HOLD_MAX_MS = 4000.0  # what has been no words for so long is background: somebody vacuums, or hums a tune
JUDGED_MS = 1500.0  # of a sound, its last part: words after a fit of coughing are words
LEAD_IN_MS = 40.0  # before a sound begins, that is judged with it
HISTORY_MS = 2000.0
WORDS_SO_FAR = 1.0  # wordiness from which a sound that goes on is words,
WORDS = 0.0  # and one that is over: nothing more will tell
NOISE_S = 2.0  # over which the background's usual level is learnt
BLIPS_S = 12.0  # for which it is remembered how loud it was that came up for a moment,
N_BLIPS = 3  # the so many loudest: one or two may have been clicks of the user's mouse
LEARN_EVERY = 5  # frames
MIN_DBFS = -75.0  # a background below this is as good as none: nobody speaks so softly
SOFT_ONSET_S = 0.3
STEADY_SHARE = 0.2  # of a long sound is softer than what is steady in it


class Step(StrEnum):
    """What is to be done with the reply. A DUCK leads to TAKE or RELEASE, with a HOLD between them or not."""

    DUCK = "duck"  # speech is likely: make it quiet
    HOLD = "hold"  # speech, or nearly so: make it silent, but keep its place
    TAKE = "take"  # words: give it up, a new turn has begun
    RELEASE = "release"  # nothing: go on where it was held


class InterruptionDetector:
    """Decide, frame by frame, what the microphone hears means for the reply that is being made or spoken."""

    def __init__(self, *, frame_samples: int, threshold: float = 0.5, margin_db: float = 6.5) -> None:
        """Set up the waits, each rounded up to whole frames.

        Args:
            frame_samples: how long a frame is, at 16 kHz.
            threshold: a frame is speech from this probability on.
            margin_db: what stands this much above the background may be speech.

        Raises:
            ValueError: If frame_samples is not positive.
        """
        if frame_samples <= 0:
            raise ValueError(f"frame_samples must be positive, not {frame_samples}")
        self._frame_samples = frame_samples
        self._frame_ms = frame_samples / CAPTURE_RATE * 1000
        self._threshold = threshold
        self._margin_db = margin_db
        self._background = _Background(frame_ms=self._frame_ms, margin_db=margin_db)
        self._recent: deque[np.ndarray] = deque(maxlen=self._n(JUDGED_MS + RELEASE_MS + LEAD_IN_MS))
        self._evidence: deque[float] = deque(maxlen=self._n(WINDOW_MS))  # of speech, 0 to 1 for each frame
        self._state: Step | None = None  # DUCK or HOLD while a sound goes on
        self._n_sound = 0  # frames since it began
        self._n_silent = 0  # frames since it was heard last
        self._n_reacted = 0  # frames that it has when the newest decision is heard
        self._n_sure = 0  # frames of sure speech since then
        self._loudest_dbfs = -math.inf  # of the sound
        self._n_judged = 0  # frames that it had when it was judged last

    @property
    def history_frames(self) -> int:
        """The most that speech_frames can be: what a caller must keep, besides the pre-roll."""
        return self._n(HISTORY_MS)

    @property
    def speech_frames(self) -> int:
        """How many frames ago the sound that goes on began, the last frame included; after a TAKE, the user's turn."""
        return min(self._n_sound, self.history_frames)

    def push(self, frame: np.ndarray, probability: float) -> Step | None:
        """Take the next frame while a reply is being made or spoken; tell what to do now.

        Args:
            frame: float32 (frame_samples,) at 16 kHz, the echo of the reply cancelled; NaN counts as 0.
            probability: of speech in it.

        Raises:
            ValueError: If the frame has another length.
        """
        if frame.shape != (self._frame_samples,):
            raise ValueError(f"a frame must have {self._frame_samples} samples, not shape {frame.shape}")
        if not math.isfinite(float(np.dot(frame, frame))):
            frame = np.nan_to_num(frame, nan=0.0, posinf=0.0, neginf=0.0)
        level_dbfs = _level_dbfs(frame)
        self._recent.append(frame)
        evidence = self._speech_in(level_dbfs, probability)
        self._evidence.append(evidence)
        if self._state is None:
            return self._wait(level_dbfs, evidence)
        self._n_sound += 1
        self._n_silent = 0 if evidence else self._n_silent + 1
        self._background.sounding(level_dbfs)
        if evidence == 1.0 and self._n_sound > self._n_reacted:
            lasts_dbfs = min(self._loudest_dbfs - FALLEN_DB, self._background.usual_dbfs + RESIDUE_DB)
            self._n_sure += self._state is Step.HOLD or level_dbfs >= lasts_dbfs
        self._loudest_dbfs = max(self._loudest_dbfs, level_dbfs)
        return self._doubt() if self._state is Step.DUCK else self._judge()

    def reset(self) -> None:
        """Forget the sound that goes on, but not what was learnt about the background."""
        self._recent.clear()
        self._evidence.clear()
        self._state = None
        self._n_sound = self._n_silent = self._n_judged = 0

    def _speech_in(self, level_dbfs: float, probability: float) -> float:
        """Give how much a frame speaks for speech: 0 to 1, above 0.5 if it is sure."""
        noise_dbfs = self._background.usual_dbfs + self._margin_db
        if level_dbfs < noise_dbfs:
            return 0.0
        is_sure = probability >= self._threshold or self._is_voiced()
        ceiling_dbfs = self._background.ceiling_dbfs + ABOVE_CEILING_DB
        if self._state is not None and self._n_sound >= self._n_reacted:
            ceiling_dbfs -= DUCKED_DB if self._state is Step.DUCK else math.inf
        if level_dbfs < ceiling_dbfs:
            return UNDER_CEILING if is_sure else 0.0
        if is_sure:
            return 1.0
        return 0.5 if probability >= LIKELY or level_dbfs >= max(noise_dbfs, ceiling_dbfs) + CLEAR_DB else 0.0

    def _is_voiced(self) -> bool:
        return periodicity(np.concatenate(list(self._recent)[-2:])) >= VOICED

    def _wait(self, level_dbfs: float, evidence: float) -> Step | None:
        if not evidence or sum(self._evidence) * self._frame_ms < DUCK_MS:
            self._background.learn(level_dbfs)
            return None
        self._state = Step.DUCK
        self._n_sound = len(self._evidence) - next(i for i, e in enumerate(self._evidence) if e)
        self._n_reacted = self._n_sound + self._n(REACTION_MS)
        self._n_silent = self._n_judged = self._n_sure = 0
        self._loudest_dbfs = level_dbfs
        self._background.begin(level_dbfs)
        return Step.DUCK

    def _doubt(self) -> Step | None:
        """Go on with a sound that may be speech."""
        if sum(self._evidence) * self._frame_ms >= HOLD_MS and self._n_sure * self._frame_ms >= SURE_MS:
            self._state = Step.HOLD
            self._n_reacted = self._n_sound + self._n(REACTION_MS)
            self._n_sure = 0
            return Step.HOLD
        if self._n_silent >= self._n(BLIP_MS):
            self._background.was_blip()
            return self._release()
        if self._n_sound >= self._n(DOUBT_MAX_MS):
            self._background.was_steady()
            return self._release()
        return None

    def _judge(self) -> Step | None:
        """Go on with a sound for which the reply is held."""
        if self._n_silent >= self._n(RELEASE_MS):
            if self._ended_with_reply():
                self._background.was_blip()
            return self._release()
        heard = self._n_sound - self._n_silent
        sound, enough = None, WORDS_SO_FAR
        if self._n_silent == self._n(GAP_MS):
            sound, enough = self._sound(), WORDS
        elif self._n_silent == 0 and heard >= max(self._n(LONG_MS), self._n_judged + self._n(AGAIN_MS)):
            self._n_judged = heard
            sound = self._sound()
        if sound is not None and not self._ended_with_reply() and wordiness(sound) >= enough:
            self._end()
            return Step.TAKE
        drones = sound is not None and sound.steady and heard >= self._n(DOUBT_MAX_MS)
        if drones or self._n_sound >= self._n(HOLD_MAX_MS):
            self._background.was_steady()
            return self._release()
        return None

    def _ended_with_reply(self) -> bool:
        """Whether the sound was what is left of the reply's echo."""
        is_soft = self._loudest_dbfs < self._background.usual_dbfs + RESIDUE_DB
        return is_soft and self._n_sure * self._frame_ms < OUTLIVED_MS

    def _sound(self) -> Sound | None:
        """Measure the sound that goes on, without the silence after it."""
        n_judged = min(self._n_sound + self._n(LEAD_IN_MS), len(self._recent))
        samples = np.concatenate(list(self._recent)[-n_judged:])
        n_tail = max(0, self._n_silent - self._n(LEAD_IN_MS)) * self._frame_samples
        return measure(samples[: len(samples) - n_tail], background_dbfs=self._background.usual_dbfs)

    def _release(self) -> Step:
        self._end()
        self._n_sound = 0
        return Step.RELEASE

    def _end(self) -> None:
        self._state = None
        self._evidence.clear()

    def _n(self, duration_ms: float) -> int:
        return math.ceil(duration_ms / self._frame_ms - 1e-9)


class _Background:
    """How loud it is while nobody speaks: the room, and what is left of the echo.

    Attributes:
        usual_dbfs: its median over a short time.
        ceiling_dbfs: how loud it has come up repeatedly for a moment.
    """

    def __init__(self, *, frame_ms: float, margin_db: float) -> None:
        self._margin_db = margin_db
        self.usual_dbfs = math.inf  # nothing stands above it before anything is known
        self.ceiling_dbfs = -math.inf
        self._frames_per_s = 1000 / frame_ms
        self._levels: deque[float] = deque(maxlen=math.ceil(NOISE_S * self._frames_per_s))
        # The newest ones wait: a sound that begins softly must not be taken for the background it stands on.
        self._newest: deque[float] = deque()
        self._n_newest_max = math.ceil(SOFT_ONSET_S * self._frames_per_s)
        self._sound: deque[float] = deque(maxlen=self._levels.maxlen)  # of the sound that goes on
        self._blips: deque[tuple[int, float]] = deque()  # when, how loud
        self._rise_dbfs = -math.inf  # how loud it is that comes up just now
        self._n = 0  # frames so far

    def learn(self, level_dbfs: float) -> None:
        """Take the level of a frame in which nothing goes on."""
        self._n += 1
        self._newest.append(level_dbfs)
        if len(self._newest) > self._n_newest_max:
            self._levels.append(self._newest.popleft())
        if level_dbfs >= self.usual_dbfs + self._margin_db:
            self._rise_dbfs = max(self._rise_dbfs, level_dbfs)
        elif self._rise_dbfs > -math.inf:
            self._add_blip(self._rise_dbfs)
        if self._n % LEARN_EVERY == 0:
            self._update()
        elif not self._levels:
            self.usual_dbfs = max(MIN_DBFS, min(self._newest))

    def begin(self, level_dbfs: float) -> None:
        """Say that a sound goes on."""
        self._newest.clear()
        self._rise_dbfs = -math.inf
        self._sound.clear()
        self._sound.append(level_dbfs)

    def sounding(self, level_dbfs: float) -> None:
        """Take the level of a frame of the sound."""
        self._n += 1
        self._sound.append(level_dbfs)

    def was_blip(self) -> None:
        """Say that the sound came up for a moment and was nothing."""
        self._add_blip(max(self._sound))

    def was_steady(self) -> None:
        """Say that the sound goes on, and what does not come and go of it is background from now on."""
        steady_dbfs = float(np.quantile(self._sound, STEADY_SHARE))
        self._levels.clear()
        self._levels.append(max(steady_dbfs, self.usual_dbfs))
        self._update()

    def _add_blip(self, level_dbfs: float) -> None:
        self._rise_dbfs = -math.inf
        self._blips.append((self._n, level_dbfs))
        self._update()

    def _update(self) -> None:
        while self._blips and self._n - self._blips[0][0] > BLIPS_S * self._frames_per_s:
            self._blips.popleft()
        if known := self._levels or self._newest:  # neither, if the talk begins with a sound
            self.usual_dbfs = max(MIN_DBFS, float(np.median(known)))
        loudest = sorted(level_dbfs for _, level_dbfs in self._blips)[-N_BLIPS:]
        self.ceiling_dbfs = loudest[0] if len(loudest) == N_BLIPS else -math.inf


def _level_dbfs(frame: np.ndarray) -> float:
    """Give the RMS of what a voice has most of, from 100 Hz to 4.5 kHz."""
    n = len(frame)
    spectrum = np.fft.rfft(frame * np.hanning(n))
    low, high = round(100 * n / CAPTURE_RATE), round(4500 * n / CAPTURE_RATE)
    band = spectrum[low:high]
    return 10 * math.log10(float((band.real**2 + band.imag**2).sum()) * 16 / 3 / n**2 + 1e-12)
