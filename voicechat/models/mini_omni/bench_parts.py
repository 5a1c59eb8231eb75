"""What is measured: Mini-Omni's models at full size, drawn at random or from their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from voicechat.models.device import Choice, memory_watched
from voicechat.models.mini_omni import checkpoint, random_weights, snac_checkpoint, whisper
from voicechat.models.mini_omni.int8 import quantize_model
from voicechat.models.mini_omni.model import MiniOmni, ModelConfig
from voicechat.models.mini_omni.pipeline import Precision
from voicechat.models.mini_omni.snac import SnacConfig, SnacDecoder
from voicechat.models.mini_omni.whisper import EncoderConfig, WhisperEncoder


@dataclass(frozen=True)
class Sizes:
    model: ModelConfig
    encoder: EncoderConfig
    voice: SnacConfig


FULL_SIZE = Sizes(ModelConfig(), EncoderConfig(), SnacConfig())


@dataclass(frozen=True, eq=False)
class Parts:
    """The models, and how the language model is to run. Measuring takes them: what is left afterwards is not said."""

    model: MiniOmni  # in float32
    encoder: WhisperEncoder
    voice: SnacDecoder  # stays on the CPU
    precision: Precision
    device: Choice
    folder: Path | None = None  # where the weights are from; None: drawn at random

    def in_precision(self) -> MiniOmni:
        """Give the language model as it is to run. The one in float32 is emptied or turned into it, to save memory."""
        if self.precision == "int8":
            return quantize_model(self.model)
        turned: MiniOmni = self.model.to(getattr(torch, self.precision))
        return turned


def at_random(precision: Precision, device: Choice, sizes: Sizes = FULL_SIZE) -> Parts:
    """Draw all models; at full size 3.2 GB of memory and some seconds.

    Raises:
        DeviceMemoryError: If the device has not enough memory.
    """
    with memory_watched(device.name):
        return Parts(
            random_weights.language_model(sizes.model).to(device.name),
            random_weights.encoder(sizes.encoder).to(device.name),
            random_weights.voice(sizes.voice),
            precision,
            device,
        )


def from_folder(folder: Path, precision: Precision, device: Choice) -> Parts:
    """Load all models from a folder as `voicechat models pull mini-omni` leaves it.

    Raises:
        ModelError: If a file is missing, damaged or foreign.
        DeviceMemoryError: If the device has not enough memory.
    """
    if precision == "int8":
        checkpoint.load_int8(folder / "checkpoint")  # makes its file, whose loading is measured
    with memory_watched(device.name):
        return Parts(
            checkpoint.load(folder / "checkpoint", device=device.name, dtype=torch.float32),
            whisper.load(whisper.located(folder), device=device.name),
            snac_checkpoint.load(folder / "snac"),
            precision,
            device,
            folder,
        )
