"""Whisper's decoder (arXiv 2212.04356) in plain torch, and what goes into its encoder; the encoder is Mini-Omni's ears.

Ours, not transformers': it decodes several windows at once with caches that are allocated once, drops the windows that
are done, and keeps the few attention weights that word times are made of instead of all of them. Knows token ids and
features, nothing of text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor, nn

from voicechat.models.mini_omni.whisper import HOP_SAMPLES, N_FFT, SAMPLE_RATE, WINDOW_MELS, WhisperEncoder, mel_filters

FEATURE_S = 2 * HOP_SAMPLES / SAMPLE_RATE  # 0.02, one position of the encoder's output

_LOG_FLOOR = 1e-10  # power below it counts as this
_DYNAMIC_RANGE = 8.0  # decades below the loudest that are kept

Head = tuple[int, int]  # a layer and a head in it


@dataclass(frozen=True)
class DecoderConfig:
    """The sizes of a decoder; the defaults are those of Whisper small."""

    n_ids: int = 51865
    n_positions: int = 448
    width: int = 768
    n_heads: int = 12
    n_layers: int = 12
    n_hidden: int = 3072


class Cache:
    """What a decoder remembers of several texts that grow together, and of the sound that each is about.

    text: keys and values, each (n_layers, B, H, n_positions, D); filled up to `position`.
    sound: per layer keys and values, each (B, H, T, D).
    """

    def __init__(self, decoder: Decoder, features: Tensor, n_positions: int) -> None:
        """Begin texts of up to `n_positions` ids about features (B, T, width)."""
        config = decoder.config
        shape = (config.n_layers, len(features), config.n_heads, n_positions, config.width // config.n_heads)
        self.text_keys = torch.empty(shape, device=features.device, dtype=features.dtype)
        self.text_values = torch.empty_like(self.text_keys)
        self.sound = [layer.encoder_attn.keys_values(features) for layer in decoder.layers]
        self.position = 0

    def keep(self, rows: Tensor) -> None:
        """Forget all texts but those of `rows`, int64 (n,)."""
        self.text_keys, self.text_values = self.text_keys[:, rows], self.text_values[:, rows]
        self.sound = [(keys[rows], values[rows]) for keys, values in self.sound]


class Attention(nn.Module):
    """The projections of an attention; names as in transformers' checkpoints."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.n_heads = n_heads

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, width) -> two of (B, H, T, D)."""
        return self.heads(self.k_proj(x)).contiguous(), self.heads(self.v_proj(x)).contiguous()

    def heads(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, H, T, D)."""
        return x.view(*x.shape[:2], self.n_heads, -1).transpose(1, 2)

    def mix(self, q: Tensor, keys: Tensor, values: Tensor, *, causal: bool = False) -> Tensor:
        """Queries (B, H, n, D) -> (B, n, width)."""
        mixed = F.scaled_dot_product_attention(q, keys, values, is_causal=causal)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class DecoderLayer(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.n_heads)
        self.self_attn_layer_norm = nn.LayerNorm(config.width)
        self.encoder_attn = Attention(config.width, config.n_heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.width)
        self.fc1 = nn.Linear(config.width, config.n_hidden)
        self.fc2 = nn.Linear(config.n_hidden, config.width)
        self.final_layer_norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, cache: Cache, index: int, watched: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Go on from cache.position.

        Returns:
            x: (B, n, width), as it came.
            weights: of the watched heads on the sound, float32 (B, n_watched, n, T); None if none is watched.
        """
        begin, end = cache.position, cache.position + x.shape[1]
        attention = self.self_attn
        y = self.self_attn_layer_norm(x)
        cache.text_keys[index, :, :, begin:end] = attention.heads(attention.k_proj(y))
        cache.text_values[index, :, :, begin:end] = attention.heads(attention.v_proj(y))
        keys, values = cache.text_keys[index, :, :, :end], cache.text_values[index, :, :, :end]
        # Several ids at once are the beginning of a text, so that a causal mask is all they need.
        x = x + attention.mix(attention.heads(attention.q_proj(y)), keys, values, causal=x.shape[1] > 1)
        attention = self.encoder_attn
        keys, values = cache.sound[index]
        q = attention.heads(attention.q_proj(self.encoder_attn_layer_norm(x)))
        x = x + attention.mix(q, keys, values)
        weights = None
        if watched:
            picked = list(watched)
            scores = q[:, picked] @ keys[:, picked].transpose(-1, -2) / math.sqrt(q.shape[-1])
            weights = scores.float().softmax(-1)
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), weights


class Decoder(nn.Module):
    """Token ids in, hidden states out. Holds no state of a text: one decoder serves many."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.n_ids, config.width)
        self.embed_positions = nn.Embedding(config.n_positions, config.width)
        self.layers: Sequence[DecoderLayer] = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_layers))  # type: ignore[assignment]
        self.layer_norm = nn.LayerNorm(config.width)
        self.head: nn.Module | None = None  # where it is not the embedding itself

    def forward(self, ids: Tensor, cache: Cache, watched: Sequence[Head] = ()) -> tuple[Tensor, Tensor | None]:
        """Take the next ids of each text: all at once for its beginning, then one by one.

        Args:
            ids: int64 (B, n).
            watched: the heads whose attention to the sound is asked for.

        Returns:
            hidden: (B, n, width).
            weights: float32 (B, len(watched), n, T), in order of layer and head; None if none is watched.
        """
        assert ids.shape[1] == 1 or cache.position == 0
        positions = self.embed_positions.weight[cache.position : cache.position + ids.shape[1]]
        x = self.embed_tokens(ids) + positions
        weights = []
        for index, layer in enumerate(self.layers):
            x, seen = layer(x, cache, index, [head for of, head in sorted(watched) if of == index])
            if seen is not None:
                weights.append(seen)
        cache.position += ids.shape[1]
        return self.layer_norm(x), torch.cat(weights, 1) if weights else None

    def logits(self, hidden: Tensor) -> Tensor:
        """(B, width) -> float32 (B, n_ids)."""
        out: Tensor = F.linear(hidden, self.embed_tokens.weight) if self.head is None else self.head(hidden)
        return out.float()


