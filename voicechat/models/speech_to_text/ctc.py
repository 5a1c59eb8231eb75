"""Recognizers that name a letter or a syllable for every frame (Graves et al. 2006): Wav2Vec2, HuBERT, WavLM,
Parakeet-CTC and others. Greedy: the likeliest of each frame, repetitions joined, blanks left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch

from voicechat.errors import ConfigError
from voicechat.models.heard import Heard, TimedWord
from voicechat.models.speech_to_text.calling import SAMPLE_RATE, Place, Stopped, Wishes

_Run = tuple[int, int, int]  # an id, its first frame, and the one behind its last
SPACES = ("|", "▁")  # how vocabularies spell one: a letter of its own, or at the start of a syllable


class CtcRecognizer:
    """Knows one language, and tells where each word is."""

    tells_words = True
    max_piece_s = 30.0  # some take more, but what they do to the memory is no linear thing

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
        self._model = place.model("AutoModelForCTC")
        self._extractor = place.load("AutoFeatureExtractor")
        self._tokenizer = place.load("AutoTokenizer")
        # Some were trained without a mask, on padding that is audible to them: those take one piece at a time.
        self._masked = bool(getattr(self._extractor, "return_attention_mask", True))

    @torch.inference_mode()
    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:
        """See Recognizer."""
        groups = [pieces] if self._masked else [[piece] for piece in pieces]
        found: list[Heard] = []
        for group in groups:
            if stopped():
                return None
            extracted = self._extractor(
                list(group), sampling_rate=SAMPLE_RATE, padding=True, return_tensors="pt", return_attention_mask=True
            )
            inputs = self._place.inputs(extracted)
            if not self._masked:
                inputs.pop("attention_mask", None)
            best = self._model(**inputs).logits.argmax(-1).cpu()
            lengths = self._n_frames(inputs.get("attention_mask"), best.shape[1], [len(piece) for piece in group])
            for piece, frames, n_frames in zip(group, best.tolist(), lengths, strict=True):
                found.append(self._heard(frames[:n_frames], len(piece) / SAMPLE_RATE, words=words))
        return found

    def _n_frames(self, mask: torch.Tensor | None, n_frames: int, n_samples: Sequence[int]) -> list[int]:
        """Give how many frames each piece of a batch has; the others are of the padding."""
        if mask is not None and hasattr(self._model, "_get_output_attention_mask"):  # Parakeet
            mask = self._model._get_output_attention_mask(mask, target_length=n_frames)
        elif mask is not None and hasattr(self._model, "_get_feature_vector_attention_mask"):  # Wav2Vec2 and its kin
            mask = self._model._get_feature_vector_attention_mask(n_frames, mask)
        else:
            return [max(1, round(n_frames * n / max(n_samples))) for n in n_samples]
        return [max(1, int(n)) for n in mask.sum(-1).tolist()]

    def _heard(self, frames: Sequence[int], duration_s: float, *, words: bool) -> Heard:
        runs = self._runs(frames)
        text = self._spelled([token for token, _, _ in runs])
        timed = self._words(runs, duration_s / len(frames)) if words else ()
        return Heard(text, timed, self._language if text else "")

    def _runs(self, frames: Sequence[int]) -> list[_Run]:
        """Join equal neighbours, then leave out blanks and what else is no text."""
        tokenizer = self._tokenizer
        special = {*tokenizer.all_special_ids, tokenizer.pad_token_id}
        runs: list[_Run] = []
        begin = 0
        for token, run in groupby(frames):
            end = begin + sum(1 for _ in run)
            if token not in special or tokenizer.convert_ids_to_tokens(token) in SPACES:
                runs.append((token, begin, end))
            begin = end
        return runs

    def _words(self, runs: Sequence[_Run], frame_s: float) -> tuple[TimedWord, ...]:
        """Put words together: from the first frame of its first run to the last of its last."""
        words: list[tuple[list[int], int, int]] = []
        new = True
        for token, begin, end in runs:
            spelled = str(self._tokenizer.convert_ids_to_tokens(token))
            new = new or spelled.startswith(SPACES)
            if spelled in SPACES:
                continue
            if new:
                words.append(([token], begin, end))
            else:
                ids, first, _ = words[-1]
                words[-1] = ([*ids, token], first, end)
            new = False
        timed = (TimedWord(self._spelled(ids), first * frame_s, end * frame_s) for ids, first, end in words)
        return tuple(word for word in timed if word.text)

    def _spelled(self, ids: Sequence[int]) -> str:
        # Joined already: what transformers joins when it is told to skip special tokens loses the second of two letters
        # that only a blank keeps apart.
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, group_tokens=False)).strip()
