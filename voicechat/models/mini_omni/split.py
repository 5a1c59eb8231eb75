"""Whisper's encoder on the matrix unit of a CPU (AMX), in float32 to rounding: each float as two bfloat16.

Five times as fast as float32's own units, and beside a busy process still so: it runs in the threads of the other
kernels, not in torch's (kernels.py). native/encoder.c says what is computed. Elsewhere the encoder stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import Tensor, nn

from voicechat.models.mini_omni import kernels
from voicechat.models.mini_omni.whisper import EncoderConfig, WhisperEncoder

MULTIPLE = 32  # of rows and columns in the kernels
MAX_POSITIONS = 1504
MAX_HEAD = 128


def on_matrix_unit(encoder: WhisperEncoder) -> WhisperEncoder:
    """Give the encoder that computes the same in the fastest way this machine has; the one given may be emptied."""
    weight = encoder.layer_norm.weight
    compiled = kernels.library()
    if compiled is None or weight.device.type != "cpu" or weight.dtype != torch.float32 or not compiled.amx_usable():
        return encoder
    return SplitEncoder(encoder) if _fits(encoder.config) else encoder


class SplitEncoder(WhisperEncoder):
    """Holds another encoder's weights, split and packed. Like it, it has no state of an utterance."""

    def __init__(self, encoder: WhisperEncoder) -> None:
        nn.Module.__init__(self)
        config = self.config = encoder.config
        self.embed_positions, self.layer_norm = encoder.embed_positions, encoder.layer_norm
        self._kept: list[Tensor] = []  # what the structures below point to
        self._sizes = kernels.EncoderSizes(config.width, config.n_heads, config.n_hidden, self.layer_norm.eps)
        self._front = [self._convolution(getattr(encoder, name)) for name in ("conv1", "conv2")]
        layers: Any = encoder.layers
        self._layers = []
        while len(layers):  # one after another, so that there are never two whole copies
            self._layers.append(self._layer(layers[0]))
            del layers[0]

    def _encode(self, mel: Tensor, stopped: Callable[[], bool] | None, n_out: int) -> Tensor | None:
        compiled = kernels.library()
        assert compiled is not None
        n = mel.shape[1] // 2
        n_bytes = compiled.encoder_workspace(self._sizes, n)
        workspace = kernels.prefer_large_pages(torch.empty(n_bytes, dtype=torch.uint8))
        x = torch.empty(n, self.config.width)
        mel, positions = mel.T.contiguous(), self.embed_positions.weight
        where = (mel.data_ptr(), self.config.n_mels, positions.data_ptr(), n, x.data_ptr(), workspace.data_ptr())
        compiled.encoder_front(self._sizes, *self._front, *where)
        for index, layer in enumerate(self._layers):
            if stopped is not None and stopped():
                return None
            last = index == len(self._layers) - 1
            n_wanted = n_out if last else n
            compiled.encoder_layer(self._sizes, layer, n, n_wanted, x.data_ptr(), workspace.data_ptr())
        return F.layer_norm(x[:n_out], (self.config.width,), self.layer_norm.weight, self.layer_norm.bias)

    def _convolution(self, conv: nn.Conv1d) -> kernels.Packed:
        assert conv.bias is not None
        return self._packed(conv.weight.transpose(1, 2).flatten(1), conv.bias)

    def _layer(self, block: Any) -> kernels.EncoderLayer:
        attention = block.self_attn
        queries, keys, values = (attention[name] for name in ("q_proj", "k_proj", "v_proj"))
        weight = torch.cat([linear.weight for linear in (queries, keys, values)])
        bias = torch.cat((queries.bias, torch.zeros_like(queries.bias), values.bias))
        linears = [(weight, bias), *((of.weight, of.bias) for of in (attention["out_proj"], block.fc1, block.fc2))]
        return kernels.EncoderLayer(
            self._norm(block.self_attn_layer_norm),
            self._norm(block.final_layer_norm),
            *(self._packed(*linear) for linear in linears),
        )

    def _norm(self, norm: nn.LayerNorm) -> kernels.Norm:
        return kernels.Norm(self._keep(norm.weight), self._keep(norm.bias))

    def _packed(self, weight: Tensor, bias: Tensor) -> kernels.Packed:
        """Split a weight (n, k) and pack each part as [n / 16][k / 32][16 pairs][16 columns][2]."""
        n, k = weight.shape[0], weight.shape[1] + -weight.shape[1] % MULTIPLE
        weight = F.pad(weight.detach(), (0, k - weight.shape[1]))
        high = weight.bfloat16()
        low = (weight - high.float()).bfloat16()
        tiles = (
            self._keep(part.view(n // 16, 16, k // 32, 16, 2).permute(0, 2, 3, 1, 4).contiguous())
            for part in (high, low)
        )
        return kernels.Packed(*tiles, self._keep(bias), n, k)

    def _keep(self, tensor: Tensor) -> int:
        tensor = tensor.detach().float() if tensor.dtype != torch.bfloat16 else tensor
        self._kept.append(tensor.contiguous())
        return self._kept[-1].data_ptr()


def _fits(config: EncoderConfig) -> bool:
    sizes = (config.width, config.n_hidden, config.width // config.n_heads)
    within = config.n_positions <= MAX_POSITIONS and sizes[2] <= MAX_HEAD
    return within and all(size % MULTIPLE == 0 for size in sizes)
