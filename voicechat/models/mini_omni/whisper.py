"""The ears: the encoder of Whisper (arXiv 2212.04356) in plain torch, from audio to features, and its two checkpoints.

Our own, not transformers': to import that costs twice what torch does and 110 MB, and its encoder takes a 30 s window
or nothing. The tests hold both against it. Knows 16 kHz audio and features; nothing of Mini-Omni's tokens but how many
features an utterance has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor, nn

from voicechat.errors import ModelError
from voicechat.models import weights
from voicechat.models.mini_omni.tokens import MAX_WHISPER_FRAMES, n_whisper_frames

SAMPLE_RATE = 16_000  # Hz
N_FFT, HOP_SAMPLES = 400, 160  # 25 ms, 10 ms
WINDOW_SAMPLES = 30 * SAMPLE_RATE  # what the encoder was trained on; shorter audio is followed by silence
WINDOW_MELS = WINDOW_SAMPLES // HOP_SAMPLES  # 3000; two of them make a feature
MIN_SAMPLES = SAMPLE_RATE // 10  # 100 ms: what is shorter is no speech
SHORT_MARGIN_S = 2.56  # of silence after the speech, for the short context

_LOG_FLOOR = 1e-10  # power below it counts as this
_DYNAMIC_RANGE = 8.0  # decades below the loudest that are kept


@dataclass(frozen=True)
class EncoderConfig:
    """The sizes of an encoder; the defaults are those of Whisper small."""

    n_mels: int = 80
    n_positions: int = MAX_WHISPER_FRAMES
    width: int = 768
    n_heads: int = 12
    n_layers: int = 12
    n_hidden: int = 3072


@dataclass(frozen=True)
class Heard:
    """What the encoder made of an utterance."""

    features: Tensor  # float (n_whisper_frames, width)
    heard_s: float  # how much of the audio was heard: all of it, or its first 30 s
    total_s: float  # of the audio


class Block(nn.Module):
    """One layer; names as in transformers' checkpoints."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.width
        self.self_attn = nn.ModuleDict(
            {
                name: nn.Linear(width, width, bias=name != "k_proj")
                for name in ("k_proj", "v_proj", "q_proj", "out_proj")
            }
        )
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.n_hidden)
        self.fc2 = nn.Linear(config.n_hidden, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.n_heads = config.n_heads

    def forward(self, x: Tensor, n_out: int | None = None) -> Tensor:
        """(T, width) -> (n_out, width): the first n_out positions, or all."""
        y = self.self_attn_layer_norm(x)
        q, k, v = (
            self._heads(self.self_attn[name](y[:n]))
            for name, n in (("q_proj", n_out), ("k_proj", None), ("v_proj", None))
        )
        mixed = F.scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).flatten(1)
        x = x[:n_out] + self.self_attn["out_proj"](mixed)
        y = self.final_layer_norm(x)
        out: Tensor = x + self.fc2(F.gelu(self.fc1(y)))
        return out

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.n_heads, -1).transpose(0, 1)[None]  # (1, H, T, D)


class WhisperEncoder(nn.Module):
    """Audio in, features out. Holds no state of an utterance: one encoder serves many."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.n_mels, config.width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, kernel_size=3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(config.n_positions, config.width)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.layer_norm = nn.LayerNorm(config.width)

    @torch.inference_mode()
    def hear(
        self,
        audio: np.ndarray,
        *,
        margin_s: float | None = None,
        stopped: Callable[[], bool] | None = None,
    ) -> Heard | None:
        """Encode an utterance; of one longer than 30 s, the first 30 s.

        Args:
            audio: float32 (n,) at 16 kHz, n >= MIN_SAMPLES.
            margin_s: how much silence to encode after the speech. None: up to 30 s, as the model was trained; less
                takes a tenth of the time for a short question, but the features differ a little.
            stopped: asked before each layer; once it says yes, the answer is None.

        Raises:
            ModelError: If the audio is shorter than 100 ms.
        """
        if len(audio) < MIN_SAMPLES:
            duration_ms = len(audio) * 1000 // SAMPLE_RATE
            raise ModelError(f"{duration_ms} ms of sound are too short to be understood; say at least 100 ms")
        heard = audio[:WINDOW_SAMPLES]
        n_frames = n_whisper_frames(len(audio) * 1000 / SAMPLE_RATE)
        n_mels = WINDOW_MELS
        if margin_s is not None:
            n_mels = math.ceil((len(heard) / SAMPLE_RATE + margin_s) * SAMPLE_RATE / HOP_SAMPLES)
            n_mels = min(WINDOW_MELS, max(n_mels, 2 * n_frames))
            n_mels += n_mels % 2
        weight = self.layer_norm.weight
        mel = log_mel(torch.from_numpy(np.ascontiguousarray(heard, np.float32)).to(weight.device), n_mels)
        features = self._encode(mel.to(weight.dtype), stopped, n_frames)
        if features is None:
            return None
        return Heard(features, len(heard) / SAMPLE_RATE, len(audio) / SAMPLE_RATE)

    def forward(self, mel: Tensor) -> Tensor:
        """Encode log-mels (n_mels, T), T even, up to WINDOW_MELS: features (T / 2, width)."""
        features = self._encode(mel, None, mel.shape[1] // 2)
        assert features is not None
        return features

    def _encode(self, mel: Tensor, stopped: Callable[[], bool] | None, n_out: int) -> Tensor | None:
        """Give the first n_out features; of the last layer the others need only be keys and values."""
        x = F.gelu(self.conv1(mel[None]))
        x = F.gelu(self.conv2(x))[0].T
        x = x + self.embed_positions.weight[: len(x)]
        for layer in self.layers:
            if stopped is not None and stopped():
                return None
            x = layer(x, n_out if layer is self.layers[-1] else None)
        normed: Tensor = self.layer_norm(x)
        return normed


def log_mel(audio: Tensor, n_mels: int = WINDOW_MELS) -> Tensor:
    """Give Whisper's log-mel spectrogram of audio and the silence after it.

    What is silence for certain is filled in, not computed.

    Args:
        audio: float32 (n,) at 16 kHz, up to 30 s.
        n_mels: columns to give, 10 ms each; at least the audio's.

    Returns:
        float32 (80, n_mels).
    """
    n_padded = min(WINDOW_SAMPLES, math.ceil((len(audio) + N_FFT) / HOP_SAMPLES) * HOP_SAMPLES)
    window = torch.hann_window(N_FFT, device=audio.device)
    padded = F.pad(audio, (0, n_padded - len(audio)))
    spectrum = torch.stft(padded, N_FFT, HOP_SAMPLES, window=window, return_complex=True)
    mel = mel_filters().to(audio.device) @ spectrum[:, :-1].abs().square()
    log = mel.clamp(min=_LOG_FLOOR).log10()[:, :n_mels]
    log = F.pad(log, (0, n_mels - log.shape[1]), value=math.log10(_LOG_FLOOR))
    log = log.clamp(min=float(log.max()) - _DYNAMIC_RANGE)
    return (log + 4.0) / 4.0


@cache
def mel_filters(n_mels: int = 80) -> Tensor:
    """Give the triangular filters, float32 (n_mels, N_FFT / 2 + 1), that Whisper was trained with: Slaney's scale.

    The scale is linear up to 1 kHz, logarithmic above; each triangle has the same area.
    """
    top = 15 + 27 * math.log(SAMPLE_RATE / 2 / 1000) / math.log(6.4)
    mels = np.linspace(0, top, n_mels + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * math.log(6.4) / 27))  # Hz
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(filters.astype(np.float32))


def located(folder: Path) -> Path:
    """Give where the encoder is in a model's folder: `whisper/`, or the file that came with the checkpoint instead."""
    beside = folder / "checkpoint" / "small.pt"
    return folder / "whisper" if (folder / "whisper" / "config.json").exists() or not beside.exists() else beside


