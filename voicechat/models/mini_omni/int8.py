"""Linear layers with 8-bit weights: one scale per row, activations rounded per row as they come.

Symmetric, round to nearest: w ~ scale * int8. On the compiled kernels (kernels.py) the integer sums are exact, so one
row of activations gives the same result alone and in any batch.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

from voicechat.models.mini_omni import kernels

K_MULTIPLE = 64  # the kernels' step; shorter rows are padded with zeros
N_MULTIPLE = 4


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round a float (N, K) weight: int8 (N, K) and its float32 scales (N,)."""
    scale = weight.abs().amax(dim=1).float().clamp_min(1e-12) / 127
    return (weight.float() / scale[:, None]).round().to(torch.int8), scale


class Int8Linear(nn.Module):
    """Stands in for nn.Linear on the CPU."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.n_out, self.n_in = weight.shape
        packed, scale = quantize(weight)
        pad_k, pad_n = -self.n_in % K_MULTIPLE, -self.n_out % N_MULTIPLE
        if pad_k or pad_n:
            packed = nn.functional.pad(packed, (0, pad_k, 0, pad_n))
            scale = nn.functional.pad(scale, (0, pad_n))
        self.register_buffer("weight", packed.contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("row_sum", packed.sum(dim=1, dtype=torch.int32))
        self.bias = bias

    def forward(self, x: Tensor, rows: slice = slice(None)) -> Tensor:
        """(..., n_in) float32 -> (..., n_rows) float32; `rows` bounds must be multiples of 4."""
        flat = x.reshape(-1, self.n_in)
        if self.n_in % K_MULTIPLE:
            flat = nn.functional.pad(flat, (0, -self.n_in % K_MULTIPLE))
        y = _product(flat.contiguous(), self.weight[rows], self.scale[rows], self.row_sum[rows])
        y = y[:, : self.n_out] if rows == slice(None) else y
        if self.bias is not None:
            y = y + self.bias[rows]
        return y.reshape(*x.shape[:-1], -1)


def _product(x: Tensor, weight: Tensor, scale: Tensor, row_sum: Tensor) -> Tensor:
    n, k = weight.shape
    compiled = kernels.library()
    if compiled is None:
        return _torch_product(x, weight, scale)
    quantized = torch.empty(len(x), k, dtype=torch.int8)
    x_scale = torch.empty(len(x))
    y = torch.empty(len(x), n)
    compiled.quantize_rows(x.data_ptr(), len(x), k, quantized.data_ptr(), x_scale.data_ptr())
    compiled.linear_int8(
        weight.data_ptr(),
        scale.data_ptr(),
        row_sum.data_ptr(),
        n,
        k,
        quantized.data_ptr(),
        x_scale.data_ptr(),
        len(x),
        y.data_ptr(),
    )
    return y


def _torch_product(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """The same product on torch's weight-only kernel: bfloat16 activations."""
    return torch._weight_int8pack_mm(x.bfloat16(), weight, scale.bfloat16()).float()
