"""Whisper's checkpoint as transformers keeps it: sizes, rules and tensors, read and checked.

Knows the files of openai/whisper-*, distil-whisper's and their fine-tunes: config.json, generation_config.json,
tokenizer.json, and the weights as one safetensors file, several, or torch's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from voicechat.errors import ModelError
from voicechat.models import weights
from voicechat.models.mini_omni.int8 import Int8Embedding, Int8Linear
from voicechat.models.mini_omni.whisper import EncoderConfig, WhisperEncoder
from voicechat.models.whisper.model import Decoder, DecoderConfig, Head
from voicechat.models.whisper.text import WhisperTokenizer

Precision = Literal["float32", "bfloat16", "float16", "int8"]

N_MULTILINGUAL_IDS = 51865  # models with fewer know English only
ENCODER_KEYS = {
    "n_mels": "num_mel_bins",
    "n_positions": "max_source_positions",
    "width": "d_model",
    "n_heads": "encoder_attention_heads",
    "n_layers": "encoder_layers",
    "n_hidden": "encoder_ffn_dim",
}
DECODER_KEYS = {
    "n_ids": "vocab_size",
    "n_positions": "max_target_positions",
    "width": "d_model",
    "n_heads": "decoder_attention_heads",
    "n_layers": "decoder_layers",
    "n_hidden": "decoder_ffn_dim",
}
_FIXED = {"model_type": "whisper", "activation_function": "gelu", "scale_embedding": False}


@dataclass(frozen=True)
class Rules:
    """What a checkpoint says about decoding."""

    suppressed: tuple[int, ...]  # ids that are never written
    suppressed_first: tuple[int, ...]  # ids that no text begins with
    alignment_heads: tuple[Head, ...]  # heads that look at the sound that is being written down
    multilingual: bool


@dataclass(frozen=True)
class Parts:
    """A checkpoint, loaded."""

    encoder: WhisperEncoder
    decoder: Decoder
    tokenizer: WhisperTokenizer
    rules: Rules


def load(folder: Path, *, device: str = "cpu", precision: Precision = "float32") -> Parts:
    """Load a checkpoint.

    Args:
        precision: of the weights; "int8" for the CPU only.

    Raises:
        ModelError: If a file is missing, damaged or foreign, or a size or tensor is not what it must be.
    """
    path = folder / "config.json"
    settings = weights.read_json(path)
    weights.must_be(settings, _FIXED, path)
    encoder_config = EncoderConfig(**_sizes(settings, ENCODER_KEYS, path))
    decoder_config = DecoderConfig(**_sizes(settings, DECODER_KEYS, path))
    _check_heads(settings, path)
    rules = _rules(settings, folder, decoder_config)
    tokenizer = WhisperTokenizer(folder / "tokenizer.json", multilingual=rules.multilingual)
    with weights.skeleton():
        encoder, decoder = WhisperEncoder(encoder_config), Decoder(decoder_config)
    state = _read_tensors(folder)
    dtype = torch.float32 if precision == "int8" else getattr(torch, precision)
    for name, module in (("encoder.", encoder), ("decoder.", decoder)):
        expected = {name + key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
        tensors = weights.checked({key: state[key] for key in state if key in expected}, expected, folder)
        filled = {key.removeprefix(name): tensors[key].to(device, dtype) for key in expected}
        module.load_state_dict(filled, assign=True)
        module.eval().requires_grad_(False)
    if precision == "int8":
        quantize(encoder)
        quantize(decoder)
    return Parts(encoder, decoder, tokenizer, rules)


def quantize(module: nn.Module) -> None:
    """Round the weights of every linear to 8 bits, in place; a decoder's head and embedding share one matrix."""
    for owner in list(module.modules()):
        for name, linear in list(owner.named_children()):
            if isinstance(linear, nn.Linear):
                rounded = Int8Linear(linear.in_features, linear.out_features, bias=linear.bias is not None)
                rounded.fill(linear.weight, bias=linear.bias)
                owner.register_module(name, rounded)
    if isinstance(module, Decoder):
        head = Int8Linear(module.config.width, module.config.n_ids)
        head.fill(module.embed_tokens.weight)
        module.head = head
        module.embed_tokens = Int8Embedding(head)  # type: ignore[assignment]


def _sizes(settings: Mapping[str, Any], keys: Mapping[str, str], path: Path) -> dict[str, int]:
    weights.must_have(settings, keys.values(), path)
    return {
        name: weights.positive_int(settings[key], key=key, path=path, at_most=1 << 20) for name, key in keys.items()
    }


def _check_heads(settings: Mapping[str, Any], path: Path) -> None:
    for key in ("encoder_attention_heads", "decoder_attention_heads"):
        if settings["d_model"] % settings[key]:
            raise ModelError(f"{path}: {key} must divide d_model {settings['d_model']}, not {settings[key]}")


def _rules(settings: Mapping[str, Any], folder: Path, config: DecoderConfig) -> Rules:
    """Read generation_config.json; what it does not say, an older config.json may."""
    path = folder / "generation_config.json"
    said = dict(settings) | (weights.read_json(path) if path.exists() else {})
    suppressed, first = (_ids(said.get(key), key, path) for key in ("suppress_tokens", "begin_suppress_tokens"))
    heads = [_ids(pair, "alignment_heads", path) for pair in said.get("alignment_heads") or ()]
    if not heads:  # as the paper's own code does without better knowledge: the upper half of the layers
        heads = [
            (layer, head) for layer in range(config.n_layers // 2, config.n_layers) for head in range(config.n_heads)
        ]
    if any(len(pair) != 2 or pair[0] >= config.n_layers or pair[1] >= config.n_heads for pair in heads):
        raise ModelError(f"{path}: alignment_heads has a head that the model has not; get it again")
    multilingual = said.get("is_multilingual")
    known = isinstance(multilingual, bool)
    return Rules(
        tuple(token for token in suppressed if token < config.n_ids),
        tuple(token for token in first if token < config.n_ids),
        tuple(sorted((pair[0], pair[1]) for pair in heads)),
        bool(multilingual) if known else config.n_ids >= N_MULTILINGUAL_IDS,
    )


def _ids(value: object, key: str, path: Path) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(token, int) and token >= 0 for token in value):
        raise ModelError(f"{path}: {key} must be a list of ids, not {value!r:.80}")
    return tuple(value)


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    """Read the weights, in whichever of the three layouts they are; names without "model."."""
    index = folder / "model.safetensors.index.json"
    state: dict[str, Tensor] = {}
    if (folder / "model.safetensors").exists():
        state = weights.read_safetensors(folder / "model.safetensors")
    elif index.exists():
        shards = weights.read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
            raise ModelError(f"{index} names no files; get it again")
        for name in sorted(set(shards.values())):
            state |= weights.read_safetensors(folder / Path(name).name)
    elif (folder / "pytorch_model.bin").exists():
        state = dict(weights.read_pickle(folder / "pytorch_model.bin"))
    else:
        raise ModelError(f"{folder} has no weights: there is no model.safetensors; get it again")
    return {name.removeprefix("model."): state[name] for name in state}
