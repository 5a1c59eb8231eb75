"""Mini-Omni with 8-bit weights, for the CPU: a quarter of the memory to read, which is what a step's time goes into.

Symmetric, one scale per row, round to nearest: w ~ scale * int8. On the compiled kernels (kernels.py) activations keep
12 to 15 bits and the integer sums are exact, so one row gives the same result alone and in any batch. Without them,
a few rows run on torch's weight-only kernel, in bfloat16, many on its float one: the fastest that torch has, will keep
and does not want the weights twice for (benchmarks/int8_kernels.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor, nn

from voicechat.models.mini_omni import kernels
from voicechat.models.mini_omni.model import MLP, KVCache, MiniOmni, ModelConfig

K_MULTIPLE = 64  # the kernels' step; shorter rows are padded with zeros
N_MULTIPLE = 4
FEW_ROWS = 8  # up to here torch's 8-bit product is faster than its float one
ROWS_AT_A_TIME = 8192  # when quantizing, so that a large weight is not copied whole


class Int8Linear(nn.Module):
    """Stands in for nn.Linear; `weight` and `scale` are those of several stacked linears where that is faster."""

    weight: Tensor  # int8 (n_out, n_in), both padded
    scale: Tensor  # float32 (n_out,)
    bias: Tensor | None  # float32 (n_out,)

    def __init__(self, n_in: int, n_out: int, *, bias: bool = False) -> None:
        super().__init__()
        self.n_in, self.n_out = n_in, n_out
        rows, columns = n_out + -n_out % N_MULTIPLE, n_in + -n_in % K_MULTIPLE
        self.register_buffer("weight", _int8_zeros(rows, columns))
        self.register_buffer("scale", torch.zeros(rows))
        self.register_buffer("bias", torch.zeros(rows) if bias else None)

    def forward(self, x: Tensor, rows: slice = slice(None)) -> Tensor:
        """(..., n_in) float32 -> (..., n_rows) float32; the bounds of `rows` are multiples of 4."""
        flat = x.reshape(-1, self.n_in)
        if self.n_in != self.weight.shape[1]:
            flat = F.pad(flat, (0, self.weight.shape[1] - self.n_in))
        bias = None if self.bias is None else self.bias[rows]
        y = _product(flat, self.weight[rows], self.scale[rows], bias)
        return y[:, : self.n_out].reshape(*x.shape[:-1], -1)

    def fill(self, *weights: Tensor, bias: Tensor | None = None) -> None:
        """Round float weights (n, n_in), stacked, into this one."""
        _fill(self.weight, self.scale, weights)
        if self.bias is not None and bias is not None:
            self.bias[: self.n_out] = bias.detach()


class Int8Embedding(nn.Module):
    """Stands in for nn.Embedding."""

    weight: Tensor  # int8 (n_ids, width), padded as a linear's is, so that a tied head can share it
    scale: Tensor  # float32 (n_ids,)

    def __init__(self, head: Int8Linear) -> None:
        """Look up the rows of `head`'s weight."""
        super().__init__()
        self.width = head.n_in
        self.register_buffer("weight", head.weight)
        self.register_buffer("scale", head.scale)

    def forward(self, ids: Tensor) -> Tensor:
        """int64 (...) -> float32 (..., width)."""
        return self.weight[ids, : self.width] * self.scale[ids].unsqueeze(-1)

    def fill(self, weight: Tensor) -> None:
        _fill(self.weight, self.scale, (weight,))