def load(path: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> WhisperEncoder:
    """Load an encoder.

    Args:
        path: a folder as openai/whisper-small's, config.json and model.safetensors; or a file as OpenAI's small.pt.

    Raises:
        ModelError: If a file is missing, damaged or foreign, or a size or tensor is not what it must be.
    """
    config, state, source = _read_openai(path) if path.suffix == ".pt" else _read_folder(path)
    with weights.skeleton():
        encoder = WhisperEncoder(config)
    expected = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    tensors = weights.checked(state, expected, source)
    encoder.load_state_dict({name: tensor.to(device, dtype) for name, tensor in tensors.items()}, assign=True)
    return encoder.eval().requires_grad_(False)


def _read_folder(folder: Path) -> tuple[EncoderConfig, dict[str, Any], Path]:
    path = folder / "config.json"
    settings = weights.read_json(path)
    weights.must_be(settings, {"activation_function": "gelu", "scale_embedding": False}, path)
    names = ("num_mel_bins", "max_source_positions", "d_model", "encoder_attention_heads", "encoder_layers")
    config = _config(settings, (*names, "encoder_ffn_dim"), path)
    path = folder / "model.safetensors"
    state = weights.read_safetensors(path, wanted=lambda name: name.removeprefix("model.").startswith("encoder."))
    return config, {name.removeprefix("model.").removeprefix("encoder."): state[name] for name in state}, path


_OPENAI_NAMES = {
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.out": "self_attn.out_proj",
    "attn_ln": "self_attn_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
    "mlp_ln": "final_layer_norm",
}


def _read_openai(path: Path) -> tuple[EncoderConfig, dict[str, Any], Path]:
    loaded = weights.read_pickle(path)
    dims, state = loaded.get("dims"), loaded.get("model_state_dict")
    if not isinstance(dims, Mapping) or not isinstance(state, Mapping):
        raise ModelError(f"{path} is no checkpoint of OpenAI's Whisper: it has no dims and model_state_dict")
    names = ("n_mels", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer")
    width = weights.positive_int(dims.get("n_audio_state"), key="n_audio_state", path=path, at_most=1 << 14)
    config = _config({**dims, "n_hidden": 4 * width}, (*names, "n_hidden"), path)
    encoder = {name.removeprefix("encoder."): state[name] for name in state if str(name).startswith("encoder.")}
    return config, {_renamed(name): tensor for name, tensor in encoder.items()}, path


def _renamed(name: str) -> str:
    if name == "positional_embedding":
        return "embed_positions.weight"
    if name.startswith("ln_post."):
        return name.replace("ln_post", "layer_norm")
    if not name.startswith("blocks."):
        return name
    _, layer, rest = name.split(".", 2)
    module, _, kind = rest.rpartition(".")
    return f"layers.{layer}.{_OPENAI_NAMES.get(module, module)}.{kind}"


def _config(settings: Mapping[str, Any], names: tuple[str, ...], path: Path) -> EncoderConfig:
    """Read the sizes under the names that a layout has for them, in the order of EncoderConfig."""
    weights.must_have(settings, names, path)
    weights.must_be(settings, {names[0]: 80, names[1]: MAX_WHISPER_FRAMES}, path)
    sizes = [weights.positive_int(settings[name], key=name, path=path, at_most=1 << 16) for name in names]
    if sizes[2] % sizes[3]:
        raise ModelError(f"{path}: {names[3]} must divide {names[2]} {sizes[2]}, not {sizes[3]}")
    return EncoderConfig(*sizes)
