"""Language models that hear: told to write down what was said, they do. Voxtral and Qwen3-ASR.

Each is told in its own way; what comes back is the text behind what it was told.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch

from voicechat.errors import ConfigError, ModelError
from voicechat.models.heard import Heard
from voicechat.models.speech_to_text.calling import SAMPLE_RATE, Asked, Place, Stopped, Wishes
from voicechat.models.speech_to_text.tekken import Tekken

TOKENS_PER_S, TOKENS_BESIDE = 20, 32  # more than any language is spoken in, and for what is said about the text


class _Instructed:
    """What both have in common."""

    tells_words = False
    max_piece_s = 60.0

    def __init__(self, place: Place) -> None:
        self._place = place
        self._model = place.model("AutoModelForMultimodalLM")

    def _written(self, inputs: dict[str, Any], pieces: Sequence[np.ndarray], stopped: Stopped) -> torch.Tensor | None:
        """Give the ids that are written behind the given ones, int64 (n_pieces, n)."""
        n_most = round(max(map(len, pieces)) / SAMPLE_RATE * TOKENS_PER_S) + TOKENS_BESIDE
        ids = self._model.generate(**inputs, max_new_tokens=n_most, do_sample=False, stopping_criteria=[Asked(stopped)])
        written: torch.Tensor = ids[:, inputs["input_ids"].shape[1] :].cpu()
        return None if stopped() else written


class Qwen3AsrRecognizer(_Instructed):
    """30 languages, found out by itself; words and names to expect go before the sound."""

    def __init__(self, place: Place, wishes: Wishes) -> None:
        """Load a checkpoint.

        Raises:
            ConfigError: If it does not know the language.
            ModelError: If it cannot be loaded.
        """
        super().__init__(place)
        self._processor = place.load("AutoProcessor")
        self._wishes = wishes
        if wishes.language:
            try:
                self._told([np.zeros(SAMPLE_RATE, np.float32)])
            except ValueError as exc:
                raise ConfigError(f"{place.name} knows no language {wishes.language!r:.20}") from exc

    @torch.inference_mode()
    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:  # noqa: ARG002
        """See Recognizer."""
        written = self._written(self._told(pieces), pieces, stopped)
        if written is None:
            return None
        names = import_module("transformers.models.qwen3_asr.processing_qwen3_asr").LANGUAGE_CODE_TO_NAME
        codes = {name: code for code, name in names.items()}
        answers = self._processor.decode(written, return_format="parsed")
        return [
            Heard(
                text := answer["transcription"].strip(),
                language=(self._wishes.language or codes.get(answer["language"] or "", "")) if text else "",
            )
            for answer in answers
        ]

    def _told(self, pieces: Sequence[np.ndarray]) -> dict[str, Any]:
        told = self._processor.apply_transcription_request(
            list(pieces), language=self._wishes.language or None, prompt=self._wishes.prompt or None
        )
        return self._place.inputs(told)


class VoxtralRecognizer(_Instructed):
    """Eight languages, found out by itself.

    transformers makes its prompts with mistral-common, which needs numpy below 2.4; they are a few ids, and made here.
    """

    def __init__(self, place: Place, wishes: Wishes) -> None:
        """Load a checkpoint.

        Raises:
            ConfigError: If a wish cannot be met.
            ModelError: If it cannot be loaded.
        """
        if wishes.prompt:
            raise ConfigError(f"{place.name} takes no prompt and no vocabulary")
        super().__init__(place)
        self._language = wishes.language
        self._extractor = place.load("AutoFeatureExtractor")
        self._text = Tekken(place.folder / "tekken.json")
        audio = self._model.config.audio_config
        self._n_window_ids = audio.max_source_positions * audio.hidden_size // audio.intermediate_size
        self._n_window_mels = audio.max_source_positions * 2

    @torch.inference_mode()
    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:  # noqa: ARG002
        """See Recognizer; one piece after another, as their prompts are not of one length."""
        found = []
        for piece in pieces:
            written = self._written(self._told(piece), [piece], stopped)
            if written is None:
                return None
            text = self._text.decode(written[0].tolist()).strip()
            found.append(Heard(text, language=self._language if text else ""))
        return found

    def _told(self, piece: np.ndarray) -> dict[str, Any]:
        """Make what it is told: the sound in windows of 30 s, then the language and the word "transcribe"."""
        features = self._extractor(
            piece,
            sampling_rate=SAMPLE_RATE,
            truncation=False,
            padding=True,
            pad_to_multiple_of=self._extractor.n_samples,
            return_tensors="pt",
        ).input_features
        windows = features[0].unflatten(-1, (-1, self._n_window_mels)).transpose(0, 1)
        special = self._text.special
        try:
            ids = [special["<s>"], special["[INST]"], special["[BEGIN_AUDIO]"]]
            ids += [special["[AUDIO]"]] * (self._n_window_ids * len(windows)) + [special["[/INST]"]]
            ids += self._text.encode(f"lang:{self._language}") if self._language else []
            ids.append(special["[TRANSCRIBE]"])
        except KeyError as exc:
            raise ModelError(f"{self._place.name} has no token {exc}: it is no Voxtral that transcribes") from exc
        prompt = torch.tensor([ids])
        return self._place.inputs(
            {"input_ids": prompt, "attention_mask": torch.ones_like(prompt), "input_features": windows}
        )
