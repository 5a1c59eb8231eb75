"""SNAC's checkpoint as its hub repository lays it out: config.json and pytorch_model.bin in, a decoder out.

Only the decoder's tensors are read and checked; the encoder's, which are in the same file, are not needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from voicechat.errors import ModelError
from voicechat.models import weights
from voicechat.models.mini_omni.snac import SnacConfig, SnacDecoder


def load(folder: Path) -> SnacDecoder:
    """Load the audio decoder from a folder as hubertsiuzdak/snac_24khz: config.json and pytorch_model.bin.

    model.safetensors is read instead where it is there.

    Raises:
        ModelError: If a file is missing, damaged or foreign, or a size or tensor is not what it must be.
    """
    config = read_config(folder / "config.json")
    path = folder / "model.safetensors"
    if path.exists():
        state: Mapping[str, Any] = weights.read_safetensors(path, wanted=is_needed)
    else:
        path = folder / "pytorch_model.bin"
        state = weights.read_pickle(path)
    tensors = weights.checked(state, shapes(config), path, ignored=lambda name: not is_needed(name))
    return SnacDecoder(config, {name: tensor.float() for name, tensor in tensors.items()})


def is_needed(name: str) -> bool:
    """Tell whether decoding needs a tensor."""
    return not name.startswith("encoder.") and ".in_proj." not in name


def shapes(config: SnacConfig) -> dict[str, tuple[int, ...]]:
    """Give the name and shape of every tensor that decoding needs."""
    found: dict[str, tuple[int, ...]] = {}

    def add_conv(name: str, n_out: int, n_in: int, kernel: int, *, bias: int) -> None:
        found[f"{name}.parametrizations.weight.original0"] = (n_out, 1, 1)
        found[f"{name}.parametrizations.weight.original1"] = (n_out, n_in, kernel)
        if bias:
            found[f"{name}.bias"] = (bias,)

    n_latent = config.encoder_dim * 2 ** len(config.encoder_rates)
    for index in range(len(config.vq_strides)):
        name = f"quantizer.quantizers.{index}"
        found[f"{name}.codebook.weight"] = (config.codebook_size, config.codebook_dim)
        add_conv(f"{name}.out_proj", n_latent, config.codebook_dim, 1, bias=n_latent)
    stem = 1 if config.depthwise else 0  # the last module of the stem
    if config.depthwise:
        add_conv("decoder.model.0", n_latent, 1, 7, bias=n_latent)
    add_conv(
        f"decoder.model.{stem}", config.decoder_dim, n_latent, 1 if config.depthwise else 7, bias=config.decoder_dim
    )
    n_out = config.decoder_dim
    for index, rate in enumerate(config.decoder_rates):
        n_in, n_out = config.decoder_dim // 2**index, config.decoder_dim // 2 ** (index + 1)
        block = f"decoder.model.{stem + 1 + index}.block"
        found[f"{block}.0.alpha"] = (1, n_in, 1)
        add_conv(f"{block}.1", n_in, n_out, 2 * rate, bias=n_out)  # transposed: inputs first
        if config.noise:
            add_conv(f"{block}.2.linear", n_out, n_out, 1, bias=0)
        for unit in range(3):
            inner = f"{block}.{unit + (3 if config.noise else 2)}.block"
            found[f"{inner}.0.alpha"] = found[f"{inner}.2.alpha"] = (1, n_out, 1)
            add_conv(f"{inner}.1", n_out, 1 if config.depthwise else n_out, 7, bias=n_out)
            add_conv(f"{inner}.3", n_out, n_out, 1, bias=n_out)
    last = stem + 1 + len(config.decoder_rates)
    found[f"decoder.model.{last}.alpha"] = (1, n_out, 1)
    add_conv(f"decoder.model.{last + 1}", 1, n_out, 7, bias=1)
    return found


def read_config(path: Path) -> SnacConfig:
    """Read config.json.

    Raises:
        ModelError: If it is missing or not JSON, or a size is odd; the message has the key and the value.
    """
    settings = weights.read_json(path)
    weights.must_have(settings, (field.name for field in fields(SnacConfig)), path)
    # What a frame of Mini-Omni is: 7 codes for three codebooks, 2048 samples at 24 kHz.
    fixed = {"sampling_rate": 24_000, "vq_strides": [4, 2, 1], "attn_window_size": None, "codebook_size": 4096}
    weights.must_be(settings, fixed, path)
    sizes = {
        key: weights.positive_int(settings[key], key=key, path=path)
        for key in ("encoder_dim", "decoder_dim", "codebook_dim")
    }
    rates: dict[str, tuple[int, ...]] = {}
    for key in ("encoder_rates", "decoder_rates"):
        value = settings[key]
        if not isinstance(value, list) or not 1 <= len(value) <= 8:
            raise ModelError(f"{path}: {key} must be a list of 1 to 8 strides, not {value!r:.80}")
        rates[key] = tuple(weights.positive_int(rate, key=key, path=path, at_most=64) for rate in value)
    if math.prod(rates["decoder_rates"]) != 512:
        raise ModelError(f"{path}: decoder_rates must multiply to 512, not {math.prod(rates['decoder_rates'])}")
    return SnacConfig(
        encoder_dim=sizes["encoder_dim"],
        encoder_rates=rates["encoder_rates"],
        decoder_dim=sizes["decoder_dim"],
        decoder_rates=rates["decoder_rates"],
        codebook_dim=sizes["codebook_dim"],
        noise=weights.flag(settings["noise"], key="noise", path=path),
        depthwise=weights.flag(settings["depthwise"], key="depthwise", path=path),
    )
