"""Language models that hear: told to write down what was said, they do. Voxtral and Qwen3-ASR.

Each is told in its own way; what comes back is the text behind what it was told. Pieces are heard one after another: in
a batch, transformers lets the shorter ones hear their padding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch

from voicechat.errors import ConfigError, ModelError
from voicechat.models.heard import Heard
from voicechat.models.speech_to_text.calling import SAMPLE_RATE, Asked, Place, Stopped, Wishes
from voicechat.models.speech_to_text.tekken import Tekken

TOKENS_PER_S, TOKENS_BESIDE = 20, 32  # more than any language is spoken in, and for what is said about the text
MAX_PIECE_S = 60.0


class Qwen3AsrRecognizer:
    """30 languages, found out by itself; words and names to expect go before the sound."""

    tells_words = False
    max_piece_s = MAX_PIECE_S

    def __init__(self, place: Place, wishes: Wishes) -> None:
        """Load a checkpoint.

        Raises:
            ConfigError: If it does not know the language.
            ModelError: If it cannot be loaded.
        """
        self._place, self._wishes = place, wishes
        self._model = place.model("AutoModelForMultimodalLM")
        self._processor = place.load("AutoProcessor")
        names = import_module("transformers.models.qwen3_asr.processing_qwen3_asr").LANGUAGE_CODE_TO_NAME
        if wishes.language and wishes.language not in names:
            raise ConfigError(f"{place.name} knows no language {wishes.language!r:.20}; known: {', '.join(names)}")
        self._codes = {name: code for code, name in names.items()}

    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:  # noqa: ARG002
        """See Recognizer."""
        found = []
        for piece in pieces:
            told = self._processor.apply_transcription_request(
                [piece], language=self._wishes.language or None, prompt=self._wishes.prompt or None
            )
            written = _written(self._model, self._place.inputs(told), len(piece), stopped)
            if written is None:
                return None
            answer = self._processor.decode(written, return_format="parsed")
            text = answer["transcription"].strip()
            language = self._wishes.language or self._codes.get(answer["language"] or "", "")
            found.append(Heard(text, language=language if text else ""))
        return found


class VoxtralRecognizer:
    """Eight languages, found out by itself.

    transformers makes its prompts with mistral-common, which needs numpy below 2.4; they are a few ids, and made here.
    """

    tells_words = False
    max_piece_s = MAX_PIECE_S

    def __init__(self, place: Place, wishes: Wishes) -> None:
        """Load a checkpoint.

        Raises:
            ConfigError: If a wish cannot be met.
            ModelError: If it cannot be loaded.
        """
        if wishes.prompt:
            raise ConfigError(f"{place.name} takes no prompt and no vocabulary")
        self._place, self._language = place, wishes.language
        self._model = place.model("AutoModelForMultimodalLM")
        self._extractor = place.load("AutoFeatureExtractor")
        self._text = Tekken(place.folder / "tekken.json")
        audio = self._model.config.audio_config
        self._n_window_ids = audio.max_source_positions * audio.hidden_size // audio.intermediate_size
        self._n_window_mels = audio.max_source_positions * 2

    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Stopped) -> list[Heard] | None:  # noqa: ARG002
        """See Recognizer."""
        found = []
        for piece in pieces:
            written = _written(self._model, self._place.inputs(self._told(piece)), len(piece), stopped)
            if written is None:
                return None
            text = self._text.decode(written).strip()
            found.append(Heard(text, language=self._language if text else ""))
        return found

    def _told(self, piece: np.ndarray) -> Mapping[str, Any]:
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
        return {"input_ids": prompt, "attention_mask": torch.ones_like(prompt), "input_features": windows}


@torch.inference_mode()
def _written(model: Any, inputs: dict[str, Any], n_samples: int, stopped: Stopped) -> list[int] | None:
    """Give the ids that are written behind those of the inputs; None once `stopped` says yes."""
    n_most = round(n_samples / SAMPLE_RATE * TOKENS_PER_S) + TOKENS_BESIDE
    ids = model.generate(
        **inputs, max_new_tokens=n_most, do_sample=False, num_beams=1, stopping_criteria=[Asked(stopped)]
    )
    written: list[int] = ids[0, inputs["input_ids"].shape[1] :].tolist()
    return None if stopped() else written
