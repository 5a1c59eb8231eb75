"""The layers of SNAC's decoder as streams: each takes the samples that there are and gives those that are complete.

A convolution keeps the inputs that its next outputs need (its left context) and waits for those it has not seen yet
(its right context). What a layer remembers between two pushes goes in and comes out; a layer itself holds only weights.
Where the compiled kernels are there, a residual unit's samples pass through the processor once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor

from voicechat.models.mini_omni import kernels

NOISE_BLOCK = 2_048  # noise is drawn in blocks of so many samples, each with a seed of its own


class Layer(Protocol):
    """One stage of the decoder."""

    def push(self, x: Tensor, state: Any, *, last: bool) -> tuple[Tensor, Any]:
        """Take inputs (C, n), n >= 0; give the outputs that are complete, and the next state (None at first)."""
        ...


class Conv:
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


class Upsample:
    """A transposed convolution whose kernel is twice its stride; its state is the half that the next input adds to.

    As a matrix product: each input makes two blocks of `stride` outputs, the second of which falls together with the
    next input's first.
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, stride: int) -> None:
        self.weight, self.bias, self.stride = weight.flatten(1), bias[:, None], stride  # (C_in, C_out * 2 stride)
        self.lead = math.ceil(stride / 2)  # outputs before the first input's centre, which are cut off

    def push(self, x: Tensor, state: tuple[Tensor, int] | None, *, last: bool) -> tuple[Tensor, tuple[Tensor, int]]:
        n_in, n_channels, stride = x.shape[1], len(self.bias), self.stride
        tail, n_cut = state or (x.new_zeros(n_channels, stride), self.lead)
        blocks = (x.T @ self.weight).view(n_in, n_channels, 2, stride)
        y = x.new_zeros(n_channels, n_in + 1, stride)
        y[:, :-1] = blocks[:, :, 0].transpose(0, 1)
        y[:, 1:] += blocks[:, :, 1].transpose(0, 1)
        y[:, 0] += tail
        n_out = n_in * stride + (self.lead if last else 0)
        n_skip = min(n_cut, n_out)
        return y.flatten(1)[:, n_skip:n_out] + self.bias, (y[:, -1], n_cut - n_skip)


class Snake:
    """x + sin(a x)^2 / a, one a for each channel (arXiv 2006.08195)."""

    def __init__(self, alpha: Tensor) -> None:
        self.alpha = alpha.reshape(-1, 1).contiguous()  # (C, 1)
        self.inverse = (self.alpha + 1e-9).reciprocal()

    def push(self, x: Tensor, state: None, *, last: bool) -> tuple[Tensor, None]:  # noqa: ARG002  (the protocol's)
        compiled = _compiled(x)
        if compiled is None:
            return torch.addcmul(x, (x * self.alpha).sin_().square_(), self.inverse), None
        x, out = x.contiguous(), torch.empty(x.shape)
        compiled.snake_rows(
            x.data_ptr(), self.alpha.data_ptr(), self.inverse.data_ptr(), x.shape[0], x.shape[1], out.data_ptr()
        )
        return out, None


class Noise:
    """Adds noise as loud as a learnt mix of the channels; its state is its position in the signal.

    The noise of a position depends on the seed and the position alone, so that the cutting does not change it.
    """

    def __init__(self, weight: Tensor, layer: int) -> None:
        self.weight, self.layer = weight[:, :, 0], layer

    def push(self, x: Tensor, state: tuple[int, int] | None, *, last: bool) -> tuple[Tensor, Any]:  # noqa: ARG002
        if state is None or x.shape[1] == 0:  # noise is off, or there is nothing to add it to
            return x, state
        seed, position = state
        noise = noise_at(seed * 1_000_003 + self.layer, position, x.shape[1]).to(x)
        return torch.addcmul(x, self.weight @ x, noise), (seed, position + x.shape[1])


