"""Where the reference lies beside the capture: at first the devices' clocks tell, then the echo itself; pure.

The clocks place a stream before anything is heard on it, follow a device that stood still and the drift of two clocks.
What they cannot know, a delay that a driver keeps to itself, is learnt from the echo, and stays learnt when a stream is
opened again. A canceller follows an echo that comes 0 to 500 ms after its reference and none that comes before, so the
reference is placed a little early. Knows nothing of samples' values.
"""

from __future__ import annotations

from voicechat.audio.echo_delay import EchoEstimate
from voicechat.audio.sample_clock import SampleClock
from voicechat.types import CAPTURE_RATE

LEAD_S = 0.05  # how early the reference is placed, so that it is never late by a driver's mistake
MIN_LEAD_S = 0.01
PATIENCE_S = 0.03  # a short way through both devices: so long a capture may wait for its reference at the most
N_LATENCY_LOOKS = 50  # after which the microphone's latency is known
MAX_MISTAKE_S = 1.0  # a driver's time that differs from its latency by more is no time
FRESH_S = 0.4  # after a stream began, or the device ran dry: the clock's first looks are late
SILENT_MISS_S = 0.005  # in silence the reference may be moved by more than this
SURE_MISS_S = 0.03  # or, once the echo is known, than this: a canceller had better find it where it was
MISS_S = 0.03  # in the middle of a sound, only if it is out by more than this,
MISSED_FOR_S = 0.5  # for so long
GLIDE_S = 20.0  # in which a smaller miss is made up
MAX_DRIFT = 400e-6
SURE = 15.0  # certainty of an estimate; without an echo it stays below 11
AGREE_S = 0.015  # two estimates in a row
EARLIEST_LAG_S, LATEST_LAG_S = 0.004, 0.45  # where a canceller follows; beyond, the reference is moved at once,
LATE_LAG_S = 0.35  # and from here on in the next silence
SHIFT_GAIN = 0.2  # of what an estimate says of a movement, followed at once
DRIFT_GAIN = 0.02 / 8000  # and taken for drift, per sample
LOOKED_FOR = 6  # estimates without an echo, after which there is none


class Alignment:
    """Decide where the newest stream's first sample lies on the axis of captured samples.

    Attributes:
        start: there it lies, in samples at 16 kHz; None before the first looks at both clocks.
        known: whether the echo has been found where a canceller follows it, or was looked for in vain.
        absent: whether it was looked for in vain.
    """

    def __init__(self) -> None:
        self.start: float | None = None
        self.known = False
        self.absent = False
        self._microphone = SampleClock(CAPTURE_RATE)
        self._speaker = SampleClock(CAPTURE_RATE)
        self._input_s = 0.0
        self._n_latency_looks = 0
        self._output_s = 0.0
        self._told_s = 0.0  # the same by the driver
        self._heard: tuple[float, float] | None = None  # a sample, and when it is heard by the driver's clock
        self._learnt = 0.0  # samples by which the echo comes later than the clocks say
        self._drift = 0.0  # samples by which the reference is moved per sample
        self._locked = False  # whether the echo tells where the reference lies
        self._clock_begins = 0.0  # the stream's sample from which on the speaker's clock holds
        self._fresh = 0.0  # samples of capture since then
        self._missed = 0.0  # samples since the reference is out
        self._last_sure_lag_s: float | None = None
        self._wanted = 0.0  # samples to move by in the next silence
        self._n_in_vain = 0

    def open(self, latency_s: float, *, resumed: bool = False) -> None:
        """A stream to the speaker begins.

        Args:
            latency_s: from the callback to the ear, by its driver.
            resumed: on the same device as before.
        """
        if not resumed:
            self.known = self.absent = False
            self._n_in_vain = 0
        if latency_s != self._told_s:
            self._output_s = self._told_s = latency_s
        self.start = None
        self._locked = False
        self.interrupt(0.0)

    def interrupt(self, n: float) -> None:
        """The speaker's device stood still before the stream's sample `n`; before, all is as it was."""
        self._speaker.forget()
        self._heard = None
        self._clock_begins = n
        self._fresh = 0.0

    def discard(self) -> None:
        """Captured sound was thrown away."""
        self._microphone.forget()

    def captured(self, n: float, at: float, latency_s: float) -> None:
        """By the time `at` there were `n` samples of capture, the newest of them `latency_s` old."""
        self._microphone.look(n, at)
        if self._n_latency_looks < N_LATENCY_LOOKS:
            self._input_s = min(latency_s, self._input_s) if self._n_latency_looks else latency_s
            self._n_latency_looks += 1

    def played(self, n: float, at: float) -> None:
        """By the time `at` the speaker's device had asked for `n` samples of the stream, at 16 kHz."""
        self._speaker.look(n, at)
        if self._heard is not None and self._fresh <= FRESH_S * CAPTURE_RATE:
            self.heard(*self._heard)  # the clock knows better now when it was asked for

    def heard(self, n: float, at: float) -> None:
        """By its driver, the stream's sample `n` is heard at the time `at`."""
        asked_at = self._speaker.time_of(n)
        if asked_at is None or self._locked or n < self._clock_begins:
            return
        output_s = at - asked_at
        if output_s >= 0 and abs(output_s - self._told_s) < MAX_MISTAKE_S:
            self._output_s = output_s
            self._heard = (n, at)

    def advance(self, n: int, *, silent: bool) -> bool:
        """Follow the clocks over the next `n` samples of capture; True if the reference lies elsewhere now.

        Args:
            silent: there was no sound in the reference for a while, so it may be moved unnoticed.
        """
        target = self._target()
        if target is None:
            return False
        if self.start is None:
            self.start = target
        if silent and self._wanted:
            self._shift(self._wanted)
            return True
        miss = target - self.start
        self._fresh += n
        self._missed = self._missed + n if abs(miss) > MISS_S * CAPTURE_RATE else 0.0
        settling = self._fresh <= FRESH_S * CAPTURE_RATE
        allowed_s = SURE_MISS_S if self._locked and not settling else SILENT_MISS_S
        if ((silent or settling) and abs(miss) > allowed_s * CAPTURE_RATE) or (
            self._missed > MISSED_FOR_S * CAPTURE_RATE
        ):
            self.start = target
            self._missed = 0.0
            return True
        if self._locked:
            self.start += self._drift * n
            self._learnt -= (target - self.start) * n / (GLIDE_S * CAPTURE_RATE)
        else:
            fastest = MAX_DRIFT * n
            self.start += min(fastest, max(-fastest, miss * n / (GLIDE_S * CAPTURE_RATE)))
        return False

    def estimated(self, estimate: EchoEstimate) -> bool:
        """Take note of what the sound itself says; True if the reference lies elsewhere now, so that all changed."""
        if self.start is None:
            return False
        if estimate.certainty < SURE:
            self._n_in_vain += 1
            if not self.known and self._n_in_vain >= LOOKED_FOR:
                self.known = self.absent = True
            self._last_sure_lag_s = None
            return False
        last, self._last_sure_lag_s = self._last_sure_lag_s, estimate.lag_s
        if last is None or abs(last - estimate.lag_s) > AGREE_S:
            return False
        self._n_in_vain = 0
        out = (estimate.lag_s - LEAD_S) * CAPTURE_RATE
        self._wanted = out if estimate.lag_s > LATE_LAG_S else 0.0
        if not EARLIEST_LAG_S <= estimate.lag_s <= LATEST_LAG_S:
            self._shift(out)
            return True
        self.known = self._locked = True
        self.absent = False
        if estimate.shift is not None:
            self.start += SHIFT_GAIN * estimate.shift
            self._drift += DRIFT_GAIN * estimate.shift
            self._drift = min(MAX_DRIFT, max(-MAX_DRIFT, self._drift))
        return False

    def _target(self) -> float | None:
        """Give where the clocks and what was learnt put the stream's first sample."""
        captured, played = self._microphone.ahead, self._speaker.ahead
        if captured is None or played is None:
            return None
        way_s = self._input_s + self._output_s
        lead_s = min(LEAD_S, max(MIN_LEAD_S, way_s - PATIENCE_S))
        return captured - played + (way_s - lead_s) * CAPTURE_RATE + self._learnt

    def _shift(self, by: float) -> None:
        assert self.start is not None
        self.start += by
        self._learnt += by
        self._wanted = 0.0
        self._last_sure_lag_s = None
