"""Smart Turn v3: a small network that hears whether somebody has said all, in 23 languages; for `models pull`.

The model (pipecat-ai/smart-turn-v3, BSD-2-Clause) is the encoder of Whisper tiny with a head of its own, 8.7 MB of
8-bit ONNX: Whisper's features of the last 8 s in, the probability that all was said out. Captions are not used.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from voicechat.errors import ConfigError, ModelError
from voicechat.models import hub
from voicechat.turn_detector._log_mel import N_FRAMES, N_MELS, log_mel
from voicechat.types import Pause

REQUIRES = {"onnxruntime": "smart-turn"}  # module -> the extra that brings it
WEIGHTS = "smart-turn"
FILE = "model/smart-turn-v3.2-cpu.onnx"
INPUT = "input_features"


@dataclass(frozen=True)
class Options:
    """What `[turn_detector.smart-turn]` holds."""

    weights: str = (
        ""  # file of another ONNX model with the same input; "" for the one that `voicechat models pull` gets
    )
    threads: int = 1  # 1 to 16; one is enough, and leaves the others to the engine


class SmartTurn:
    """Judge pauses with the network. One object serves any number of talks."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Load the model, some 50 ms.

        Raises:
            ModelError: If onnxruntime is not installed, or the file is no such model.
        """
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as errors
        except ImportError as exc:
            raise ModelError(
                "smart-turn needs the package onnxruntime; run: pip install 'voicechat[smart-turn]'"
            ) from exc
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait for the next pause must not burn a core meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except _load_errors(errors) as exc:
            raise ModelError(f"cannot load {path}: {_one_line(exc)}; run: voicechat models verify smart-turn") from exc
        if [given.name for given in session.get_inputs()] != [INPUT]:
            names = ", ".join(given.name for given in session.get_inputs()) or "nothing"
            raise ModelError(f"{path} is no Smart Turn v3 model: it takes {names}, not {INPUT}")
        self._errors = (errors.Fail, errors.InvalidArgument, errors.RuntimeException)
        # Guards the session between close() and whoever judges.
        self._lock = threading.Lock()
        self._session: Any = session

    def probability(self, pause: Pause) -> float:
        """Give the network's probability that all was said; some 10 to 60 ms.

        Raises:
            ModelError: If it fails, gives something else than a probability, or is closed.
        """
        features = log_mel(pause.audio)[None]  # (1, 80, 800)
        assert features.shape == (1, N_MELS, N_FRAMES)
        with self._lock:
            if self._session is None:
                raise ModelError("smart-turn is closed")
            try:
                outputs = self._session.run(None, {INPUT: features})
            except self._errors as exc:
                raise ModelError(f"smart-turn failed: {_one_line(exc)}") from exc
        found = np.asarray(outputs[0]).reshape(-1)
        if len(found) != 1 or not math.isfinite(found[0]) or not 0 <= found[0] <= 1:
            raise ModelError(f"smart-turn gave {found[:4].tolist()}, which is no probability")
        return float(found[0])

    def close(self) -> None:
        """Release the model. Idempotent, from any thread."""
        with self._lock:
            self._session = None


def load(options: Options) -> SmartTurn:
    """Load the model that was pulled, or the file that the options name.

    Raises:
        ConfigError: If an option is out of range.
        ModelError: If the model or onnxruntime is not here.
    """
    if not 1 <= options.threads <= 16:
        raise ConfigError(f"[turn_detector.smart-turn] threads must be from 1 to 16, not {options.threads}")
    if not options.weights:
        return SmartTurn(hub.locate(WEIGHTS) / FILE, threads=options.threads)
    path = Path(options.weights).expanduser()
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    return SmartTurn(path, threads=options.threads)


def _load_errors(errors: ModuleType) -> tuple[type[Exception], ...]:
    """Give what onnxruntime raises for a file that it cannot use; they have nothing in common but Exception."""
    names = "Fail InvalidArgument InvalidGraph InvalidProtobuf NoModel NoSuchFile NotImplemented RuntimeException"
    return tuple(getattr(errors, name) for name in names.split() if hasattr(errors, name))


def _one_line(exc: BaseException) -> str:
    return str(exc).strip().partition("\n")[0]
