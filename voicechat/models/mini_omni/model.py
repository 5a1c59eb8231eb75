"""Mini-Omni's decoder: a Qwen2 with a grown vocabulary and eight tokens a position, in plain torch.

It knows ids, features and logits; nothing of prompts, tasks, text or sound. Tensor names and layouts are those of the
published checkpoint (LitGPT), so that it loads without copying.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor, nn

from voicechat.models.mini_omni.tokens import N_LAYERS, TEXT_VOCAB


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of a checkpoint; names as in its model_config.yaml. The defaults are those of gpt-omni/mini-omni."""

    n_layer: int = 24
    n_head: int = 14
    n_query_groups: int = 2
    head_size: int = 64
    n_embd: int = 896
    intermediate_size: int = 4864
    norm_eps: float = 1e-6
    rope_base: float = 1_000_000.0
    block_size: int = 2048  # positions at most
    padded_vocab_size: int = 181_120
    whisper_adapter_dim: int = 768
    tie_word_embeddings: bool = False

    @property
    def heads_per_group(self) -> int:
        return self.n_head // self.n_query_groups


class KVCache:
    """Keys and values of the positions so far, preallocated: (n_layer, B, n_query_groups, n_positions, head_size)."""

    def __init__(self, config: ModelConfig, *, batch: int, n_positions: int, like: Tensor) -> None:
        n_positions += -n_positions % 4  # the compiled step takes four at a time
        shape = (config.n_layer, batch, config.n_query_groups, n_positions, config.head_size)
        self.keys = like.new_zeros(shape)
        self.values = like.new_zeros(shape)
        self.position = 0  # how many are filled

    def __len__(self) -> int:
        """Give how many rows the batch has."""
        return self.keys.shape[1]

    def row(self, index: int) -> KVCache:
        """Give one row of the batch, as a cache that shares its memory."""
        row = object.__new__(KVCache)
        row.keys, row.values = self.keys[:, index : index + 1], self.values[:, index : index + 1]
        row.position = self.position
        return row

    def fork(self, row: KVCache) -> None:
        """Copy what `row` (one of these rows) has filled to all of them."""
        self.keys[:, :, :, : row.position] = row.keys[:, :, :, : row.position]
        self.values[:, :, :, : row.position] = row.values[:, :, :, : row.position]
        self.position = row.position


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class Attention(nn.Module):
    """Grouped-query attention; `attn` packs, for each group, its query heads, its key head and its value head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        heads = config.n_head + 2 * config.n_query_groups
        self.attn = nn.Linear(config.n_embd, heads * config.head_size)
        self.proj = nn.Linear(config.n_head * config.head_size, config.n_embd, bias=False)
        self.config = config

    def forward(
        self, x: Tensor, rope: tuple[Tensor, Tensor], keys: Tensor, values: Tensor, position: int | Tensor
    ) -> Tensor:
        """(B, T, n_embd) -> the same; writes positions position..position+T of keys and values, (B, G, N, head).

        A tensor, int64 (1,), stands for the position of a step (T = 1) whose shapes do not depend on it.
        """
        config = self.config
        batch, n_new, _ = x.shape
        qkv = self.attn(x).view(batch, n_new, config.n_query_groups, config.heads_per_group + 2, config.head_size)
        qkv = qkv.permute(0, 2, 3, 1, 4)  # (B, G, heads_per_group + 2, T, head)
        rotated = rotate(qkv[:, :, :-1], rope)
        queries, new_keys, new_values = rotated[:, :, :-1], rotated[:, :, -1], qkv[:, :, -1]
        if isinstance(position, Tensor):  # all heads of a group at once against its keys
            keys.index_copy_(2, position, new_keys)
            values.index_copy_(2, position, new_values)
            seen = torch.arange(keys.shape[2], device=x.device) <= position
            mixed = F.scaled_dot_product_attention(queries.squeeze(3), keys, values, attn_mask=seen[None, None, None])
            mixed = mixed.reshape(batch, 1, -1)
        else:
            end = position + n_new
            keys[:, :, position:end], values[:, :, position:end] = new_keys, new_values
            keys, values = keys[:, :, :end], values[:, :, :end]
            if n_new == 1:  # the same without a mask
                mixed = F.scaled_dot_product_attention(queries.squeeze(3), keys, values).reshape(batch, 1, -1)
            else:
                queries = queries.reshape(batch, config.n_head, n_new, -1)
                keys, values = (t.repeat_interleave(config.heads_per_group, dim=1) for t in (keys, values))
                later = (
                    None if position == 0 else torch.ones(n_new, end, dtype=torch.bool, device=x.device).tril(position)
                )
                mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=later, is_causal=later is None)
                mixed = mixed.transpose(1, 2).reshape(batch, n_new, -1)
        out: Tensor = self.proj(mixed)
        return out


class Head(nn.Linear):
    """Gives logits for some rows of its weight only."""

    def forward(self, x: Tensor, rows: slice = slice(None)) -> Tensor:
        logits: Tensor = F.linear(x, self.weight[rows])
        return logits


class MLP(nn.Module):
    def __init__(self, n_in: int, n_hidden: int, n_out: int) -> None:
        super().__init__()
        self.fc_1 = nn.Linear(n_in, n_hidden, bias=False)
        self.fc_2 = nn.Linear(n_in, n_hidden, bias=False)
        self.proj = nn.Linear(n_hidden, n_out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.proj(F.silu(self.fc_1(x)) * self.fc_2(x))
        return out


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_1 = RMSNorm(config.n_embd, config.norm_eps)
        self.attn = Attention(config)
        self.norm_2 = RMSNorm(config.n_embd, config.norm_eps)
        self.mlp = MLP(config.n_embd, config.intermediate_size, config.n_embd)

    def forward(
        self, x: Tensor, rope: tuple[Tensor, Tensor], keys: Tensor, values: Tensor, position: int | Tensor
    ) -> Tensor:
        x = x + self.attn(self.norm_1(x), rope, keys, values, position)
        out: Tensor = x + self.mlp(self.norm_2(x))
        return out


class Transformer(nn.Module):
    """The decoder's parts under the checkpoint's names."""

    wte: nn.Module
    ln_f: RMSNorm

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.padded_vocab_size, config.n_embd)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = RMSNorm(config.n_embd, config.norm_eps)


class MiniOmni(nn.Module):
    """The decoder and the adapter that brings Whisper's features to its width."""

    whisper_adapter: nn.Module
    lm_head: nn.Module

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.whisper_adapter = MLP(config.whisper_adapter_dim, config.intermediate_size, config.n_embd)
        self.transformer = Transformer(config)
        self.lm_head = Head(config.n_embd, config.padded_vocab_size, bias=False)
        self._rope: tuple[Tensor, Tensor] | None = None
        self.idle_steppers: dict[int, list[Any]] = {}  # by their batch; see stepping.py

    def embed(self, ids: Tensor, features: Tensor | None = None) -> Tensor:
        """Embed positions as the mean of their eight tokens.

        Args:
            ids: int64 (B, 8, T).
            features: float (n_frames, whisper_adapter_dim) of the utterance; adapted, they stand in for the seven
                audio embeddings of positions 1..n_frames.

        Returns:
            float (B, T, n_embd).
        """
        embedded = self.transformer.wte(ids)  # (B, 8, T, D)
        if features is not None:
            embedded[:, :N_LAYERS, 1 : 1 + len(features)] = self.whisper_adapter(features)
        mean: Tensor = embedded.mean(dim=1)
        return mean

    def forward(self, x: Tensor, cache: KVCache) -> Tensor:
        """Run positions cache.position..+T: (B, T, n_embd) in, the normed last hidden state (B, n_embd) out."""
        end = cache.position + x.shape[1]
        cos, sin = self._rope_tables(x)
        rope = (cos[cache.position : end], sin[cache.position : end])
        for layer, block in enumerate(self.transformer.h):
            x = block(x, rope, cache.keys[layer], cache.values[layer], cache.position)
        cache.position = end
        out: Tensor = self.transformer.ln_f(x[:, -1])
        return out

    def forward_at(self, x: Tensor, cache: KVCache, position: Tensor) -> Tensor:
        """Run one position, int64 (1,), for the first rows of a cache; no shape depends on it, cache.position stays."""
        cos, sin = self._rope_tables(x)
        rope = (cos.index_select(0, position), sin.index_select(0, position))
        n_rows = len(x)
        for layer, block in enumerate(self.transformer.h):
            x = block(x, rope, cache.keys[layer, :n_rows], cache.values[layer, :n_rows], position)
        out: Tensor = self.transformer.ln_f(x[:, -1])
        return out

    def text_logits(self, hidden: Tensor) -> Tensor:
        """(B, n_embd) -> (B, TEXT_VOCAB); only the head's text rows are read."""
        logits: Tensor = self.lm_head(hidden, slice(0, TEXT_VOCAB))
        return logits

    def audio_logits(self, hidden: Tensor) -> Tensor:
        """(B, n_embd) -> (B, 7, AUDIO_VOCAB); only the head's audio rows are read."""
        logits: Tensor = self.lm_head(hidden, slice(TEXT_VOCAB, None))
        return logits.view(len(hidden), N_LAYERS, -1)

    def threads(self) -> AbstractContextManager[None]:
        """Give the context to compute in: how many threads torch's operations take."""
        return nullcontext()

    def _rope_tables(self, like: Tensor) -> tuple[Tensor, Tensor]:
        if self._rope is None or self._rope[0].device != like.device:
            self._rope = rope_tables(self.config, like.device)
        return self._rope


def rope_tables(config: ModelConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    """Give cos and sin, float32 (block_size, head_size), of rotary embeddings (arXiv 2104.09864)."""
    half = torch.arange(0, config.head_size, 2, device=device).float() / config.head_size
    angles = torch.outer(torch.arange(config.block_size, device=device), 1.0 / config.rope_base**half).repeat(1, 2)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate heads (..., T, head_size), half against half; in float32 whatever their type."""
    cos, sin = rope
    first, second = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-second, first), dim=-1) * sin).to(x.dtype)
