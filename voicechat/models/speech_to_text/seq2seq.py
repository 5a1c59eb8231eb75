"""Recognizers that listen to all of a piece, then write: Moonshine. (Whisper is one too, and has code of its own.)"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from voicechat.errors import ConfigError
from voicechat.models.heard import Heard
from voicechat.models.speech_to_text.calling import SAMPLE_RATE, Asked, Place, Stopped, Wishes

TOKENS_PER_S, TOKENS_BESIDE = 6.5, 8  # more is a loop, say those who made Moonshine; and so many for a short word


class Seq2SeqRecognizer:
    """Knows one language; tells no times."""

    tells_words = False
    max_piece_s = 30.0

    def __init__(self, place: Place, wishes: Wishes) -> None:
        """Load a checkpoint.

        Raises:
            ConfigError: If a wish cannot be met.
            ModelError: If it cannot be loaded.
        """
        if wishes.prompt:
            raise ConfigError(f"{place.name} takes no prompt and no vocabulary")
        self._place = place
        self._language = wishes.language
        self._model = place.model("AutoModelForSpeechSeq2Seq")
        self._extractor = place.load("AutoFeatureExtractor")
        self._tokenizer = place.load("AutoTokenizer")

    @torch.inference_mode()
    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:  # noqa: ARG002
        """See Recognizer; one piece after another: Moonshine levels the whole of a batch, padding included."""
        found = []
        for piece in pieces:
            extracted = self._extractor(piece, sampling_rate=SAMPLE_RATE, return_tensors="pt")
            ids = self._model.generate(
                **self._place.inputs(extracted),
                max_new_tokens=round(len(piece) / SAMPLE_RATE * TOKENS_PER_S) + TOKENS_BESIDE,
                do_sample=False,
                num_beams=1,
                stopping_criteria=[Asked(stopped)],
            )
            if stopped():
                return None
            text = str(self._tokenizer.decode(ids[0], skip_special_tokens=True)).strip()
            found.append(Heard(text, language=self._language if text else ""))
        return found
