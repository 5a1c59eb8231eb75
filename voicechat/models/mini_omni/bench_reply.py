"""A long reply, measured: does it keep up with its own sound, also beside busy processes?"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from voicechat.models.mini_omni.generate import Sampling, generate_batch
from voicechat.models.mini_omni.model import MiniOmni
from voicechat.models.mini_omni.snac import FRAME_SAMPLES, SAMPLE_RATE, SnacDecoder
from voicechat.models.mini_omni.stepping import Pick
from voicechat.models.mini_omni.tokens import END_OF_TEXT, N_CODES, N_LAYERS, TEXT_VOCAB, Step, frames


@dataclass(frozen=True)
class Reply:
    """A long reply, its sound included."""

    realtime_factor: float  # time taken / sound made, after the first sound
    slowest_step_ms: float
    start_buffer_ms: float  # of sound that a player must hold back so as never to starve


def sounds(
    model: MiniOmni, voice: SnacDecoder, features: Tensor, *, reply_s: float, text_share: float
) -> Generator[int, None, None]:
    """Make a reply of reply_s seconds; yield how many samples came with each step, and at last how many were left.

    Each frame is decoded when it is complete.

    Args:
        text_share: of the steps, until the text has ended.
    """
    n_steps = int(reply_s * SAMPLE_RATE / FRAME_SAMPLES) + N_LAYERS
    steering = Steering(n_text_steps=max(2, int(text_share * n_steps)))  # an end in the first step is not looked for
    stream = voice.stream(noise_seed=0)
    recent: deque[Step] = deque(maxlen=N_LAYERS + 1)
    with closing(generate_batch(model, features, max_new_tokens=n_steps, sampling=steering)) as steps:
        for step in steps:
            recent.append(step)
            yield sum(len(stream.push(torch.tensor(codes)[:, None])) for codes in frames(recent))
    yield len(stream.finish())


def speak(model: MiniOmni, voice: SnacDecoder, features: Tensor, *, reply_s: float, text_share: float) -> Reply:
    """Make a reply, see `sounds`, and hold it against its own sound."""
    step_at, sound = [], []  # when each step was over; when sound came and how many seconds of it
    for n_samples in sounds(model, voice, features, reply_s=reply_s, text_share=text_share):
        step_at.append(time.perf_counter())
        sound += [(step_at[-1], n_samples / SAMPLE_RATE)] if n_samples else []
    first_at, first_s = sound[0]
    missing_s, there_s = 0.0, 0.0  # of sound, when the next came; until then
    for at, sound_s in sound:
        missing_s = max(missing_s, at - first_at - there_s)
        there_s += sound_s
    return Reply(
        realtime_factor=(sound[-1][0] - first_at) / (there_s - first_s),
        slowest_step_ms=max(b - a for a, b in itertools.pairwise(step_at[:-1])) * 1e3,
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


@dataclass(frozen=True)
class Steering(Sampling):
    """Greedy picks, but the text ends when it is told to, and the voice never: random weights do neither in time."""

    n_text_steps: int = 1

    def picker(self, device: torch.device) -> Pick:
        n_left = itertools.count(self.n_text_steps - 1, -1)

        def pick(logits: Tensor) -> Tensor:
            if logits.shape[-1] != TEXT_VOCAB:
                return logits[..., :N_CODES].argmax(dim=-1)
            if next(n_left) == 0:
                return torch.tensor(END_OF_TEXT, device=device)
            return logits[..., :END_OF_TEXT].argmax(dim=-1)

        return pick
