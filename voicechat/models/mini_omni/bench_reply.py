"""A long reply, measured: does it keep up with its own sound, also beside busy processes?"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from voicechat.models.mini_omni.generate import generate_batch
from voicechat.models.mini_omni.model import KVCache, MiniOmni
from voicechat.models.mini_omni.snac import FRAME_SAMPLES, SAMPLE_RATE, SnacDecoder
from voicechat.models.mini_omni.tokens import END_OF_TEXT, N_CODES, N_LAYERS, Step, frames


@dataclass(frozen=True)
class Reply:
    """A long reply, its sound included."""

    first_audio_ms: float  # from the end of the encoder's work
    realtime_factor: float  # time taken / sound made, after the first sound
    slowest_step_ms: float
    start_buffer_ms: float  # of sound that a player must hold back so as never to starve


def speak(model: MiniOmni, voice: SnacDecoder, features: Tensor, *, reply_s: float, text_share: float) -> Reply:
    """Make a reply of reply_s seconds, step by step, each frame decoded when it is complete.

    Args:
        text_share: of its steps, until its text has ended.
    """
    n_frames = int(reply_s * SAMPLE_RATE / FRAME_SAMPLES)
    n_steps = n_frames + N_LAYERS
    steered = Steered(model, n_text_steps=int(text_share * n_steps))
    stream = voice.stream(noise_seed=0)
    recent: deque[Step] = deque(maxlen=N_LAYERS + 1)
    step_at, sound = [time.perf_counter()], []  # when each step was over; when sound came and how many seconds of it
    for step in generate_batch(steered, features, max_new_tokens=n_steps):
        recent.append(step)
        for codes in frames(recent):
            n_samples = len(stream.push(torch.tensor(codes)[:, None]))
            sound += [(time.perf_counter(), n_samples / SAMPLE_RATE)] if n_samples else []
        step_at.append(time.perf_counter())
    n_samples = len(stream.finish())
    sound.append((time.perf_counter(), n_samples / SAMPLE_RATE))
    first_at, first_s = sound[0]
    missing_s, there_s = 0.0, 0.0  # of sound, when the next came; until then
    for at, sound_s in sound:
        missing_s = max(missing_s, at - first_at - there_s)
        there_s += sound_s
    return Reply(
        first_audio_ms=(first_at - step_at[0]) * 1e3,
        realtime_factor=(sound[-1][0] - first_at) / (there_s - first_s),
        slowest_step_ms=max(b - a for a, b in pairwise(step_at[1:])) * 1e3,
        start_buffer_ms=missing_s * 1e3,
    )


@contextmanager
def busy_neighbours(n: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep n processors busy with other processes."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Steered(MiniOmni):
    """A model whose text ends when it is told to, and whose voice never does: random weights do neither in time."""

    def __init__(self, model: MiniOmni, *, n_text_steps: int) -> None:
        nn.Module.__init__(self)
        self.config, self.transformer = model.config, model.transformer
        self._model, self._n_text_steps = model, n_text_steps

    def embed(self, ids: Tensor, features: Tensor | None = None) -> Tensor:
        return self._model.embed(ids, features)

    def forward(self, x: Tensor, cache: KVCache) -> Tensor:
        hidden: Tensor = self._model(x, cache)
        return hidden

    def threads(self) -> AbstractContextManager[None]:
        return self._model.threads()

    def text_logits(self, hidden: Tensor) -> Tensor:
        logits = self._model.text_logits(hidden)
        self._n_text_steps -= 1
        logits[:, END_OF_TEXT] = torch.inf if self._n_text_steps == 0 else -torch.inf
        return logits

    def audio_logits(self, hidden: Tensor) -> Tensor:
        logits = self._model.audio_logits(hidden)
        logits[:, :, N_CODES:] = -torch.inf
        return logits
