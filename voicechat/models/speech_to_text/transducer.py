"""Recognizers that walk along the sound and say what to write or how far to go on: Parakeet-TDT and -RNNT.

One language or several, found out by themselves; greedy (Xu et al. 2023, "Token-and-Duration Transducer").
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import torch

from voicechat.errors import ConfigError
from voicechat.models.heard import Heard, TimedWord
from voicechat.models.speech_to_text.calling import SAMPLE_RATE, Asked, Place, Stopped, Wishes

STEPS_PER_S, STEPS_BESIDE = 125, 20  # ten symbols for each of its frames of 80 ms, its own limit


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
        # Serializes calls: while it generates, transformers' model notes in itself how far it is.
        self._generating = threading.Lock()

    @torch.inference_mode()
    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:
        """See Recognizer."""
        inputs = self._place.inputs(self._processor(list(pieces), sampling_rate=SAMPLE_RATE))
        n_most = round(max(map(len, pieces)) / SAMPLE_RATE * STEPS_PER_S) + STEPS_BESIDE
        with self._generating:
            output = self._model.generate(**inputs, max_new_tokens=n_most, stopping_criteria=[Asked(stopped)])
        if stopped():
            return None
        # In a batch, transformers goes on with a piece that is over until all are.
        n_frames = self._model.encoder._get_subsampling_output_length(inputs["attention_mask"].sum(-1))
        begins = output.durations.cumsum(-1) - output.durations
        ids = output.sequences.masked_fill(begins >= n_frames[:, None], self._processor.tokenizer.pad_token_id)
        texts, tokens = self._processor.decode(ids, durations=output.durations, skip_special_tokens=True)
        return [
            Heard(text.strip(), word_times(timed) if words else (), self._language if text.strip() else "")
            for text, timed in zip(texts, tokens, strict=True)
        ]


def word_times(tokens: Sequence[dict[str, object]]) -> tuple[TimedWord, ...]:
    """Put syllables together: a word begins with a space."""
    words: list[TimedWord] = []
    for token in tokens:
        text, start_s, end_s = str(token["token"]), float(str(token["start"])), float(str(token["end"]))
        if words and not text.startswith(" "):
            words[-1] = TimedWord(words[-1].text + text, words[-1].start_s, max(words[-1].end_s, end_s))
        else:
            words.append(TimedWord(text.strip(), start_s, end_s))
    return tuple(word for word in words if word.text.strip())