class Int8MLP(nn.Module):
    """Stands in for MLP, its two first products as one."""

    def __init__(self, n_in: int, n_hidden: int, n_out: int) -> None:
        super().__init__()
        self.gate_up = Int8Linear(n_in, 2 * n_hidden)
        self.proj = Int8Linear(n_hidden, n_out)

    def forward(self, x: Tensor) -> Tensor:
        gate_up = self.gate_up(x)
        compiled = kernels.library()
        if compiled is None:
            gate, up = gate_up.chunk(2, dim=-1)
            gated = F.silu(gate) * up
        else:
            gated = torch.empty(*x.shape[:-1], self.proj.n_in)
            compiled.gate(gate_up.contiguous().data_ptr(), x.shape[:-1].numel(), self.proj.n_in, gated.data_ptr())
        out: Tensor = self.proj(gated)
        return out

    def fill(self, mlp: MLP) -> None:
        self.gate_up.fill(mlp.fc_1.weight, mlp.fc_2.weight)
        self.proj.fill(mlp.proj.weight)


class Int8MiniOmni(MiniOmni):
    """The decoder on 8-bit weights; norms and biases stay float32. Its state_dict is its checkpoint."""

    def __init__(self, config: ModelConfig) -> None:
        with torch.device("meta"):
            super().__init__(config)
        width, hidden = config.n_embd, config.intermediate_size
        self.whisper_adapter = Int8MLP(config.whisper_adapter_dim, hidden, width)
        self.lm_head = Int8Linear(width, config.padded_vocab_size)
        table = self.lm_head if config.tie_word_embeddings else Int8Linear(width, config.padded_vocab_size)
        self.transformer.wte = Int8Embedding(table)
        blocks: Iterable[Any] = self.transformer.h
        for block in blocks:
            heads = block.attn.attn.out_features
            block.attn.attn = Int8Linear(width, heads, bias=True)
            block.attn.proj = Int8Linear(config.n_head * config.head_size, width)
            block.mlp = Int8MLP(width, hidden, width)
            block.norm_1.weight, block.norm_2.weight = _ones(width), _ones(width)
        self.transformer.ln_f.weight = _ones(width)
        self._compiled: _CompiledBlocks | None = None

    def forward(self, x: Tensor, cache: KVCache) -> Tensor:
        """As MiniOmni's; one position of each row, or many of one row, run in one compiled call where that can be."""
        if 1 not in x.shape[:2] or not _CompiledBlocks.can_run(self.config):
            return super().forward(x, cache)
        if self._compiled is None:
            self._compiled = _CompiledBlocks(self)
        return self._compiled.run(x, cache, self._rope_tables(x))

    def threads(self) -> AbstractContextManager[None]:
        """As MiniOmni's: the kernels have threads of their own, which torch's would hinder."""
        return nullcontext() if kernels.library() is None else kernels.one_torch_thread()


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round a float (n, k) weight: int8 (n, k) and its float32 scales (n,)."""
    weight = weight.float()
    scale = weight.abs().amax(dim=1).clamp_min(1e-12) / 127
    return (weight / scale[:, None]).round_().to(torch.int8), scale


def quantize_model(model: MiniOmni) -> Int8MiniOmni:
    """Give the model with 8-bit weights. The one given is emptied as it goes: there are never two whole copies."""
    quantized = Int8MiniOmni(model.config)
    into: Any = quantized  # its parts are the 8-bit ones
    into.lm_head.fill(_taken(model, "lm_head").weight)
    if not model.config.tie_word_embeddings:
        into.transformer.wte.fill(_taken(model.transformer, "wte").weight)
    into.whisper_adapter.fill(_taken(model, "whisper_adapter"))
    into.transformer.ln_f = model.transformer.ln_f
    for block, source in zip(into.transformer.h, model.transformer.h, strict=True):
        attention, mlp = _taken(source, "attn"), _taken(source, "mlp")
        block.attn.attn.fill(attention.attn.weight, bias=attention.attn.bias)
        block.attn.proj.fill(attention.proj.weight)
        block.mlp.fill(mlp)
        block.norm_1, block.norm_2 = source.norm_1, source.norm_2
    return quantized


class _CompiledBlocks:
    """A model's blocks as the compiled kernels see them: addresses, and the tensors that they belong to."""

    def __init__(self, model: Int8MiniOmni) -> None:
        config = model.config
        self._sizes = kernels.Sizes(
            config.n_layer,
            config.n_embd,
            config.intermediate_size,
            config.n_query_groups,
            config.heads_per_group,
            config.head_size,
            config.norm_eps,
        )
        self._tensors = [*model.buffers(), *model.parameters()]  # kept alive, whatever becomes of the model
        self._last_norm = model.transformer.ln_f.weight
        self._blocks = (kernels.Block * config.n_layer)(*map(_compiled_block, model.transformer.h))

    @staticmethod
    def can_run(config: ModelConfig) -> bool:
        sizes = (config.n_embd, config.intermediate_size, config.n_head * config.head_size)
        return kernels.library() is not None and all(size % K_MULTIPLE == 0 for size in sizes)

    def run(self, x: Tensor, cache: KVCache, rope: tuple[Tensor, Tensor]) -> Tensor:
        """(B, 1, n_embd) or (1, T, n_embd) -> (B, n_embd), as MiniOmni.forward."""
        compiled = kernels.library()
        assert compiled is not None
        position, n_new, n_positions = cache.position, x.shape[1], min(cache.keys.shape[3], len(rope[0]))
        if position + n_new > n_positions:
            raise ValueError(f"the cache is full: {n_positions} positions")
        rows = x.flatten(0, 1).float().clone(memory_format=torch.contiguous_format)
        stride = cache.keys.stride()
        seen = kernels.Cache(cache.keys.data_ptr(), cache.values.data_ptr(), *stride[:3], position)
        cos, sin = (table[position].data_ptr() for table in rope)
        last_norm = self._last_norm.data_ptr()
        if compiled.decode(self._sizes, self._blocks, last_norm, seen, cos, sin, len(rows), n_new, rows.data_ptr()):
            raise MemoryError(f"no memory for {len(rows)} positions")
        cache.position = position + n_new
        return rows[-len(x) :]


