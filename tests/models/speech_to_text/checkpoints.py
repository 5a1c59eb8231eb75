"""Makes tiny checkpoints with random weights of each kind of recognizer, by transformers itself, in its own layout."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

SYLLABLES = ("▁the", "▁a", "s", "ing", "▁in", "n", "▁to", "er", ".", "e", "t", ",")
LETTERS = ("<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ")
QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|audio_start|>", "<|audio_end|>", "<|audio_pad|>")
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'audio' %}<|audio_start|><|audio_pad|><|audio_end|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% if m['role'] != 'assistant' %}<|im_end|>\n{% endif %}{% endfor %}"
)
VOXTRAL_SPECIAL = {0: "<unk>", 1: "<s>", 2: "</s>", 3: "[INST]", 4: "[/INST]", 24: "[AUDIO]", 25: "[BEGIN_AUDIO]"}
N_VOXTRAL_SPECIAL = 40
TRANSCRIBE = 34
VOXTRAL_TEXTS = (*(bytes([byte]) for byte in range(256)), b"la", b"ng", b"lang", b":e", b":en", b"n:")
PARAKEET_ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "subsampling_conv_channels": 8,
}
TEXT_MODEL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
}


def write_wav2vec2(folder: Path) -> Path:
    """Write a Wav2Vec2 that names letters."""
    transformers = _transformers()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({letter: n for n, letter in enumerate(LETTERS)}))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), word_delimiter_token="|")
    extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True, do_normalize=True)
    transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)
    config = transformers.Wav2Vec2Config(
        vocab_size=len(LETTERS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
    )
    _drawn(transformers.Wav2Vec2ForCTC(config)).save_pretrained(folder)
    return folder


def write_parakeet_ctc(folder: Path) -> Path:
    """Write a Parakeet that names syllables."""
    transformers = _transformers()
    tokenizer = transformers.ParakeetTokenizer(
        tokenizer_object=_syllables(["<pad>"]), unk_token="<unk>", pad_token="<pad>"
    )
    config = transformers.ParakeetCTCConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        encoder_config=transformers.ParakeetEncoderConfig(**PARAKEET_ENCODER),
    )
    _drawn(transformers.ParakeetForCTC(config)).save_pretrained(folder)
    transformers.ParakeetProcessor(transformers.ParakeetFeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


def write_parakeet_tdt(folder: Path) -> Path:
    """Write a Parakeet that walks along the sound."""
    transformers = _transformers()
    tokenizer = transformers.ParakeetTokenizer(
        tokenizer_object=_syllables(["<pad>", "<blank>"]), unk_token="<unk>", pad_token="<pad>"
    )
    blank = tokenizer.convert_tokens_to_ids("<blank>")
    config = transformers.ParakeetTDTConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        blank_token_id=blank,
        decoder_hidden_size=32,
        num_decoder_layers=1,
        durations=[0, 1, 2, 3, 4],
        encoder_config=transformers.ParakeetEncoderConfig(**PARAKEET_ENCODER),
    )
    model = _drawn(transformers.ParakeetForTDT(config))
    model.generation_config.decoder_start_token_id = blank
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    extractor = transformers.ParakeetFeatureExtractor()
    transformers.ParakeetProcessor(extractor, tokenizer, decoder_type="tdt").save_pretrained(folder)
    return folder


def write_moonshine(folder: Path) -> Path:
    """Write a Moonshine."""
    transformers = _transformers()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=_syllables(["<s>", "</s>"]),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
    )
    extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True, do_normalize=False)
    transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(folder)
    config = transformers.MoonshineConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=2,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )
    _drawn(transformers.MoonshineForConditionalGeneration(config)).save_pretrained(folder)
    return folder


def write_qwen3_asr(folder: Path) -> Path:
    """Write a Qwen3-ASR."""
    transformers = _transformers()
    tokenizers = import_module("tokenizers")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    bytes_only = tokenizers.Tokenizer(
        tokenizers.models.BPE(vocab={letter: n for n, letter in enumerate(letters)}, merges=[])
    )
    bytes_only.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = tokenizers.decoders.ByteLevel()
    bytes_only.add_special_tokens(list(QWEN_SPECIAL))
    bytes_only.add_tokens(["<asr_text>"])
    named = {"audio_token": "<|audio_pad|>", "audio_bos_token": "<|audio_start|>", "audio_eos_token": "<|audio_end|>"}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bytes_only,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=named,
    )
    extractor = transformers.Qwen3ASRFeatureExtractor(feature_size=128)
    transformers.Qwen3ASRProcessor(extractor, tokenizer, chat_template=QWEN_TEMPLATE).save_pretrained(folder)
    config = transformers.Qwen3ASRConfig(
        audio_config={
            "encoder_layers": 1,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "d_model": 16,
            "output_dim": 32,
            "downsample_hidden_size": 8,
        },
        text_config=TEXT_MODEL
        | {"vocab_size": len(tokenizer), "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
        audio_token_id=tokenizer.convert_tokens_to_ids("<|audio_pad|>"),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    _drawn(transformers.Qwen3ASRForConditionalGeneration(config)).save_pretrained(folder)
    return folder


def write_voxtral(folder: Path) -> Path:
    """Write a Voxtral."""
    transformers = _transformers()
    write_tekken(folder / "tekken.json")
    transformers.WhisperFeatureExtractor(feature_size=128).save_pretrained(folder)
    text = TEXT_MODEL | {"model_type": "llama", "vocab_size": N_VOXTRAL_SPECIAL + len(VOXTRAL_TEXTS)}
    config = transformers.VoxtralConfig(
        audio_config={"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2},
        text_config=text | {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 11},
        audio_token_id=24,
    )
    model = _drawn(transformers.VoxtralForConditionalGeneration(config))
    model.generation_config.eos_token_id = 2
    model.save_pretrained(folder)
    return folder


def write_tekken(path: Path) -> Path:
    """Write a tekken.json: all bytes, and a few longer texts."""
    names = VOXTRAL_SPECIAL | {TRANSCRIBE: "[TRANSCRIBE]"}
    special = [{"rank": n, "token_str": names.get(n, f"<SPECIAL_{n}>")} for n in range(N_VOXTRAL_SPECIAL)]
    texts = [{"rank": n, "token_bytes": base64.b64encode(text).decode()} for n, text in enumerate(VOXTRAL_TEXTS)]
    config = {
        "pattern": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+",
        "default_vocab_size": N_VOXTRAL_SPECIAL + len(VOXTRAL_TEXTS),
        "default_num_special_tokens": N_VOXTRAL_SPECIAL,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"config": config, "special_tokens": special, "vocab": texts}))
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "wav2vec2": write_wav2vec2,
    "parakeet_ctc": write_parakeet_ctc,
    "parakeet_tdt": write_parakeet_tdt,
    "moonshine": write_moonshine,
    "qwen3_asr": write_qwen3_asr,
    "voxtral": write_voxtral,
}


def _syllables(special: Sequence[str]) -> Any:
    tokenizers = import_module("tokenizers")
    ranked = [("<unk>", 0.0), *((syllable, -float(n)) for n, syllable in enumerate(SYLLABLES))]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(ranked, unk_id=0))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def _drawn(model: Any) -> Any:
    """Give a model larger weights than those it starts its training with: so that sounds make a difference."""
    import torch

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 1.5 / parameter[0].numel() ** 0.5)
    return model.eval()


def _transformers() -> Any:
    import torch

    torch.manual_seed(0)  # of what a model draws while it is made
    transformers = import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers
