"""Makes tiny pipelines with random weights, in memory."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from tests.models.mini_omni.checkpoints import TINY, TINY_ENCODER, TINY_SNAC, random_encoder, random_model, random_state
from voicechat.models.mini_omni import checkpoint, snac_checkpoint
from voicechat.models.mini_omni.pipeline import Pipeline
from voicechat.models.mini_omni.snac import SnacDecoder
from voicechat.models.mini_omni.tokenizer import TextStream
from voicechat.models.mini_omni.whisper import WhisperEncoder


class LetterTokenizer:
    """Reads every id as a letter, as a random model's ids are rarely in a tiny vocabulary."""

    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def stream(self) -> TextStream:
        return TextStream(self)

    def get(self, token: int, _default: bytes) -> bytes:
        return bytes([97 + token % 26])


def noise(n_samples: int, seed: int = 0) -> np.ndarray:
    """What a tiny encoder hears as speech: float32 (n_samples,)."""
    return np.random.default_rng(seed).normal(0, 0.1, n_samples).astype(np.float32)


@cache
def tiny_pipeline() -> Pipeline:
    """Give a pipeline of all four parts, in float32; it is shared by the tests, as it is by sessions."""
    encoder = WhisperEncoder(TINY_ENCODER)
    encoder.load_state_dict(_attentive(random_encoder()))
    return Pipeline(
        encoder=encoder.eval().requires_grad_(False),
        model=checkpoint.build(TINY, _attentive(random_model())),
        voice=SnacDecoder(TINY_SNAC, random_state(snac_checkpoint.shapes(TINY_SNAC))),
        tokenizer=LetterTokenizer(),
    )


def _attentive(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Let every layer count, and what was heard most of all, so that no two utterances have the same reply."""
    factors = {"whisper_adapter.proj.weight": 5.0}
    return {
        name: torch.ones_like(tensor)
        if tensor.dim() == 1 and name.endswith("weight")
        else tensor * factors.get(name, 1)
        for name, tensor in state.items()
    }
