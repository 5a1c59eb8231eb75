"""The SNAC 24 kHz decoder as a stream: codes in, audio out, each sample computed once.

All layers are streams (snac_layers.py), so that any cutting of the codes gives the same audio as decoding them whole,
to rounding. Architecture: SNAC, arXiv 2410.14411, and the package `snac`, whose checkpoints load here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from voicechat.models.mini_omni import kernels
from voicechat.models.mini_omni.snac_layers import Conv, Layer, Noise, ResidualUnit, Snake, Tanh, Upsample, push_all
from voicechat.models.mini_omni.tokens import N_LAYERS

SAMPLE_RATE = 24_000  # Hz
FRAME_SAMPLES = 2_048  # of one frame of 7 codes: 85.3 ms
FADE_SAMPLES = 256  # 11 ms, from an early first sound to the exact one

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


class SnacDecoder:
    """The decoder's weights, shared by all its streams."""

    def __init__(self, config: SnacConfig, state: Mapping[str, Tensor]) -> None:
        """Build it from a checkpoint's tensors, weight normalisation folded in.

        Raises:
            KeyError: If a tensor is missing; `checkpoint.py` has checked that before.
        """
        self.config = config
        self.frame_samples = math.prod(config.decoder_rates) * config.vq_strides[0]  # FRAME_SAMPLES, as published
        weights = _Weights(state)
        self._codebooks = [
            _projected_codebook(weights, f"quantizer.quantizers.{index}") for index in range(len(config.vq_strides))
        ]
        self._layers = _decoder_layers(config, weights)

    def stream(self, *, noise_seed: int | None = None, first_lookahead_frames: int | None = None) -> SnacStream:
        """Begin to decode.

        Args:
            noise_seed: without one, the decoder's noise is off.
            first_lookahead_frames: how many frames must follow the first sound before it is given; it is decoded as if
                the reply ended there. None: as many as its samples depend on, 2.6, which is exact. Each frame less
                starts the sound a step of the model earlier. How far its samples are then off, at most and on average,
                of the peak: 38% and 7% with 0, 2.4% and 0.7% with 1, 0.05% and 0.006% with 2. All later ones are exact.
        """
        return SnacStream(self, noise_seed, first_lookahead_frames)

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

    def __init__(self, decoder: SnacDecoder, noise_seed: int | None, first_lookahead_frames: int | None) -> None:
        self._decoder = decoder
        self._states: list[Any] = [
            (noise_seed, 0) if isinstance(layer, Noise) and noise_seed is not None else None
            for layer in decoder._layers
        ]
        self._first_lookahead = first_lookahead_frames  # None once the first sound is out
        self._n_frames = 0  # pushed
        self._early = torch.zeros(0)  # inexact samples that the exact ones have not reached yet, then FADE_SAMPLES more
        self._fade = torch.linspace(0.0, 1.0, FADE_SAMPLES)

    def push(self, codes: Tensor) -> Tensor:
        """Take frames, int64 (7, n); give the samples that are complete: about 2.6 frames behind, float32 (m,)."""
        self._n_frames += codes.shape[1]
        samples = self._joined(self._push(codes, last=False))
        if len(samples):
            self._first_lookahead = None
        elif self._first_lookahead is not None and self._n_frames > self._first_lookahead:
            return self._begin()
        return samples

    def finish(self) -> Tensor:
        """Give the rest; the stream is over."""
        return self._joined(self._push(torch.zeros(N_LAYERS, 0, dtype=torch.int64), last=True))

    @torch.inference_mode()
    def _push(self, codes: Tensor, *, last: bool) -> Tensor:
        with kernels.one_torch_thread():
            y, self._states = push_all(self._decoder._layers, self._decoder.latents(codes), self._states, last=last)
        return y[0]

    def _begin(self) -> Tensor:
        """Give the first samples as if the frames so far were all; layers never change a state, so none is spoilt."""
        assert self._first_lookahead is not None
        states = self._states
        self._early = self._push(torch.zeros(N_LAYERS, 0, dtype=torch.int64), last=True)
        self._states = states
        n_samples = (self._n_frames - self._first_lookahead) * self._decoder.frame_samples
        self._early = self._early[:n_samples]
        self._first_lookahead = None
        return self._early[:-FADE_SAMPLES]

    def _joined(self, exact: Tensor) -> Tensor:
        """Leave out of the exact samples what was given early, and fade from the early ones to them."""
        n_before = len(self._early)
        early, self._early = self._early[: len(exact)], self._early[len(exact) :]
        first, end = max(0, FADE_SAMPLES - n_before), max(0, FADE_SAMPLES - len(self._early))  # of the fade
        start = len(early) - (end - first)
        fading = torch.lerp(early[start:], exact[start : len(early)], self._fade[first:end])
        return torch.cat((fading, exact[len(early) :]))


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


def _decoder_layers(config: SnacConfig, weights: _Weights) -> list[Layer]:
    layers: list[Layer] = []
    n = 0
    if config.depthwise:
        weight, bias = weights.conv(f"decoder.model.{n}")
        layers.append(Conv(weight, bias, groups=len(weight)))
        n += 1
    layers.append(Conv(*weights.conv(f"decoder.model.{n}")))
    for stride in config.decoder_rates:
        n += 1
        block = f"decoder.model.{n}.block"
        layers.append(Snake(weights[f"{block}.0.alpha"]))
        weight, bias = weights.conv(f"{block}.1")
        assert bias is not None
        layers.append(Upsample(weight, bias, stride=stride))
        index = 2
        if config.noise:
            layers.append(Noise(weights.conv(f"{block}.2.linear")[0], n))
            index = 3
        groups = weight.shape[1] if config.depthwise else 1
        for k, dilation in enumerate((1, 3, 9)):
            layers.append(_residual_unit(weights, f"{block}.{index + k}.block", dilation, groups))
    layers.append(Snake(weights[f"decoder.model.{n + 1}.alpha"]))
    layers.append(Conv(*weights.conv(f"decoder.model.{n + 2}")))
    layers.append(Tanh())
    return layers


def _residual_unit(weights: _Weights, name: str, dilation: int, groups: int) -> ResidualUnit:
    return ResidualUnit(
        Snake(weights[f"{name}.0.alpha"]),
        Conv(*weights.conv(f"{name}.1"), dilation=dilation, groups=groups),
        Snake(weights[f"{name}.2.alpha"]),
        Conv(*weights.conv(f"{name}.3")),
    )
