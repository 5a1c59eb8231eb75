"""The SNAC 24 kHz decoder as a stream: codes in, audio out, each sample computed once.

Every convolution keeps the inputs that its next outputs need (its left context) and waits for those it has not seen
yet (its right context), so that any cutting of the codes gives the same audio as decoding them whole, to rounding.
Architecture: SNAC, arXiv 2410.14411, and the package `snac`, whose checkpoints load here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor

from voicechat.models.mini_omni.tokens import N_LAYERS

SAMPLE_RATE = 24_000  # Hz
FRAME_SAMPLES = 2_048  # of one frame of 7 codes: 85.3 ms
NOISE_BLOCK = 2_048  # noise is drawn in blocks of so many samples, each with a seed of its own

# A frame's 7 codes, in the order of the audio layers, by codebook: coarse, middle, fine.
CODEBOOK_LAYERS = ((0,), (1, 4), (2, 3, 5, 6))


@dataclass(frozen=True)
class SnacConfig:
    """The sizes that its decoder needs; names as in config.json. The defaults are those of snac_24khz."""

    encoder_dim: int = 48
    encoder_rates: tuple[int, ...] = (2, 4, 8, 8)
    decoder_dim: int = 1024
    decoder_rates: tuple[int, ...] = (8, 8, 4, 2)
    codebook_size: int = 4096
    codebook_dim: int = 8
    vq_strides: tuple[int, ...] = (4, 2, 1)
    noise: bool = True
    depthwise: bool = True


class _Layer(Protocol):
    """One stage of the decoder; what it remembers between two pushes goes in and comes out."""

    def push(self, x: Tensor, state: Any, *, last: bool) -> tuple[Tensor, Any]:
        """Take inputs (C, n), n >= 0; give the outputs that are complete, and the next state (None at first)."""
        ...


class _Conv:
    """A convolution of stride 1, centred on its input; its state is the inputs that later outputs need."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, dilation: int = 1, groups: int = 1) -> None:
        self.weight, self.bias, self.dilation, self.groups = weight, bias, dilation, groups
        self.reach = (weight.shape[-1] - 1) * dilation // 2  # inputs on either side of an output

    def push(self, x: Tensor, state: Tensor | None, *, last: bool) -> tuple[Tensor, Tensor]:
        if state is None:
            state = x.new_zeros(x.shape[0], self.reach)
        x = torch.cat((state, x, x.new_zeros(x.shape[0], self.reach if last else 0)), dim=1)
        n_out = max(0, x.shape[1] - 2 * self.reach)
        kept = x[:, n_out:]
        if n_out == 0:
            return x.new_zeros(self.weight.shape[0], 0), kept
        y = F.conv1d(x[None], self.weight, self.bias, dilation=self.dilation, groups=self.groups)[0]
        return y, kept


class _Upsample:
    """A transposed convolution whose kernel is twice its stride; its state is the half that the next input adds to."""

    def __init__(self, weight: Tensor, bias: Tensor, *, stride: int) -> None:
        self.weight, self.bias, self.stride = weight, bias, stride  # weight (C_in, C_out, 2 * stride)
        self.lead = math.ceil(stride / 2)  # outputs before the first input's centre, which are cut off

    def push(self, x: Tensor, state: tuple[Tensor, int] | None, *, last: bool) -> tuple[Tensor, tuple[Tensor, int]]:
        stride = self.stride
        tail, n_cut = state or (x.new_zeros(self.weight.shape[1], stride), self.lead)
        y = torch.cat((tail, x.new_zeros(len(tail), x.shape[1] * stride)), dim=1)
        if x.shape[1]:
            y += F.conv_transpose1d(x[None], self.weight, stride=stride)[0]
        n_out = x.shape[1] * stride + (self.lead if last else 0)
        n_skip = min(n_cut, n_out)
        return y[:, n_skip:n_out] + self.bias[:, None], (y[:, y.shape[1] - stride :], n_cut - n_skip)


