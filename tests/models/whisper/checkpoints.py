"""Makes Whispers with random weights in the layout of openai/whisper-*, by transformers itself: tiny, or of full size.

write_whisper(folder)       config.json, generation_config.json, preprocessor_config.json, tokenizer.json,
                            tokenizer_config.json, model.safetensors
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

MERGES = [("h", "e"), ("Ġ", "t"), ("Ġt", "he"), ("i", "n"), ("Ã", "¤"), ("Ġ", "a"), ("Ġ", "w")]
WRITTEN = frozenset("abcdefghijklmnopqrstuvwxyzĠ.,")  # letters of the vocabulary that texts are made of
LANGUAGES = ("en", "zh", "de")
N_POSITIONS = 64
N_TIMES = 1501

TINY = {
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 64,
    "max_target_positions": N_POSITIONS,
}
SMALL = {
    "d_model": 768,
    "encoder_layers": 12,
    "encoder_attention_heads": 12,
    "encoder_ffn_dim": 3072,
    "decoder_layers": 12,
    "decoder_attention_heads": 12,
    "decoder_ffn_dim": 3072,
    "max_target_positions": 448,
}


class Vocabulary:
    """Texts and special tokens, with ids in the order that Whisper's have."""

    def __init__(self, languages: Sequence[str] = LANGUAGES, n_texts: int = 0) -> None:
        """Make one.

        Args:
            n_texts: how many texts to have at least; words are invented for what is missing.
        """
        from tokenizers import pre_tokenizers

        texts = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(left + right for left, right in MERGES)]
        texts += [f"Ġq{n}" for n in range(len(texts), n_texts)]
        self.texts = {text: n for n, text in enumerate(texts)}
        self.languages = tuple(languages)
        names = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages), "<|translate|>"]
        names += ["<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
        names += [f"<|{n * 0.02:.2f}|>" for n in range(N_TIMES)]
        self.special = {name: len(self.texts) + n for n, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self.texts) + len(self.special)

    def write(self, path: Path) -> Path:
        """Write a tokenizer.json: byte-level BPE."""
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

        tokenizer = Tokenizer(models.BPE(vocab=self.texts, merges=MERGES))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([AddedToken(name, special=True) for name in self.special])
        path.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(path))
        return path

    def generation_settings(self) -> dict[str, Any]:
        """What a generation_config.json says; ids that would not make readable texts are suppressed."""
        known = self.special
        strange = [token for text, token in self.texts.items() if len(text) < 3 and not set(text) <= WRITTEN]
        times = range(known["<|notimestamps|>"] + 1, len(self))
        return {
            "alignment_heads": [[0, 1], [1, 0], [1, 3]],
            "begin_suppress_tokens": [self.texts["Ġ"], known["<|endoftext|>"]],
            "bos_token_id": known["<|endoftext|>"],
            "decoder_start_token_id": known["<|startoftranscript|>"],
            "eos_token_id": known["<|endoftext|>"],
            "is_multilingual": True,
            "lang_to_id": {f"<|{code}|>": known[f"<|{code}|>"] for code in self.languages},
            "no_timestamps_token_id": known["<|notimestamps|>"],
            "pad_token_id": known["<|endoftext|>"],
            "prev_sot_token_id": known["<|startofprev|>"],
            "suppress_tokens": [*strange, known["<|startoftranscript|>"], known["<|startofprev|>"], *times],
            "task_to_id": {"transcribe": known["<|transcribe|>"], "translate": known["<|translate|>"]},
        }

    def config(self, sizes: dict[str, int], n_bands: int = 80) -> Any:
        """What a config.json says."""
        transformers = import_module("transformers")
        ids = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), self.special["<|endoftext|>"])
        start = self.special["<|startoftranscript|>"]
        return transformers.WhisperConfig(
            vocab_size=len(self), num_mel_bins=n_bands, decoder_start_token_id=start, **ids, **sizes
        )


def write_whisper(folder: Path, *, seed: int = 0, n_bands: int = 80) -> Path:
    """Write a tiny one."""
    vocabulary = Vocabulary()
    return _write(folder, vocabulary, _tiny(seed, n_bands), n_bands)


def write_full_size(folder: Path) -> Path:
    """Write a Whisper small of full size; a gigabyte."""
    import torch

    transformers = import_module("transformers")
    torch.manual_seed(0)
    vocabulary = Vocabulary(["en", *(f"{a}{b}" for a in "abcdefghij" for b in "klmopqrstu")][:99], n_texts=50257)
    assert len(vocabulary) == 51865
    return _write(folder, vocabulary, transformers.WhisperForConditionalGeneration(vocabulary.config(SMALL)), 80)


def _write(folder: Path, vocabulary: Vocabulary, model: Any, n_bands: int) -> Path:
    transformers = import_module("transformers")
    settings = vocabulary.generation_settings()
    model.generation_config = transformers.GenerationConfig()
    model.save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps(settings))
    transformers.WhisperFeatureExtractor(feature_size=n_bands).save_pretrained(folder)
    vocabulary.write(folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "WhisperTokenizer"}))
    return folder


@cache
def _tiny(seed: int, n_bands: int) -> Any:
    import torch

    transformers = import_module("transformers")
    vocabulary = Vocabulary()
    generator = torch.Generator().manual_seed(seed)
    model = transformers.WhisperForConditionalGeneration(vocabulary.config(TINY, n_bands)).eval()
    state = model.state_dict()
    for name, tensor in state.items():
        if "layer_norm" in name:
            continue
        # Larger than at the start of training, so that sounds and texts before make a difference.
        spread = 1.5 / tensor.shape[-1] ** 0.5 if tensor.dim() > 1 else 0.3
        state[name] = torch.randn(tensor.shape, generator=generator) * spread
    state["model.decoder.embed_positions.weight"] *= 4
    state["model.decoder.embed_tokens.weight"][vocabulary.special["<|endoftext|>"]] *= 1.2  # texts end now and then
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    model.load_state_dict(state)
    return model
