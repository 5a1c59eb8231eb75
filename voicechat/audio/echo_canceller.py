"""Takes the speaker's sound out of the microphone's: WebRTC's echo canceller around any `AudioSource`.

AEC3 comes with LiveKit's package (Apache-2.0; WebRTC is BSD), the only one with wheels for Linux, macOS and Windows on
x64 and ARM in November 2026. It cancels the echo of a reference that lies 0 to 500 ms ahead; that it does is what
`echo_reference.py`, `delay_line.py` and `alignment.py` are for. Knows nothing of speech or turns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from voicechat.audio.alignment import Alignment
from voicechat.audio.delay_line import DelayLine
from voicechat.audio.echo_delay import EchoDelay
from voicechat.audio.echo_reference import EchoReference, Played
from voicechat.audio.residual_gate import ResidualGate
from voicechat.errors import ModelError
from voicechat.protocols import AudioSource
from voicechat.types import CAPTURE_RATE

FRAME_SAMPLES = 160  # 10 ms, what WebRTC takes at once
DELAY_SAMPLES = 128  # what WebRTC's canceller adds (measured)
NOISE_SUPPRESSION_DELAY_SAMPLES = 96  # on top of that
SILENT_FRAMES = 50  # of silent reference, in which it may be moved unnoticed
RESTING_FRAMES = 100  # of silent reference, after which nothing is left to cancel
WARM_UP_FRAMES = 3  # given again before the first one that has to be cancelled
PATIENCE_SAMPLES = round(0.1 * CAPTURE_RATE)  # of capture that wait for their reference
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How the canceller works."""

    noise_suppression: bool = False  # also take steady noise out, while the assistant speaks
    gain_control: bool = False  # also level the voice, while the assistant speaks


