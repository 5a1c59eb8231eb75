"""Recognizers that walk along the sound and say what to write or how far to go on: Parakeet-TDT and -RNNT.

One language or several, found out by themselves; greedy (Xu et al. 2023, "Token-and-Duration Transducer").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from voicechat.errors import ConfigError
from voicechat.models.heard import Heard, TimedWord
from voicechat.models.speech_to_text.calling import SAMPLE_RATE, Asked, Place, Stopped, Wishes


class TransducerRecognizer:
    """Tells where each word is."""

    tells_words = True
    max_piece_s = 60.0

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
        self._processor = place.load("AutoProcessor")
        tdt = place.load("AutoConfig").model_type == "parakeet_tdt"
        self._model = place.model("AutoModelForTDT" if tdt else "AutoModelForRNNT")

    @torch.inference_mode()
    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:
        """See Recognizer."""
        inputs = self._place.inputs(self._processor(list(pieces), sampling_rate=SAMPLE_RATE))
        output = self._model.generate(**inputs, stopping_criteria=[Asked(stopped)])
        if stopped():
            return None
        texts, tokens = self._processor.decode(output.sequences, durations=output.durations, skip_special_tokens=True)
        return [
            Heard(text.strip(), _words(timed) if words else (), self._language if text.strip() else "")
            for text, timed in zip(texts, tokens, strict=True)
        ]


def _words(tokens: Sequence[dict[str, object]]) -> tuple[TimedWord, ...]:
    """Put syllables together: a word begins with a space."""
    words: list[TimedWord] = []
    for token in tokens:
        text, start_s, end_s = str(token["token"]), float(str(token["start"])), float(str(token["end"]))
        if words and not text.startswith(" "):
            words[-1] = TimedWord(words[-1].text + text, words[-1].start_s, max(words[-1].end_s, end_s))
        else:
            words.append(TimedWord(text.strip(), start_s, end_s))
    return tuple(word for word in words if word.text.strip())
