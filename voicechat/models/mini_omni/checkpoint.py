"""Mini-Omni's checkpoint, as its hub repository lays it out: files in, a model out, every size and tensor checked.

    model_config.yaml   the sizes
    lit_model.pth       the tensors, a pickle; no code in it is run
    model.safetensors   the same, written by the first load (or found so) and preferred from then on
    model.int8.safetensors  the same in 8 bit, written by the first load in 8 bit

Knows files and tensors; where the folder is, and how it came there, is `voicechat.models.hub`'s business.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from voicechat.errors import ModelError
from voicechat.models import weights
from voicechat.models.mini_omni import kernels
from voicechat.models.mini_omni.int8 import Int8MiniOmni, quantize_model
from voicechat.models.mini_omni.model import MiniOmni, ModelConfig
from voicechat.models.mini_omni.tokens import AUDIO_VOCAB, N_LAYERS, TEXT_VOCAB

logger = logging.getLogger(__name__)

CONFIG, PICKLE, CONVERTED = "model_config.yaml", "lit_model.pth", "model.safetensors"
INT8 = "model.int8.safetensors"
_EMBEDDING, _HEAD = "transformer.wte.", "lm_head."
EMBEDDING, HEAD = f"{_EMBEDDING}weight", f"{_HEAD}weight"

_MAX_CONFIG_BYTES = 1 << 16
# Sizes, and the largest that is believed: a model has to be built before its tensors can be compared.
_SIZES = {
    "n_layer": 1_000,
    "n_head": 1_000,
    "n_query_groups": 1_000,
    "head_size": 10_000,
    "n_embd": 100_000,
    "intermediate_size": 1_000_000,
    "block_size": 1_000_000,
}
# The one value that each of these may have: what is built here is this architecture and no other.
_FIXED = {
    "padded_vocab_size": TEXT_VOCAB + N_LAYERS * AUDIO_VOCAB,
    "text_vocab_size": TEXT_VOCAB,
    "audio_vocab_size": AUDIO_VOCAB,
    "cat_audio_vocab_size": N_LAYERS * AUDIO_VOCAB,
    "asr_adapter": "llamamlp",
    "mlp_class_name": "LLaMAMLP",
    "norm_class_name": "RMSNorm",
    "rotary_percentage": 1.0,
    "rope_condense_ratio": 1,
    "pos_type": "rope",
    "add_qkv_bias": True,
    "bias": False,
    "lm_head_bias": False,
    "parallel_residual": False,
    "shared_attention_norm": False,
    "scale_embeddings": False,
    "n_expert": 0,
}
# These say nothing about the tensors in the file: the reference, too, ignores them or (post_adapter) overrides them.
_UNUSED = (
    "name",
    "hf_config",
    "vocab_size",
    "padding_multiple",
    "gelu_approximate",
    "n_expert_per_token",
    "prompt_vocab_size",
    "attn_dropout",
    "force_align",
    "use_pretrain_phoneme_emb",
    "post_adapter",
    "post_adapter_layers",
)


def load(
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    convert: bool = True,
) -> MiniOmni:
    """Load the language model. On the CPU and in its stored precision its weights are mapped, not read.

    Args:
        dtype: what to convert the weights to; None: as they are stored.
        convert: whether to write model.safetensors if it is not there and there is room.

    Raises:
        ModelError: If a file is missing, damaged or foreign, or a size or tensor is not what it must be.
    """
    config = read_config(folder / CONFIG)
    state, path = _open(folder, config, convert=convert)
    stored = state[EMBEDDING].dtype
    if torch.device(device).type == "cpu" and dtype in (None, stored):
        return build(config, state)
    once = _once(state, config)
    tensors = once.items() if path is None else weights.one_by_one(path, once)
    return build(config, {name: tensor.to(device, dtype) for name, tensor in tensors})


def load_int8(folder: Path) -> Int8MiniOmni:
    """Load the language model with 8-bit weights, for the CPU.

    They are made from the others once and kept beside them, if there is room: the next load reads a quarter.

    Raises:
        ModelError: As `load`.
    """
    config = read_config(folder / CONFIG)
    origin = folder / (PICKLE if (folder / PICKLE).exists() else CONVERTED)
    source = f"int8 {weights.fingerprint(origin)}" if origin.exists() else ""
    with weights.skeleton():
        model = Int8MiniOmni(config)
    expected = _int8_tensors(model)
    kept = weights.converted(folder / INT8, source=source)
    if kept is not None and _form(kept) == _form(expected):
        del kept  # read, not mapped: the kernels want large pages, and the processor's nearest memory
        state = {
            name: kernels.prefer_large_pages(torch.empty_like(tensor, device="cpu"))
            for name, tensor in expected.items()
        }
        weights.read_into(state, folder / INT8)
        if config.tie_word_embeddings:
            state |= {_EMBEDDING + name: state[_HEAD + name] for name in ("weight", "scale")}
        model.load_state_dict(state, assign=True)
        return model.eval().requires_grad_(False)
    model = quantize_model(load(folder, convert=False))
    weights.keep(_int8_tensors(model), folder / INT8, source=source)
    return model.eval().requires_grad_(False)


def _form(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _int8_tensors(model: Int8MiniOmni) -> dict[str, Tensor]:
    """Give the tensors that make up the model; of tied ones, only the head's."""
    tied = model.config.tie_word_embeddings
    state: Mapping[str, Tensor] = model.state_dict()
    return {name: tensor for name, tensor in state.items() if not (tied and name.startswith(_EMBEDDING))}


