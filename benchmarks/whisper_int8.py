"""What 8-bit weights cost Whisper small in exactness, and what they bring, at full size with random weights.

Claims, on a spoken window of 30 s: the encoder's features and the decoder's logits (on the same text) differ by at most
4 % from those of float32, and encoding takes at most 0.8 times as long, both in turns in one process; the weights take
at most 0.3 times the memory. How many of the likeliest next ids are the same is told, but with random weights nearly
all ids are about as likely, so that it says little.

Run `python -m benchmarks.whisper_int8 [--json]`; needs 3 GB of memory and, on two cores, a minute; it exits with 1 if a
claim does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor

from tests.models.whisper.checkpoints import write_full_size
from tests.speaking import synthesized
from voicechat.models.mini_omni import kernels
from voicechat.models.mini_omni.whisper import SAMPLE_RATE, WINDOW_SAMPLES
from voicechat.models.whisper import checkpoint
from voicechat.models.whisper.checkpoint import Parts
from voicechat.models.whisper.model import Cache, encode, log_mel

ERROR, SPEED, MEMORY = 0.04, 0.8, 0.3
N_IDS = 64  # of the text that both are given
ROUNDS = 3
TEXT = "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse. " * 6


def spoken() -> np.ndarray:
    """Give 30 s of speech, float32 (n,) at 16 kHz."""
    chunk = synthesized(TEXT)
    samples: np.ndarray = soxr.resample(chunk.samples, chunk.sample_rate, SAMPLE_RATE).astype(np.float32)
    return samples[:WINDOW_SAMPLES]


def n_bytes(parts: Parts) -> int:
    """Count the weights, shared ones once."""
    tensors = {t.data_ptr(): t for m in (parts.encoder, parts.decoder) for t in m.state_dict().values()}
    return sum(tensor.nbytes for tensor in tensors.values())


@torch.inference_mode()
def logits(parts: Parts, features: Tensor, ids: Tensor) -> Tensor:
    """Give the logits behind each id, (n, n_ids)."""
    hidden, _ = parts.decoder(ids, Cache(parts.decoder, features[None], ids.shape[1]))
    return parts.decoder.logits(hidden[0])


def difference(found: Tensor, exact: Tensor) -> float:
    return float((found - exact).norm() / exact.norm())


@torch.inference_mode()
def measure(folder: Path) -> dict[str, float]:
    """Compare both precisions."""
    exact, rounded = checkpoint.load(folder), checkpoint.load(folder, precision="int8")
    mel = log_mel(spoken(), exact.encoder.config.n_mels)
    took_s: dict[str, list[float]] = {"exact": [], "rounded": []}
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        features = encode(exact.encoder, mel, lambda: False)
        took_s["exact"].append(time.perf_counter() - began_s)
        with kernels.one_torch_thread():
            began_s = time.perf_counter()
            near = encode(rounded.encoder, mel, lambda: False)
            took_s["rounded"].append(time.perf_counter() - began_s)
    assert features is not None
    assert near is not None
    ids = torch.randint(0, 50_000, (1, N_IDS), generator=torch.Generator().manual_seed(0))
    expected, found = logits(exact, features, ids), logits(rounded, near, ids)
    return {
        "feature_error": difference(near, features),
        "logit_error": difference(found, expected),
        "same_likeliest": float((found.argmax(-1) == expected.argmax(-1)).float().mean()),
        "encoding_time": min(took_s["rounded"]) / min(took_s["exact"]),
        "memory": n_bytes(rounded) / n_bytes(exact),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="voicechat-") as name:
        found = measure(write_full_size(Path(name)))
    if arguments.json:
        print(json.dumps(found))
    else:
        for key, value in found.items():
            print(f"{key:16}{value:8.4f}")
    errors = max(found["feature_error"], found["logit_error"])
    sys.exit(errors > ERROR or found["encoding_time"] > SPEED or found["memory"] > MEMORY)


if __name__ == "__main__":
    main()
