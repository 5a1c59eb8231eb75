"""Makes tiny checkpoints in the real formats, with random weights: what the hub's repositories hold, but small.

write_model(folder)      all of it, as `voicechat models pull mini-omni` leaves it:
    checkpoint/              model_config.yaml, lit_model.pth, tokenizer.json
    whisper/                 config.json, model.safetensors
    snac/                    config.json, pytorch_model.bin
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from voicechat.models.mini_omni import checkpoint, snac_checkpoint
from voicechat.models.mini_omni.model import ModelConfig
from voicechat.models.mini_omni.snac import SnacConfig
from voicechat.models.mini_omni.whisper import EncoderConfig, WhisperEncoder

TINY = ModelConfig(
    n_layer=2,
    n_head=4,
    n_query_groups=2,
    head_size=8,
    n_embd=32,
    intermediate_size=64,
    block_size=512,
    whisper_adapter_dim=24,
)
TINY_ENCODER = EncoderConfig(width=24, n_heads=4, n_layers=2, n_hidden=96)
TINY_SNAC = SnacConfig(encoder_dim=4, decoder_dim=64)

# What the published file says besides the sizes, key by key.
_PUBLISHED = {
    "hf_config": {},
    "scale_embeddings": False,
    "vocab_size": 50254,
    "padding_multiple": 512,
    "rotary_percentage": 1.0,
    "parallel_residual": False,
    "bias": False,
    "lm_head_bias": False,
    "shared_attention_norm": False,
    "norm_class_name": "RMSNorm",
    "mlp_class_name": "LLaMAMLP",
    "gelu_approximate": "none",
    "rope_condense_ratio": 1,
    "n_expert": 0,
    "n_expert_per_token": 0,
    "add_qkv_bias": True,
    "prompt_vocab_size": None,
    "attn_dropout": 0.0,
    "pos_type": "rope",
    "force_align": False,
    "use_pretrain_phoneme_emb": False,
    "text_vocab_size": 152000,
    "cat_audio_vocab_size": 29120,
    "audio_vocab_size": 4160,
    "post_adapter": False,
    "post_adapter_layers": 6,
    "asr_adapter": "llamamlp",
}


def settings(config: ModelConfig = TINY) -> dict[str, object]:
    """The keys and values of a model_config.yaml."""
    return {"name": "qwen2-0.5b", **_PUBLISHED, **vars(config)}


def random_state(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Random tensors, of about the size that trained ones have."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) / (shape[-1] ** 0.5 if len(shape) > 1 else 10)
        for name, shape in shapes.items()
    }


def random_model(config: ModelConfig = TINY, seed: int = 0) -> dict[str, Tensor]:
    """The tensors of a lit_model.pth."""
    return dict(_random_model(config, seed))


@cache
def _random_model(config: ModelConfig, seed: int) -> dict[str, Tensor]:
    state = random_state(checkpoint.shapes(config), seed)
    if config.tie_word_embeddings:
        state[checkpoint.HEAD] = state[checkpoint.EMBEDDING]
    return state


def random_encoder(config: EncoderConfig = TINY_ENCODER, seed: int = 0) -> dict[str, Tensor]:
    """The tensors of an encoder, under our names."""
    with torch.device("meta"):
        encoder = WhisperEncoder(config)
    return random_state({name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}, seed)


def write_checkpoint(folder: Path, state: dict[str, Tensor] | None = None, config: ModelConfig = TINY) -> Path:
    """Write model_config.yaml, lit_model.pth and tokenizer.json."""
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model_config.yaml").write_text(yaml.safe_dump(settings(config)))
    torch.save(random_model(config) if state is None else state, folder / "lit_model.pth")
    write_tokenizer(folder / "tokenizer.json")
    return folder


def write_tokenizer(path: Path) -> Path:
    """Write a byte-level BPE in Qwen2's form, with a few merges and its special tokens."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    letters = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {letter: token for token, letter in enumerate(sorted(letters))}
    merges = [("h", "e"), ("Ġ", "t"), ("Ġt", "he"), ("i", "n"), ("Ã", "¤")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    words = Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True), AddedToken("<|im_start|>", special=True)])
    tokenizer.save(str(path))
    return path


def write_whisper(folder: Path, config: EncoderConfig = TINY_ENCODER, state: dict[str, Tensor] | None = None) -> Path:
    """Write config.json and model.safetensors as openai/whisper-small has them, a decoder's tensor among them."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "model_type": "whisper",
        "activation_function": "gelu",
        "scale_embedding": False,
        "num_mel_bins": config.n_mels,
        "max_source_positions": config.n_positions,
        "d_model": config.width,
        "encoder_attention_heads": config.n_heads,
        "encoder_layers": config.n_layers,
        "encoder_ffn_dim": config.n_hidden,
    }
    (folder / "config.json").write_text(json.dumps(values))
    state = random_encoder(config) if state is None else state
    tensors = {f"model.encoder.{name}": tensor for name, tensor in state.items()}
    tensors["model.decoder.layer_norm.weight"] = torch.ones(config.width)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_small_pt(path: Path, config: EncoderConfig = TINY_ENCODER, state: dict[str, Tensor] | None = None) -> Path:
    """Write a file in OpenAI's layout: float16, under their names, a decoder's tensor among them."""
    theirs = {
        "embed_positions.weight": "positional_embedding",
        "layer_norm.": "ln_post.",
        "layers.": "blocks.",
        "self_attn_layer_norm": "attn_ln",
        "self_attn.q_proj": "attn.query",
        "self_attn.k_proj": "attn.key",
        "self_attn.v_proj": "attn.value",
        "self_attn.out_proj": "attn.out",
        "fc1": "mlp.0",
        "fc2": "mlp.2",
        "final_layer_norm": "mlp_ln",
    }
    tensors = {"decoder.ln.weight": torch.ones(config.width, dtype=torch.float16)}
    for name, tensor in (random_encoder(config) if state is None else state).items():
        renamed = name.replace("final_layer_norm", "mlp_ln").replace("self_attn_layer_norm", "attn_ln")
        for ours, other in theirs.items():
            renamed = renamed.replace(ours, other)
        tensors[f"encoder.{renamed}"] = tensor.half()
    dims = {
        "n_mels": config.n_mels,
        "n_audio_ctx": config.n_positions,
        "n_audio_state": config.width,
        "n_audio_head": config.n_heads,
        "n_audio_layer": config.n_layers,
        "n_text_layer": 1,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"dims": dims, "model_state_dict": tensors}, path)
    return path


def write_snac(folder: Path, config: SnacConfig = TINY_SNAC, state: dict[str, Tensor] | None = None) -> Path:
    """Write config.json and pytorch_model.bin as hubertsiuzdak/snac_24khz has them, an encoder's tensor among them."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"sampling_rate": 24000, "attn_window_size": None, **vars(config)}
    (folder / "config.json").write_text(json.dumps(values))
    if state is None:
        state = random_state(snac_checkpoint.shapes(config)) | {"encoder.block.0.bias": torch.zeros(config.encoder_dim)}
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def write_model(folder: Path, config: ModelConfig = TINY) -> Path:
    """Write all three parts, as they lie once they are downloaded."""
    write_checkpoint(folder / "checkpoint", config=config)
    write_whisper(folder / "whisper")
    write_snac(folder / "snac")
    return folder
