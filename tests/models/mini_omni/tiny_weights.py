"""A tiny Mini-Omni with the real vocabulary, its weights drawn the same on every machine: parity without a download.

Each tensor is drawn by NumPy's PCG64, seeded by the case's seed and the tensor's name. The golden cases in
tests/data/mini_omni_golden.json are what the published code picked on these weights.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor

from voicechat.models.mini_omni.model import MiniOmni, ModelConfig
from voicechat.models.mini_omni.tokens import AUDIO_VOCAB, END_OF_AUDIO, END_OF_TEXT, N_CODES, N_LAYERS, TEXT_VOCAB

CONFIG = ModelConfig(
    n_layer=2,
    n_head=4,
    n_query_groups=2,
    head_size=8,
    n_embd=32,
    intermediate_size=64,
    block_size=512,
    whisper_adapter_dim=24,
)

EMBEDDING, HEAD = "transformer.wte.weight", "lm_head.weight"


def array(seed: int, name: str, shape: tuple[int, ...], scale: float) -> np.ndarray:
    """Draw float32 normal samples times `scale`, fixed by seed and name."""
    generator = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    return (generator.standard_normal(shape, dtype=np.float32) * np.float32(scale)).astype(np.float32)


def state_dict(seed: int, *, tied: bool = False) -> dict[str, Tensor]:
    """Give every tensor of the checkpoint; tied, the head is the embedding itself."""
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in MiniOmni(CONFIG).state_dict().items()}
    arrays = {name: _weight(seed, name, shape) for name, shape in shapes.items()}
    head = arrays[EMBEDDING if tied else HEAD]
    # Special tokens never win, except the two ends, each of which turns up every few dozen steps.
    head[END_OF_TEXT + 1 : TEXT_VOCAB] = 0
    head[END_OF_TEXT] *= 3
    for layer in range(N_LAYERS):
        first = TEXT_VOCAB + layer * AUDIO_VOCAB
        head[first + N_CODES : first + AUDIO_VOCAB] = 0
    head[TEXT_VOCAB + (N_LAYERS - 1) * AUDIO_VOCAB + END_OF_AUDIO] = array(seed, "eoa", (CONFIG.n_embd,), 1.4)
    arrays[HEAD] = head
    return {name: torch.from_numpy(values) for name, values in arrays.items()}


def model(seed: int, *, tied: bool = False) -> MiniOmni:
    with torch.device("meta"):
        tiny = MiniOmni(CONFIG)
    tiny.load_state_dict(state_dict(seed, tied=tied), assign=True)
    return tiny.eval()


def audio_features(seed: int, n_frames: int) -> Tensor:
    """Stand in for the encoder's output: float32 (n_frames, whisper_adapter_dim)."""
    return torch.from_numpy(array(seed, "audio_features", (n_frames, CONFIG.whisper_adapter_dim), 1.0))


def _weight(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith(("norm_1.weight", "norm_2.weight", "ln_f.weight")):
        return 1 + array(seed, name, shape, 0.1)
    if name.endswith("bias"):
        return array(seed, name, shape, 0.2)
    if name in (EMBEDDING, HEAD):
        return array(seed, name, shape, 1.0)
    return array(seed, name, shape, 2.0 / np.sqrt(shape[-1]))