def encode(encoder: WhisperEncoder, mel: Tensor, stopped: Callable[[], bool]) -> Tensor | None:
    """Encode log-mels (n_bands, T), T even: features (T / 2, width); None once `stopped`, asked before each layer, says
    yes.
    """
    x = F.gelu(encoder.conv1(mel[None]))
    x = F.gelu(encoder.conv2(x))[0].T
    x = x + encoder.embed_positions.weight[: len(x)]
    for layer in encoder.layers:
        if stopped():
            return None
        x = layer(x)
    features: Tensor = encoder.layer_norm(x)
    return features


def log_mel(audio: np.ndarray, n_bands: int, n_mels: int = WINDOW_MELS) -> Tensor:
    """Give Whisper's log-mel spectrogram of audio and the silence after it.

    Args:
        audio: float32 (n,) at 16 kHz, up to 30 s.
        n_bands: 80, or 128 for Whisper large-v3 and its kin.
        n_mels: columns to give, 10 ms each; at least the audio's.

    Returns:
        float32 (n_bands, n_mels).
    """
    n_padded = min(n_mels, math.ceil((len(audio) + N_FFT) / HOP_SAMPLES)) * HOP_SAMPLES
    padded = torch.zeros(n_padded)
    padded[: len(audio)] = torch.from_numpy(audio)
    spectrum = torch.stft(padded, N_FFT, HOP_SAMPLES, window=torch.hann_window(N_FFT), return_complex=True)
    mel = mel_filters(n_bands) @ spectrum[:, :-1].abs().square()
    log = mel.clamp(min=_LOG_FLOOR).log10()
    log = F.pad(log, (0, n_mels - log.shape[1]), value=math.log10(_LOG_FLOOR))  # silence for certain: not computed
    return (log.clamp(min=float(log.max()) - _DYNAMIC_RANGE) + 4.0) / 4.0
