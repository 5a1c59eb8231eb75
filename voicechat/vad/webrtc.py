"""The built-in detector: WebRTC's, behind a gate that knows the room's noise.

webrtcvad alone compares with fixed loudnesses, misses a quiet microphone and takes a fan for speech until it has got
used to it. So the level is raised first, and what it calls speech must also stand above the noise floor. A sound that
stands above it but does not move (a fan that switches on, a held "ummm") is in doubt: it begins no turn, but it may
go on with one, until the floor has risen to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voicechat.errors import ConfigError, ModelError
from voicechat.types import CAPTURE_RATE
from voicechat.vad._leveller import Leveller
from voicechat.vad._noise_gate import NoiseGate

# 20 ms. Measured: at the noise's own level it loses 4 of 40 utterances where 30 ms loses 15; at 10 ms three times as
# many clicks, coughs and fans begin a turn.
FRAME_SAMPLES = 320
DOUBT = 0.4  # probability of a steady sound: too little to begin a turn, enough to go on with one
# Speech that stands out this little ends in the noise, not in silence: the frame after its last is let through too,
# or a short "stop" beside a fan is no turn. Where it stands out more, that would only make the end of a turn late.
FAINT_DB = 25.0
PROMINENCE_RELEASE_DB = 0.4  # per frame, 20 dB per second


@dataclass(frozen=True)
class Options:
    """What `[vad.webrtc]` holds."""

    aggressiveness: int = 0  # 0..3, how readily webrtcvad calls a sound no speech; the gate does better, so 0
    margin_db: float = 3.0  # speech stands at least this much above the noise; noise alone seldom reaches 1.5
    movement_db: float = 1.0  # a sound whose spectrum varies less than this within 140 ms begins no turn
    floor_window_s: float = 2.0  # a steady sound has become background after this long
    max_gain_db: float = 40.0  # how far a quiet microphone is raised


class WebRtcVAD:
    """Tell speech from noise by 20 ms frames, with webrtcvad and a noise gate. One stream per object."""

    frame_samples: int = FRAME_SAMPLES

    def __init__(self, options: Options) -> None:
        """Set up the detector.

        Raises:
            ModelError: If webrtcvad is not installed.
        """
        try:
            import webrtcvad
        except ImportError as exc:
            raise ModelError("webrtc needs the package webrtcvad-wheels; run: pip install voicechat") from exc
        self._options = options
        self._vad = webrtcvad.Vad(options.aggressiveness)
        self._gate = NoiseGate(frame_samples=FRAME_SAMPLES, floor_window_s=options.floor_window_s)
        self._leveller = Leveller(frame_samples=FRAME_SAMPLES, max_gain_db=options.max_gain_db)
        self._is_above = False  # whether the last frame stood above the floor
        self._prominence_db = 0.0  # how far the loudest sound of late did

    def probability(self, frame: np.ndarray) -> float:
        """Give 1 for speech, 0 for none, DOUBT for a steady sound that may be a voice.

        Args:
            frame: float32 (320,) at 16 kHz; NaN counts as 0.

        Raises:
            ValueError: If the frame has another length.
        """
        if frame.shape != (FRAME_SAMPLES,):
            raise ValueError(f"a frame must have {FRAME_SAMPLES} samples, not shape {frame.shape}")
        frame = self._leveller.clean(frame)
        measured = self._gate.push(frame)
        raised = self._leveller.raise_level(frame, measured)
        # Every frame goes to webrtcvad, the silent ones too: it models the noise itself.
        is_voice = self._vad.is_speech((raised * 32767).astype("<i2").tobytes(), CAPTURE_RATE)
        if not self._passes_gate(measured.above_floor_db) or not is_voice:
            return 0.0
        return 1.0 if measured.movement_db >= self._options.movement_db else DOUBT

    def _passes_gate(self, above_floor_db: float) -> bool:
        self._prominence_db = max(above_floor_db, self._prominence_db - PROMINENCE_RELEASE_DB)
        was_above, self._is_above = self._is_above, above_floor_db >= self._options.margin_db
        return self._is_above or (was_above and self._prominence_db < FAINT_DB)

    def reset(self) -> None:
        """Forget the signal so far, but not the noise floor."""
        # webrtcvad stays as it is: what it knows is the noise.
        self._gate.forget_signal()
        self._leveller.forget_signal()
        self._is_above = False


def load(options: Options) -> WebRtcVAD:
    """Make the detector.

    Raises:
        ConfigError: If an option is out of range.
        ModelError: If webrtcvad is not installed.
    """
    if options.aggressiveness not in range(4):
        raise ConfigError(f"[vad.webrtc] aggressiveness must be 0, 1, 2 or 3, not {options.aggressiveness}")
    if options.floor_window_s <= 0:
        raise ConfigError(f"[vad.webrtc] floor_window_s must be positive, not {options.floor_window_s:g}")
    return WebRtcVAD(options)
