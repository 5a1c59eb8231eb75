"""The other recognizers of the hub: Moonshine, Parakeet, Wav2Vec2 and its kin, Voxtral, Qwen3-ASR.

Knows the options and when to work; how each is called is `voicechat.models.speech_to_text`'s business. Nothing of it is
imported before it is loaded.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from voicechat.asr._whole_pieces import clean, expected, is_silent, transcripts
from voicechat.errors import ConfigError, ModelError
from voicechat.types import Recognized, Transcript, Word

if TYPE_CHECKING:
    from voicechat.models.heard import Heard
    from voicechat.models.speech_to_text.calling import Recognizer

logger = logging.getLogger(__name__)

REQUIRES = {"torch": "models", "transformers": "models", "safetensors": "models", "tokenizers": "models"}
WEIGHTS = "moonshine-base"  # what `voicechat models pull` calls those of the default model

N_AT_ONCE_CPU, N_AT_ONCE_GPU = 4, 16


@dataclass(frozen=True)
class Options:
    """What `[asr.transformers]` holds."""

    model: str = WEIGHTS  # as `voicechat models list` has it, a folder, or an id of the hub that is here
    language: str = ""  # spoken: en, de, fr, ...; "" to find out, where the model knows several
    prompt: str = ""  # a text that could stand before, for Qwen3-ASR
    vocabulary: str = ""  # names and terms to expect, separated by commas, for Qwen3-ASR
    device: str = "auto"  # cuda, cuda:1, mps or cpu; auto is the fastest that is there
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"  # auto: float32 on the CPU, else bfloat16
    batch_size: int = 0  # pieces recognized at once; 0: 4 on the CPU, 16 on a GPU


class HubTranscriber:
    """Recognize pieces of files, and what is said in a talk; any number of calls at once, from any thread.

    Attributes:
        max_piece_s, batch_size, tells_words: see BatchTranscriber.
    """

    def __init__(self, recognizer: Recognizer, *, batch_size: int, device: str = "cpu") -> None:
        self._recognizer: Recognizer | None = recognizer
        self._device = device
        self.max_piece_s = recognizer.max_piece_s
        self.tells_words = recognizer.tells_words
        self.batch_size = batch_size

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:
        """Give the words of each piece, float32 (n,) at 16 kHz, in order; a piece without speech has none.

        Raises:
            ModelError: If the transcriber is closed, or the device's memory is full.
        """
        cleaned = [clean(piece) for piece in pieces]
        found = [Recognized("") for _ in cleaned]
        audible = [number for number, piece in enumerate(cleaned) if not is_silent(piece)]
        for begin in range(0, len(audible), self.batch_size):
            batch = audible[begin : begin + self.batch_size]
            heard = self._heard([cleaned[number] for number in batch], words, lambda: False)
            assert heard is not None  # nobody stops it
            for number, each in zip(batch, heard, strict=True):
                found[number] = _recognized(each)
        return found

    def transcribe(self, frames: Iterable[np.ndarray]) -> Generator[Transcript, None, None]:
        """Yield what was said up to each pause, then all of it; after the last pause without working again.

        Raises:
            ModelError: If the transcriber is closed, or the device's memory is full.
        """
        return transcripts(frames, self._text)

    def close(self) -> None:
        """Release the model; a call under way goes on to its end. Idempotent, from any thread."""
        self._recognizer = None

    def _text(self, audio: np.ndarray, stopped: Callable[[], bool]) -> str | None:
        """Give the words of an utterance; None once `stopped` says yes."""
        piece = clean(audio)
        if is_silent(piece):
            return ""
        heard = self._heard([piece], False, stopped)
        return None if heard is None else heard[0].text

    def _heard(self, pieces: Sequence[np.ndarray], words: bool, stopped: Callable[[], bool]) -> list[Heard] | None:
        from voicechat.models.device import memory_watched

        if (recognizer := self._recognizer) is None:
            raise ModelError("transformers is closed")
        with memory_watched(self._device):
            return recognizer.recognize(pieces, words=words and self.tells_words, stopped=stopped)


def load(options: Options) -> HubTranscriber:
    """Load the model.

    Raises:
        ConfigError: If an option cannot be, the device is not there, or the model cannot do what is asked of it.
        ModelError: If a package or the weights are missing, or a file is damaged; the message says what to do.
    """
    if not 0 <= options.batch_size <= 256:
        raise ConfigError(f"asr.transformers.batch_size must be from 0 to 256, not {options.batch_size}")
    if missing := next((module for module in REQUIRES if importlib.util.find_spec(module) is None), None):
        raise ModelError(f"transformers needs the package {missing}; run: pip install 'voicechat[{REQUIRES[missing]}]'")
    from voicechat.models.device import choose, memory_watched
    from voicechat.models.named import folder_of
    from voicechat.models.speech_to_text import loading
    from voicechat.models.speech_to_text.calling import Place, Wishes

    choice = choose(options.device)
    precision = options.dtype if options.dtype != "auto" else ("float32" if choice.is_cpu else "bfloat16")
    place = Place(folder_of(options.model), options.model, choice.name, precision)
    wishes = Wishes(options.language.lower(), expected(options.prompt, options.vocabulary))
    started_at = time.monotonic()
    with memory_watched(choice.name):
        recognizer = loading.load(place, wishes)
    logger.info("%s loaded in %.2f s on %s, %s", options.model, time.monotonic() - started_at, choice.name, precision)
    batch_size = options.batch_size or (N_AT_ONCE_CPU if choice.is_cpu else N_AT_ONCE_GPU)
    return HubTranscriber(recognizer, batch_size=batch_size, device=choice.name)


def _recognized(heard: Heard) -> Recognized:
    return Recognized(heard.text, tuple(Word(w.text, w.start_s, w.end_s) for w in heard.words), heard.language)
