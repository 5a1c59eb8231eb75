"""One turn of the user's speech while it grows, ends or is dropped, and what it was like in its pauses.

The one thing that the listening thread and the engine share. Knows nothing of devices, models or turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np

from voicechat.types import CancelToken


class Draft:
    """An utterance as it was when the user paused: worth working on, and perhaps all of it.

    Attributes:
        audio: float32 (n,) at 16 kHz, from the pre-roll to the pause.
    """

    def __init__(self, audio: np.ndarray, changed: threading.Condition, cancel: CancelToken) -> None:
        self.audio = audio
        self._changed = changed  # the utterance's: guards the two below
        self._cancel = cancel
        self._final = False  # the user said no more
        self._stale = False  # the user went on

    @property
    def stale(self) -> bool:
        """Whether work on this draft is in vain: the user went on, or the utterance was cancelled."""
        return self._stale or self._cancel.cancelled

    @property
    def final(self) -> bool:
        """Whether the turn is over and this is all of it."""
        return self._final

    def wait(self) -> bool:
        """Block until it is known whether this is all: True if it is, False if it is stale."""
        with self._changed:
            self._changed.wait_for(lambda: self._final or self.stale)
            return self._final and not self._cancel.cancelled

    def settle(self, *, final: bool) -> None:
        """Say what became of it; called by its utterance, under the condition."""
        self._final, self._stale = final, not final
        self._changed.notify_all()


class Utterance:
    """What the user is saying: it grows while they speak, then ends, or is dropped (a cough).

    One thread (the listener) pushes; any number of threads read, each from the first frame on.

    Attributes:
        cancel: set by the listener on barge-in, drop or shutdown; it also ends every wait on this utterance.
        started_at: `time.monotonic()` of the first speech frame.
        ended_at: `time.monotonic()` of the last speech frame, None while the user speaks; zero of every latency.
        turn_ended_at: `time.monotonic()` at which the end of the turn was decided, None until then.
        speech_s: from the first speech frame to the last in seconds of audio, however fast it was read.
        words: what an engine has understood so far, '' while it has not, or if it understands no words.
    """

    def __init__(self, *, started_at: float | None = None) -> None:
        self.cancel = CancelToken()
        self.started_at = time.monotonic() if started_at is None else started_at
        self.ended_at: float | None = None
        self.turn_ended_at: float | None = None
        self.speech_s = 0.0
        self.words = ""
        self._earlier_speech_s = 0.0  # in the utterance that this one continues
        self._frames: list[np.ndarray] = []
        self._finished = False
        self._draft: Draft | None = None  # of the pause under way, or of the end
        # Serializes _frames and _finished between the listener and the readers; notified when either changes.
        self._changed = threading.Condition()
        self.cancel.on_cancel(self._wake)

    def push(self, frame: np.ndarray) -> None:
        """Append audio: float32 (n,) at 16 kHz. Called by the listener only, and never after the end."""
        with self._changed:
            assert not self._finished
            self._frames.append(frame)
            self._changed.notify_all()

    def end(self, *, ended_at: float, speech_s: float) -> None:
        """Declare the turn over.

        Args:
            ended_at: `time.monotonic()` of its last speech frame.
            speech_s: seconds of audio from its first speech frame to its last.
        """
        with self._changed:
            self.ended_at = ended_at
            self.speech_s = self._earlier_speech_s + speech_s
            self.turn_ended_at = time.monotonic()
            self._finished = True
            if self._draft is None:
                self._draft = self._new_draft()
            self._draft.settle(final=True)

    def pause(self) -> None:
        """Tell that the user may have said all: from here on engines may begin to work. Called by the listener."""
        with self._changed:
            assert self._draft is None
            self._draft = self._new_draft()
            self._changed.notify_all()

    def resume(self) -> None:
        """Tell that the user goes on after all; what was begun is in vain. Called by the listener."""
        with self._changed:
            assert self._draft is not None
            self._draft.settle(final=False)
            self._draft = None

    def drafts(self) -> Iterator[Draft]:
        """Yield a draft at each pause; the last one, unless the utterance is cancelled, turns out to be final.

        An engine works on a draft as long as it is not stale, and then waits for what becomes of it.
        """
        seen: Draft | None = None
        while True:
            with self._changed:
                while (self._draft is None or self._draft is seen) and not self._finished and not self.cancel.cancelled:
                    self._changed.wait()
                if self.cancel.cancelled or self._draft is None or self._draft is seen:
                    return
                seen = self._draft
            yield seen

    def continues(self, earlier: Utterance) -> None:
        """Put the audio of an earlier utterance in front: the user had only paused. Before anybody reads this one."""
        audio = earlier.so_far()
        with self._changed:
            assert not self._finished
            self._frames.insert(0, audio)
            self._earlier_speech_s = earlier.speech_s
            self.started_at = earlier.started_at

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames, float32 (n,) at 16 kHz, as they come; stop at the end of the turn or when cancelled."""
        position = 0
        while True:
            with self._changed:
                while position == len(self._frames) and not self._finished and not self.cancel.cancelled:
                    self._changed.wait()
                if self.cancel.cancelled or position == len(self._frames):
                    return
                frame = self._frames[position]
            position += 1
            yield frame

    def audio(self) -> np.ndarray:
        """Wait for the end and give all of it, float32 (n,) at 16 kHz; when cancelled, what there was."""
        with self._changed:
            self._changed.wait_for(lambda: self._finished or self.cancel.cancelled)
            return self._all_frames()

    def so_far(self) -> np.ndarray:
        """Give what there is without waiting, float32 (n,) at 16 kHz."""
        with self._changed:
            return self._all_frames()

    @property
    def finished(self) -> bool:
        return self._finished

    def _all_frames(self) -> np.ndarray:
        return np.concatenate(self._frames) if self._frames else np.zeros(0, np.float32)

    def _new_draft(self) -> Draft:
        return Draft(self._all_frames(), self._changed, self.cancel)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