class _Snake:
    """x + sin(a x)^2 / a, one a for each channel (arXiv 2006.08195)."""

    def __init__(self, alpha: Tensor) -> None:
        self.alpha = alpha.reshape(-1, 1)  # (C, 1)
        self.scale = (self.alpha + 1e-9).reciprocal()

    def push(self, x: Tensor, state: None, *, last: bool) -> tuple[Tensor, None]:
        return torch.addcmul(x, (x * self.alpha).sin_().square_(), self.scale), None


class _Noise:
    """Adds noise as loud as a learnt mix of the channels; its state is its position in the signal.

    The noise of a position depends on the seed and the position alone, so that the cutting does not change it.
    """

    def __init__(self, weight: Tensor, layer: int) -> None:
        self.weight, self.layer = weight[:, :, 0], layer

    def push(self, x: Tensor, state: tuple[int, int] | None, *, last: bool) -> tuple[Tensor, tuple[int, int] | None]:
        if state is None or x.shape[1] == 0:  # noise is off
            return x, state
        seed, position = state
        noise = noise_at(seed * 1_000_003 + self.layer, position, x.shape[1]).to(x)
        return torch.addcmul(x, self.weight @ x, noise), (seed, position + x.shape[1])


class _Residual:
    """Adds what its layers make of the input to the input; its states are theirs and the input not yet added to."""

    def __init__(self, layers: list[_Layer]) -> None:
        self.layers = layers

    def push(self, x: Tensor, state: Any, *, last: bool) -> tuple[Tensor, Any]:
        states, waiting = state or ([None] * len(self.layers), x[:, :0])
        waiting = torch.cat((waiting, x), dim=1)
        y, states = _push_all(self.layers, x, states, last=last)
        return y + waiting[:, : y.shape[1]], (states, waiting[:, y.shape[1] :])


class _Tanh:
    def push(self, x: Tensor, state: None, *, last: bool) -> tuple[Tensor, None]:
        return x.tanh(), None


def _push_all(layers: Sequence[_Layer], x: Tensor, states: list[Any], *, last: bool) -> tuple[Tensor, list[Any]]:
    after = []
    for layer, state in zip(layers, states, strict=True):
        x, state = layer.push(x, state, last=last)
        after.append(state)
    return x, after


def noise_at(key: int, position: int, n_samples: int) -> Tensor:
    """Give standard normal noise, float32 (n_samples,), that depends on `key` and the sample's position alone."""
    first, last = position // NOISE_BLOCK, (position + n_samples - 1) // NOISE_BLOCK
    generator = torch.Generator()
    blocks = [
        torch.randn(NOISE_BLOCK, generator=generator.manual_seed(key * 1_000_003 + index))
        for index in range(first, last + 1)
    ]
    start = position - first * NOISE_BLOCK
    return torch.cat(blocks)[start : start + n_samples]


class SnacDecoder:
    """The decoder's weights, shared by all its streams."""

    def __init__(self, config: SnacConfig, state: Mapping[str, Tensor]) -> None:
        """Build it from a checkpoint's tensors, weight normalisation folded in.

        Raises:
            KeyError: If a tensor is missing; `checkpoint.py` has checked that before.
        """
        self.config = config
        weights = _Weights(state)
        self._codebooks = [
            _projected_codebook(weights, f"quantizer.quantizers.{index}") for index in range(len(config.vq_strides))
        ]
        self._layers = _decoder_layers(config, weights)

    def stream(self, *, noise_seed: int | None = None) -> SnacStream:
        """Begin to decode; without a seed the noise is off."""
        return SnacStream(self, noise_seed)

    def decode(self, codes: Tensor, *, noise_seed: int | None = None) -> Tensor:
        """Turn whole frames into audio.

        Args:
            codes: int64 (7, n_frames), in the order of the audio layers, each in 0..4095.

        Returns:
            float32 (n_frames * 2048,) at 24 kHz, in [-1, 1].

        Raises:
            ValueError: If a code is out of range (a special token was not skipped).
        """
        stream = self.stream(noise_seed=noise_seed)
        return torch.cat((stream.push(codes), stream.finish()))

    def latents(self, codes: Tensor) -> Tensor:
        """(7, n_frames) codes -> (C, 4 n_frames) latents."""
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < self.config.codebook_size:
            raise ValueError(f"a SNAC code is out of range 0..{self.config.codebook_size - 1}: {int(codes.max())}")
        total = None
        for rows, codebook, stride in zip(CODEBOOK_LAYERS, self._codebooks, self.config.vq_strides, strict=True):
            ids = codes[list(rows)].T.reshape(-1)  # frame by frame, in time
            part = codebook[ids].T.repeat_interleave(stride, dim=1)
            total = part if total is None else total + part
        assert total is not None
        return total