def _compiled_block(block: Any) -> kernels.Block:
    linears = (block.attn.attn, block.attn.proj, block.mlp.gate_up, block.mlp.proj)
    matrices = (kernels.Matrix.of(linear.weight, linear.scale, linear.bias) for linear in linears)
    return kernels.Block(block.norm_1.weight.data_ptr(), block.norm_2.weight.data_ptr(), *matrices)


def _product(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """x float32 (m, k) times int8 (n, k): float32 (m, n)."""
    compiled = kernels.library()
    if compiled is None:
        if len(x) <= FEW_ROWS:
            y = torch._weight_int8pack_mm(x.bfloat16(), weight, scale.bfloat16()).float()
        else:
            y = (x @ weight.float().T).mul_(scale)
        return y if bias is None else y + bias
    x = x.contiguous()
    y = torch.empty(len(x), len(weight))
    if compiled.linear_int8(kernels.Matrix.of(weight, scale, bias), x.data_ptr(), len(x), y.data_ptr()):
        raise MemoryError(f"no memory for a product of {len(x)} rows")
    return y


def _fill(target: Tensor, scale: Tensor, weights: Sequence[Tensor]) -> None:
    row = 0
    for weight in weights:
        for part in torch.split(weight.detach(), ROWS_AT_A_TIME):
            rows = slice(row, row + len(part))
            target[rows, : part.shape[1]], scale[rows] = quantize(part)
            row += len(part)


def _taken(owner: nn.Module, name: str) -> Any:
    """Take a part out of a module, so that its memory is free once the part is done with."""
    return owner._modules.pop(name)


def _int8_zeros(rows: int, columns: int) -> Tensor:
    weight = torch.empty(rows, columns, dtype=torch.int8)
    return kernels.prefer_large_pages(weight).zero_() if weight.device.type == "cpu" else weight


def _ones(width: int) -> nn.Parameter:
    return nn.Parameter(torch.ones(width), requires_grad=False)
