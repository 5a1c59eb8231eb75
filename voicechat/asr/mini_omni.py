"""Mini-Omni's ears alone: it writes down what it hears, English, as one of the tasks it was trained on.

Knows when to work and nothing of how; the model is `voicechat.models.mini_omni`'s business.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from voicechat.asr._whole_pieces import clean, is_silent, transcripts
from voicechat.errors import ConfigError, ModelError
from voicechat.types import Recognized, Transcript

if TYPE_CHECKING:
    from voicechat.models.mini_omni.pipeline import Pipeline

logger = logging.getLogger(__name__)

REQUIRES = {"torch": "models", "safetensors": "models", "tokenizers": "models", "yaml": "models"}
WEIGHTS = "mini-omni"  # what `voicechat models pull` calls them

MAX_PIECE_S = 30.0  # it hears no more


@dataclass(frozen=True)
class Options:
    """What `[asr.mini-omni]` holds."""

    device: str = "auto"  # cuda, cuda:1, mps or cpu; auto is the fastest that is there
    dtype: Literal["auto", "int8", "float32", "bfloat16", "float16"] = "auto"  # auto: int8 on the CPU, else float32
    weights: str = ""  # folder of the weights; "" for where `voicechat models pull` puts them
    exact_encoder: bool = (
        True  # encode 30 s, as the model was trained; false: the speech and a margin, up to ten times faster
    )
    encoder_margin_s: float = 2.56  # of silence after the speech that an inexact encoder gets


class MiniOmniTranscriber:
    """Recognize pieces of files, and what is said in a talk; any number of calls at once, from any thread."""

    max_piece_s = MAX_PIECE_S
    batch_size = 1  # it takes one after another
    tells_words = False

    def __init__(self, pipeline: Pipeline, *, margin_s: float | None = None) -> None:
        """Take the model.

        Args:
            margin_s: of silence to encode after the speech; None: up to 30 s, as it was trained.
        """
        self._pipeline: Pipeline | None = pipeline
        self._margin_s = margin_s

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:  # noqa: ARG002
        """Give the text of each piece, float32 (n,) at 16 kHz, in order, without times; of one, its first 30 s.

        Raises:
            ModelError: If the transcriber is closed, or the device's memory is full.
        """
        texts = [self._text(piece, lambda: False) or "" for piece in pieces]
        return [Recognized(text, language="en" if text else "") for text in texts]

    def transcribe(self, frames: Iterable[np.ndarray]) -> Generator[Transcript, None, None]:
        """Yield what was said up to each pause, then all of it; after the last pause without working again.

        Raises:
            ModelError: If the transcriber is closed, or the device's memory is full.
        """
        return transcripts(frames, self._text)

    def close(self) -> None:
        """Release the model; a call under way goes on to its end. Idempotent, from any thread."""
        self._pipeline = None

    def _text(self, audio: np.ndarray, stopped: Callable[[], bool]) -> str | None:
        """Give the words of a piece; None once `stopped` says yes."""
        if (pipeline := self._pipeline) is None:
            raise ModelError("mini-omni is closed")
        piece = clean(audio)
        if is_silent(piece):
            return ""
        heard = pipeline.hear(piece, margin_s=self._margin_s, stopped=stopped)
        if heard is None:
            return None
        text = pipeline.words(heard.features, stopped)
        return None if stopped() else text


def load(options: Options) -> MiniOmniTranscriber:
    """Load the model.

    Raises:
        ConfigError: If an option cannot be, or the device is not there.
        ModelError: If a package or the weights are missing, or a file is damaged; the message says what to do.
    """
    if not 0.0 <= options.encoder_margin_s <= 30.0:
        raise ConfigError(f"asr.mini-omni.encoder_margin_s must be from 0 to 30, not {options.encoder_margin_s}")
    if missing := next((module for module in REQUIRES if importlib.util.find_spec(module) is None), None):
        raise ModelError(f"mini-omni needs the package {missing}; run: pip install 'voicechat[{REQUIRES[missing]}]'")
    from voicechat.models import hub
    from voicechat.models.device import choose
    from voicechat.models.mini_omni import pipeline

    choice = choose(options.device)
    precision = pipeline.chosen_precision(options.dtype, choice)
    folder = Path(options.weights).expanduser() if options.weights else hub.locate(WEIGHTS)
    started_at = time.monotonic()
    loaded = pipeline.load(folder, device=choice.name, precision=precision)
    logger.info("mini-omni loaded in %.2f s on %s, %s", time.monotonic() - started_at, choice.name, precision)
    return MiniOmniTranscriber(loaded, margin_s=None if options.exact_encoder else options.encoder_margin_s)