class EchoCanceller:
    """AEC3 on streams of 10 ms frames. While nothing plays it rests, and lets the capture through untouched.

    Attributes:
        delay_samples: how much later a sample comes out, always.

    Raises:
        ModelError: If the package is not installed or cannot be used on this machine.
    """

    def __init__(self, options: Options) -> None:
        try:
            from livekit import rtc

            # A high-pass filter is part of it, whatever one asks for. The library itself is loaded here.
            self._module = rtc.AudioProcessingModule(
                echo_cancellation=True,
                noise_suppression=options.noise_suppression,
                high_pass_filter=True,
                auto_gain_control=options.gain_control,
            )
        except ModuleNotFoundError as exc:
            raise ModelError("echo cancellation needs the package livekit; run: pip install livekit") from exc
        except ImportError as exc:
            reason = str(exc).partition("\n")[0]
            raise ModelError(f"echo cancellation cannot load the package livekit: {reason}; use --headphones") from exc
        self._frame = rtc.AudioFrame
        self.delay_samples = DELAY_SAMPLES + NOISE_SUPPRESSION_DELAY_SAMPLES * options.noise_suppression
        self._gate = ResidualGate()
        self._n_silent = RESTING_FRAMES  # frames of reference since the last sound
        self._recent = np.zeros(WARM_UP_FRAMES * FRAME_SAMPLES + self.delay_samples, np.float32)  # of the capture

    @property
    def silent(self) -> bool:
        """Whether there was no sound in the reference for a while."""
        return self._n_silent >= SILENT_FRAMES

    @property
    def resting(self) -> bool:
        """Whether the last frame went through untouched."""
        return self._n_silent >= RESTING_FRAMES

    def forget(self) -> None:
        """The reference lies elsewhere from now on."""
        self._gate.forget()

    def trust(self) -> None:
        """There is no echo."""
        self._gate.trust()

    def doubt(self) -> None:
        """The reference may lie a few milliseconds off what it did."""
        self._gate.doubt()

    def process(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        """Give what is left of a frame of capture without its echo, `delay_samples` later; float32 (160,) each.

        Args:
            near: what the microphone took in.
            far: its reference, what the speaker played up to 500 ms before.
        """
        was_resting = self.resting
        self._n_silent = 0 if far.any() else self._n_silent + 1
        joined = np.concatenate((self._recent, near))
        untouched = joined[-self.delay_samples - FRAME_SAMPLES : -self.delay_samples]
        result = untouched
        if not (self.resting and was_resting):
            if was_resting:
                silence = np.zeros(FRAME_SAMPLES, np.float32)
                for warm_up in self._recent[self.delay_samples :].reshape(-1, FRAME_SAMPLES):
                    self._cancel(warm_up, silence)
            result = self._cancel(near, far)
            if was_resting or self.resting:
                # From one to the other within a frame, or a microphone's constant offset would click.
                share = np.arange(1, FRAME_SAMPLES + 1, dtype=np.float32) / FRAME_SAMPLES
                result = untouched + (share if was_resting else 1 - share) * (result - untouched)
        self._recent = joined[FRAME_SAMPLES:]
        return self._gate.process(untouched, result, far)

    def _cancel(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        captured, played = (
            self._frame(bytearray(_as_int16(samples)), CAPTURE_RATE, 1, FRAME_SAMPLES) for samples in (near, far)
        )
        try:
            self._module.process_reverse_stream(played)
            self._module.process_stream(captured)
        except RuntimeError as exc:
            raise ModelError(f"the echo canceller failed: {exc}; use --no-aec") from exc
        return np.frombuffer(captured.data, np.int16).astype(np.float32) / 32768


class EchoCancellingSource:
    """What a source captures, without what a speaker played; the same length, some milliseconds later.

    `read()` and `discard()` belong to one thread, `close()` to any.

    Args:
        reference: gets what the speaker plays; nobody else reads it.
        monotonic: `time.monotonic`, or a simulated clock.
    """

    def __init__(
        self,
        source: AudioSource,
        reference: EchoReference,
        canceller: EchoCanceller,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._reference = reference
        self._canceller = canceller
        self._monotonic = monotonic
        self._alignment = Alignment()
        self._line = DelayLine()
        self._delay = EchoDelay()
        self._stream = -1  # the newest one of the reference
        self._stream_rate = CAPTURE_RATE  # Hz
        self._stream_begins_at = 0  # which of its device's samples is its first
        self._n_streamed = 0  # samples of it
        self._stretch_begins = 0  # at this one of them the line's newest stretch
        self._pending = np.zeros(0, np.float32)  # captured, but less than a frame or ahead of its reference
        self._n_captured = 0
        self._n_done = 0  # of them, cancelled

    @property
    def settled(self) -> bool:
        """Whether the echo is known, or that there is none; before, who is not louder than a reply is not heard."""
        return self._alignment.known

    @property
    def latency_s(self) -> float:
        """Seconds between a sound and its sample leaving `read()`."""
        return self._source.latency_s + (len(self._pending) + self._canceller.delay_samples) / CAPTURE_RATE

    def read(self, *, unhurried: bool = False) -> np.ndarray | None:
        """Wait for audio: float32 (n,), n >= 1, mono at 16 kHz. None at the end of the input or once closed.

        Raises:
            AudioDeviceError: If the device is gone and is not waited for.
        """
        while True:
            block = self._source.read(unhurried=unhurried)
            if block is None:
                return self._rest()
            now = self._monotonic()
            self._n_captured += len(block)
            self._pending = np.concatenate((self._pending, block))
            self._alignment.captured(self._n_captured, now, self._source.latency_s)
            self._follow_speaker(now)
            if self._alignment.advance(len(block), silent=self._canceller.silent):
                self._delay.forget()
                if self._line.start < self._n_done and not self._canceller.silent:
                    self._canceller.doubt()
            self._place()
            if len(done := self._cancel_pending()):
                return done

    def discard(self) -> None:
        """Forget what was captured and not read yet."""
        self._source.discard()
        self._n_done += len(self._pending)
        self._pending = self._pending[:0]
        self._alignment.discard()

    def close(self) -> None:
        """Close the source. Idempotent, from any thread."""
        self._source.close()

    def _rest(self) -> np.ndarray | None:
        """Give what is left at the end of the input."""
        n = len(self._pending)
        if not n:
            return None
        self._pending = np.pad(self._pending, (0, PATIENCE_SAMPLES + FRAME_SAMPLES))
        rest = self._cancel_pending()[:n]
        self._pending = self._pending[:0]
        return rest

    def _follow_speaker(self, now: float) -> None:
        for played in self._reference.take():
            if played.stream != self._stream:
                self._begin_stream(played)
            self._line.drop(played.n_unheard)
            self._n_streamed -= played.n_unheard
            n_before = len(played.samples)
            if played.dry_at is not None:
                n_before = max(0, min(n_before, played.dry_at - played.begins_at - self._n_streamed))
            self._line.append(played.samples[:n_before])
            self._n_streamed += n_before
            if played.dry_at is not None:
                self._line.split()
                self._stretch_begins = self._n_streamed
                self._alignment.interrupt(self._n_streamed * CAPTURE_RATE / played.sample_rate)
                self._canceller.doubt()
            self._line.append(played.samples[n_before:])
            self._n_streamed += len(played.samples) - n_before
            if played.ended:
                self._line.end()
                continue
            per_sample = CAPTURE_RATE / played.sample_rate
            self._alignment.played((played.counts.n_consumed - self._stream_begins_at) * per_sample, now)
            if played.heard is not None:
                n, at = played.heard
                self._alignment.heard((n - self._stream_begins_at) * per_sample, at)

    def _begin_stream(self, played: Played) -> None:
        self._stream, self._stream_rate = played.stream, played.sample_rate
        self._n_streamed = self._stretch_begins = 0
        self._stream_begins_at = played.begins_at
        self._alignment.open(played.latency_s, resumed=played.resumed)
        self._canceller.doubt()
        self._line.open(played.sample_rate, start=self._n_captured)

    def _place(self) -> None:
        """Lay the reference where it belongs."""
        if self._alignment.start is not None:
            self._line.move(self._alignment.start + self._stretch_begins * CAPTURE_RATE / self._stream_rate)

    def _cancel_pending(self) -> np.ndarray:
        """Cancel the frames that are whole and have their reference, float32 (n,), n >= 0."""
        done = [np.zeros(0, np.float32)]
        while len(self._pending) >= FRAME_SAMPLES:
            whatever = len(self._pending) > PATIENCE_SAMPLES
            far = self._line.read(self._n_done, FRAME_SAMPLES, whatever=whatever)
            if far is None:
                break
            done.append(self._cancel_frame(self._pending[:FRAME_SAMPLES], far))
            self._pending = self._pending[FRAME_SAMPLES:]
            self._n_done += FRAME_SAMPLES
        return np.concatenate(done)

    def _cancel_frame(self, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        if not self._alignment.known:
            self._canceller.forget()  # until the reference is known to lie right, nothing that is left can be trusted
        result = self._canceller.process(near, far)
        if self._canceller.resting or (estimate := self._delay.push(near, far)) is None:
            return result
        if self._alignment.estimated(estimate):
            logger.info("the echo comes %.0f ms after its reference, which is moved there", estimate.lag_s * 1000)
            self._delay.forget()
            self._canceller.forget()
            self._place()
        elif self._alignment.absent:
            self._canceller.trust()
        return result


def load(options: Options) -> EchoCanceller:
    """Make the canceller.

    Raises:
        ModelError: If its package is not installed, or cannot be used on this machine.
    """
    return EchoCanceller(options)


def cancel_all(reference: np.ndarray, captured: np.ndarray) -> np.ndarray:
    """Cancel a whole recording, its last part of a frame left out: all float32 (n,) at 16 kHz.

    Raises:
        ModelError: As `load`.
    """
    canceller = load(Options())
    starts = range(0, len(captured) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    frames = [canceller.process(captured[i : i + FRAME_SAMPLES], reference[i : i + FRAME_SAMPLES]) for i in starts]
    return np.concatenate([*frames, np.zeros(0, np.float32)])


def _as_int16(samples: np.ndarray) -> bytes:
    """Give float32 (n,) in [-1, 1] as 16-bit samples, what is beyond clipped."""
    as_int16: bytes = (np.clip(samples, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()
    return as_int16