class ResidualUnit:
    """Adds snake, convolution, snake and pointwise convolution of the input to the input.

    Its state: that of its convolution, and the input not yet added to.
    """

    def __init__(self, first: Snake, conv: Conv, second: Snake, pointwise: Conv) -> None:
        self.first, self.conv, self.second = first, conv, second
        self.mix, self.mix_bias = pointwise.weight[:, :, 0], pointwise.bias
        self._unit: kernels.Unit | None = None
        if conv.groups == len(conv.weight) and conv.weight.shape[-1] == kernels.UNIT_TAPS and conv.bias is not None:
            parts = (first.alpha, first.inverse, conv.weight.contiguous(), conv.bias, second.alpha, second.inverse)
            self._unit = kernels.Unit(*(part.data_ptr() for part in parts), len(conv.weight), conv.dilation)
            self._parts = parts  # whose addresses the unit holds

    def push(self, x: Tensor, state: tuple[Tensor, Tensor] | None, *, last: bool) -> tuple[Tensor, Any]:
        seen, waiting = state or (x.new_zeros(len(x), self.conv.reach), x[:, :0])
        compiled = _compiled(x)
        if compiled is not None and self._unit is not None:
            y, delayed, seen, waiting = self._front(compiled, x.contiguous(), seen, waiting, last=last)
        else:
            y, seen = self.conv.push(self.first.push(x, None, last=last)[0], seen, last=last)
            y = self.second.push(y, None, last=last)[0]
            waiting = torch.cat((waiting, x), dim=1)
            delayed, waiting = waiting[:, : y.shape[1]], waiting[:, y.shape[1] :]
        y = torch.addmm(delayed, self.mix, y)
        return y if self.mix_bias is None else y.add_(self.mix_bias[:, None]), (seen, waiting)

    def _front(self, compiled: Any, x: Tensor, seen: Tensor, waiting: Tensor, *, last: bool) -> tuple[Tensor, ...]:
        """Give the pointwise convolution's input, the input to add to, and the two parts of the next state."""
        (n_channels, n), n_seen, n_waiting = x.shape, seen.shape[1], waiting.shape[1]
        reach = self.conv.reach
        n_zeros = reach if last else 0
        n_out = max(0, n_seen + n + n_zeros - 2 * reach)
        y, delayed = torch.empty(n_channels, n_out), torch.empty(n_channels, n_out)
        next_seen = torch.empty(n_channels, n_seen + n + n_zeros - n_out)
        next_waiting = torch.empty(n_channels, n_waiting + n - n_out)
        outputs = (y, delayed, next_seen, next_waiting)
        failed = compiled.unit_front(
            self._unit,
            *(x.data_ptr(), n, seen.data_ptr(), n_seen, waiting.contiguous().data_ptr(), n_waiting),
            *(n_zeros, n_out, *(output.data_ptr() for output in outputs)),
        )
        if failed:
            raise MemoryError(f"no memory for {n} samples of sound")
        return outputs


class Tanh:
    def push(self, x: Tensor, state: None, *, last: bool) -> tuple[Tensor, None]:  # noqa: ARG002  (the protocol's)
        return x.tanh(), None


def push_all(layers: Sequence[Layer], x: Tensor, states: Sequence[Any], *, last: bool) -> tuple[Tensor, list[Any]]:
    """Push samples through all layers; give what comes out, and the layers' next states."""
    after = []
    for layer, state in zip(layers, states, strict=True):
        x, next_state = layer.push(x, state, last=last)
        after.append(next_state)
    return x, after


def noise_at(key: int, position: int, n_samples: int) -> Tensor:
    """Give standard normal noise, float32 (n_samples,), that depends on `key` and the sample's position alone."""
    first, last = position // NOISE_BLOCK, (position + n_samples - 1) // NOISE_BLOCK
    generator = torch.Generator()
    blocks = [
        torch.randn(NOISE_BLOCK, generator=generator.manual_seed((key * 1_000_003 + index) % 2**63))
        for index in range(first, last + 1)
    ]
    start = position - first * NOISE_BLOCK
    return torch.cat(blocks)[start : start + n_samples]


def _compiled(x: Tensor) -> Any:
    """Give the compiled kernels if they can take this."""
    return kernels.library() if x.device.type == "cpu" and x.dtype == torch.float32 else None