class SnacStream:
    """One reply's audio: push frames as they are generated, then finish for the tail."""

    def __init__(self, decoder: SnacDecoder, noise_seed: int | None) -> None:
        self._decoder = decoder
        self._states: list[Any] = [
            (noise_seed, 0) if isinstance(layer, _Noise) and noise_seed is not None else None
            for layer in decoder._layers
        ]

    def push(self, codes: Tensor) -> Tensor:
        """Take frames, int64 (7, n); give the samples that are complete: about 2.6 frames behind, float32 (m,)."""
        return self._push(codes, last=False)

    def finish(self) -> Tensor:
        """Give the rest; the stream is over."""
        return self._push(torch.zeros(N_LAYERS, 0, dtype=torch.int64), last=True)

    @torch.inference_mode()
    def _push(self, codes: Tensor, *, last: bool) -> Tensor:
        y, self._states = _push_all(self._decoder._layers, self._decoder.latents(codes), self._states, last=last)
        return y[0]


class _Weights:
    """A checkpoint's tensors by name, weight normalisation folded (arXiv 1602.07868)."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._state = state

    def conv(self, name: str) -> tuple[Tensor, Tensor | None]:
        gain, direction = (self._state[f"{name}.parametrizations.weight.original{index}"] for index in (0, 1))
        norm = direction.flatten(1).norm(dim=1).view(-1, 1, 1)
        return (direction * (gain / norm)).contiguous(), self._state.get(f"{name}.bias")

    def __getitem__(self, name: str) -> Tensor:
        return self._state[name]


def _projected_codebook(weights: _Weights, name: str) -> Tensor:
    """Give the codebook after its projection: (codebook_size, C)."""
    weight, bias = weights.conv(f"{name}.out_proj")
    assert bias is not None
    return weights[f"{name}.codebook.weight"] @ weight[:, :, 0].T + bias


def _decoder_layers(config: SnacConfig, weights: _Weights) -> list[_Layer]:
    layers: list[_Layer] = []
    n = 0
    if config.depthwise:
        layers.append(_Conv(*weights.conv(f"decoder.model.{n}"), groups=weights.conv(f"decoder.model.{n}")[0].shape[0]))
        n += 1
    layers.append(_Conv(*weights.conv(f"decoder.model.{n}")))
    for stride in config.decoder_rates:
        n += 1
        block = f"decoder.model.{n}.block"
        layers.append(_Snake(weights[f"{block}.0.alpha"]))
        weight, bias = weights.conv(f"{block}.1")
        assert bias is not None
        layers.append(_Upsample(weight, bias, stride=stride))
        index = 2
        if config.noise:
            layers.append(_Noise(weights.conv(f"{block}.2.linear")[0], n))
            index = 3
        groups = weight.shape[1] if config.depthwise else 1
        layers += [
            _residual_unit(weights, f"{block}.{index + k}.block", dilation, groups) for k, dilation in enumerate((1, 3, 9))
        ]
    layers.append(_Snake(weights[f"decoder.model.{n + 1}.alpha"]))
    layers.append(_Conv(*weights.conv(f"decoder.model.{n + 2}")))
    layers.append(_Tanh())
    return layers


def _residual_unit(weights: _Weights, name: str, dilation: int, groups: int) -> _Residual:
    return _Residual(
        [
            _Snake(weights[f"{name}.0.alpha"]),
            _Conv(*weights.conv(f"{name}.1"), dilation=dilation, groups=groups),
            _Snake(weights[f"{name}.2.alpha"]),
            _Conv(*weights.conv(f"{name}.3")),
        ]
    )