def build(config: ModelConfig, state: Mapping[str, Tensor]) -> MiniOmni:
    """Make the model from its tensors, which it then holds; nothing is copied.

    Args:
        state: every tensor of `shapes(config)`; of tied ones the embedding is enough.
    """
    if config.tie_word_embeddings:
        state = {**state, HEAD: state[EMBEDDING]}
    with weights.skeleton():
        model = MiniOmni(config)
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def read_config(path: Path) -> ModelConfig:
    """Read model_config.yaml.

    Raises:
        ModelError: If it is missing or not YAML, or a size is unknown or odd; the message has the key and the value.
    """
    settings = {key: value for key, value in _read_yaml(path).items() if value is not None}
    weights.must_have(settings, ("n_layer", "n_head", "n_embd", "intermediate_size", "padded_vocab_size"), path)
    weights.must_be(settings, _FIXED, path)
    known = {field.name for field in fields(ModelConfig)} | {*_FIXED, *_UNUSED}
    if unknown := sorted(str(key) for key in settings if key not in known):
        logger.warning("%s: ignored, for nobody here knows it: %s", path, ", ".join(unknown))
    settings.setdefault("n_query_groups", settings["n_head"])
    sizes = {
        key: weights.positive_int(settings[key], key=key, path=path, at_most=at_most)
        for key, at_most in _SIZES.items()
        if key in settings
    }
    sizes.setdefault("head_size", sizes["n_embd"] // sizes["n_head"])
    if sizes["n_head"] % sizes["n_query_groups"]:
        raise ModelError(f"{path}: n_query_groups must divide n_head {sizes['n_head']}, not {sizes['n_query_groups']}")
    if sizes["head_size"] % 2:
        raise ModelError(f"{path}: head_size must be even, not {sizes['head_size']}")
    adapter_dim = weights.positive_int(settings.get("whisper_adapter_dim", 768), key="whisper_adapter_dim", path=path)
    return ModelConfig(
        **sizes,
        norm_eps=_positive(settings.get("norm_eps", 1e-5), key="norm_eps", path=path),
        rope_base=_positive(settings.get("rope_base", 10_000), key="rope_base", path=path),
        whisper_adapter_dim=adapter_dim,
        tie_word_embeddings=weights.flag(
            settings.get("tie_word_embeddings", False), key="tie_word_embeddings", path=path
        ),
    )


def read_state(folder: Path, config: ModelConfig, *, convert: bool = True) -> dict[str, Tensor]:
    """Read the model's tensors by name, mapped into memory, every name and shape checked.

    With tied embeddings both names are there and share one tensor.

    Args:
        convert: whether to write model.safetensors if it is not there and there is room.

    Raises:
        ModelError: If no file is there, or the one that is there is damaged, foreign, or of another model.
    """
    return _open(folder, config, convert=convert)[0]


def _open(folder: Path, config: ModelConfig, *, convert: bool) -> tuple[dict[str, Tensor], Path | None]:
    """Give the tensors, and the safetensors file that they are in if they are in one."""
    pickled, kept = folder / PICKLE, folder / CONVERTED
    if not pickled.exists() and kept.exists():  # it came as safetensors, or the pickle was deleted since
        return _checked(weights.read_safetensors(kept), config, kept), kept
    if not pickled.exists():
        raise ModelError(f"{folder} has neither {PICKLE} nor {CONVERTED}; run: voicechat models pull mini-omni")
    source = weights.fingerprint(pickled)
    if (state := weights.converted(kept, source=source)) is not None:
        return _checked(state, config, kept), kept
    loaded = weights.read_pickle(pickled)
    if isinstance(loaded.get("model"), Mapping):  # as training leaves it
        loaded = loaded["model"]
    state = _checked(loaded, config, pickled)
    if convert and weights.keep(_once(state, config), kept, source=source):
        logger.info("%s is converted to %s, which is used from now on", pickled, kept)
        return _checked(weights.read_safetensors(kept), config, kept), kept
    return state, None


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Give the name and shape of every tensor of the model."""
    with weights.skeleton():
        model = MiniOmni(config)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _checked(state: Mapping[str, Any], config: ModelConfig, path: Path) -> dict[str, Tensor]:
    if config.tie_word_embeddings and EMBEDDING in state:
        state = {**state, HEAD: state[EMBEDDING]}
    return weights.checked(state, shapes(config), path)


def _once(state: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Leave out the head if it is the embedding."""
    return {name: tensor for name, tensor in state.items() if not (config.tie_word_embeddings and name == HEAD)}


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]

    try:
        with path.open("rb") as file:
            data = file.read(_MAX_CONFIG_BYTES + 1)
        loaded = yaml.safe_load(data) if len(data) <= _MAX_CONFIG_BYTES else None
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ModelError(f"cannot load {path}: not valid YAML; get it again") from exc
    if not isinstance(loaded, dict):
        raise ModelError(f"cannot load {path}: not a list of keys and values; get it again")
    return loaded


def _positive(value: object, *, key: str, path: Path) -> float:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):  # YAML reads 1e-06 as text: it wants a point in front of the e
        number = 0.0
    if not 0 < number < math.inf:
        raise ModelError(f"{path}: {key} must be a number above 0, not {value!r:.80}")
    return number
