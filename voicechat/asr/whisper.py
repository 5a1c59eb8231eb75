"""Whisper, and all that is fine-tuned or distilled from it: 99 languages, translation into English, word times.

Knows the options and when to work: files piece by piece, talks at each pause of the user's. The model is
`voicechat.models.whisper`'s business; nothing of it is imported before it is loaded.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from voicechat.asr._whole_pieces import expected, transcripts
from voicechat.errors import ConfigError, ModelError
from voicechat.types import Recognized, Transcript, Word

if TYPE_CHECKING:
    from voicechat.models.heard import Heard
    from voicechat.models.whisper.recognizer import Request, Whisper

logger = logging.getLogger(__name__)

REQUIRES = {"torch": "models", "safetensors": "models", "tokenizers": "models"}
WEIGHTS = "whisper-small"  # what `voicechat models pull` calls those of the default model

MAX_PIECE_S = 30.0  # the window that Whisper was trained on
PIECES_PER_WINDOW = 8  # that short pieces fill a window with, about
N_WINDOWS_CPU, N_WINDOWS_GPU = 4, 16


@dataclass(frozen=True)
class Options:
    """What `[asr.whisper]` holds."""

    model: str = WEIGHTS  # as `voicechat models list` has it, a folder, or an id of the hub that is here
    language: str = ""  # spoken: en, de, fr, ...; "" to find out
    task: Literal["transcribe", "translate"] = "transcribe"  # translate: into English
    prompt: str = ""  # a text that could stand before: its style is kept
    vocabulary: str = ""  # names and terms to expect, separated by commas
    device: str = "auto"  # cuda, cuda:1, mps or cpu; auto is the fastest that is there
    dtype: Literal["auto", "float32", "bfloat16", "float16", "int8"] = "auto"  # auto: float32 on the CPU, else float16
    batch_size: int = 0  # windows of 30 s written down at once; 0: 4 on the CPU, 16 on a GPU
    guard: bool = True  # try doubtful texts again, leave out what Whisper invents on silence
    pack: bool = True  # let short pieces share a window of 30 s
    exact_encoder: bool = (
        True  # encode 30 s, as the model was trained; false: the speech and a margin, up to ten times faster
    )
    encoder_margin_s: float = 2.56  # of silence after the speech that an inexact encoder gets


class WhisperTranscriber:
    """Recognize pieces of files, and what is said in a talk; any number of calls at once, from any thread.

    Attributes:
        max_piece_s, batch_size, tells_words: see BatchTranscriber.
    """

    tells_words = True

    def __init__(self, model: Whisper, request: Request) -> None:
        """Take a model, and how it is to write down.

        Raises:
            ConfigError: If the model does not know the language or the task.
        """
        model.check(request)
        self._model: Whisper | None = model
        self._request = request
        self.max_piece_s = MAX_PIECE_S
        self.batch_size = request.n_windows * (PIECES_PER_WINDOW if request.share else 1)

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:
        """Give the words of each piece, float32 (n,) at 16 kHz, in order; a piece without speech has none.

        Raises:
            ModelError: If the transcriber is closed, or the device's memory is full.
        """
        heard = self._open().transcribe(pieces, self._request, words=words)
        assert heard is not None  # nobody stops it
        return [_recognized(each) for each in heard]

    def transcribe(self, frames: Iterable[np.ndarray]) -> Generator[Transcript, None, None]:
        """Yield what was said up to each pause, then all of it; after the last pause without working again.

        Raises:
            ModelError: If the transcriber is closed, or the device's memory is full.
        """
        return transcripts(frames, self._text)

    def close(self) -> None:
        """Release the model; a call under way goes on to its end. Idempotent, from any thread."""
        self._model = None

    def _text(self, audio: np.ndarray, stopped: Callable[[], bool]) -> str | None:
        heard = self._open().transcribe([audio], self._request, stopped=stopped)
        return None if heard is None else heard[0].text

    def _open(self) -> Whisper:
        if (model := self._model) is None:
            raise ModelError("whisper is closed")
        return model


def load(options: Options) -> WhisperTranscriber:
    """Load the model.

    Raises:
        ConfigError: If an option cannot be, the device is not there, or the model does not know the language.
        ModelError: If a package or the weights are missing, or a file is damaged; the message says what to do.
    """
    _check(options)
    if missing := next((module for module in REQUIRES if importlib.util.find_spec(module) is None), None):
        raise ModelError(f"whisper needs the package {missing}; run: pip install 'voicechat[{REQUIRES[missing]}]'")
    from voicechat.models.device import choose
    from voicechat.models.named import folder_of
    from voicechat.models.whisper import recognizer

    choice = choose(options.device)
    if options.dtype == "int8" and not choice.is_cpu:
        raise ConfigError(f"dtype int8 is for the CPU, not for {choice.name}; use --device cpu or another --dtype")
    precision = options.dtype if options.dtype != "auto" else ("float32" if choice.is_cpu else "float16")
    folder = folder_of(options.model)
    started_at = time.monotonic()
    model = recognizer.load(folder, options.model, device=choice.name, precision=precision)
    logger.info("%s loaded in %.2f s on %s, %s", options.model, time.monotonic() - started_at, choice.name, precision)
    request = recognizer.Request(
        language=options.language.lower(),
        translate=options.task == "translate",
        prompt=expected(options.prompt, options.vocabulary),
        guarded=options.guard,
        share=options.pack,
        margin_s=None if options.exact_encoder else options.encoder_margin_s,
        n_windows=options.batch_size or (N_WINDOWS_CPU if choice.is_cpu else N_WINDOWS_GPU),
    )
    return WhisperTranscriber(model, request)


def _check(options: Options) -> None:
    for name, low, high in (("batch_size", 0, 256), ("encoder_margin_s", 0.0, 30.0)):
        if not low <= (value := getattr(options, name)) <= high:
            raise ConfigError(f"asr.whisper.{name} must be from {low} to {high}, not {value}")


def _recognized(heard: Heard) -> Recognized:
    return Recognized(heard.text, tuple(Word(w.text, w.start_s, w.end_s) for w in heard.words), heard.language)
