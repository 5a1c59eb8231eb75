"""Mini-Omni at any size with random weights: for measuring speed and memory without a download.

What it says means nothing, but all shapes are real and no sum overflows or dies out.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from voicechat.models import weights
from voicechat.models.mini_omni import checkpoint, snac_checkpoint
from voicechat.models.mini_omni.int8 import Int8MiniOmni
from voicechat.models.mini_omni.model import MiniOmni, ModelConfig
from voicechat.models.mini_omni.snac import SnacConfig, SnacDecoder
from voicechat.models.mini_omni.whisper import EncoderConfig, WhisperEncoder

Model = TypeVar("Model", bound=nn.Module)


def language_model(config: ModelConfig, *, seed: int = 0) -> MiniOmni:
    """Draw a model in float32: 2.8 GB at full size."""
    with weights.skeleton():
        model = MiniOmni(config)
    return _filled(model, seed)


def encoder(config: EncoderConfig, *, seed: int = 0) -> WhisperEncoder:
    with weights.skeleton():
        model = WhisperEncoder(config)
    return _filled(model, seed)


def voice(config: SnacConfig, *, seed: int = 0) -> SnacDecoder:
    generator = torch.Generator().manual_seed(seed)
    shapes = snac_checkpoint.shapes(config)
    return SnacDecoder(config, {name: _drawn(name, shape, generator) for name, shape in shapes.items()})


def write_checkpoint(model: MiniOmni, folder: Path) -> Path | None:
    """Write a model as `checkpoint` reads it; give the file of its weights, None if there is no room for it."""
    settings = "".join(f"{key}: {str(value).lower()}\n" for key, value in asdict(model.config).items())
    (folder / checkpoint.CONFIG).write_text(settings, encoding="utf-8")
    path = folder / (checkpoint.INT8 if isinstance(model, Int8MiniOmni) else checkpoint.CONVERTED)
    return path if weights.keep(model.state_dict(), path, source="") else None


def _filled(model: Model, seed: int) -> Model:
    generator = torch.Generator().manual_seed(seed)
    state = {name: _drawn(name, tuple(t.shape), generator) for name, t in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def _drawn(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    if name.endswith("bias"):
        return torch.zeros(shape)
    if len(shape) == 1 or name.endswith(("alpha", "original0")):  # norms, snakes, gains
        return torch.ones(shape)
    fan_in = 1 if name.endswith("wte.weight") else math.prod(shape[1:])
    return torch.randn(shape, generator=generator).div_(math.sqrt(fan_in))
