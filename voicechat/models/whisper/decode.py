"""Features to token ids, several windows at once: greedy, or sampled when a greedy text was not to be trusted.

Knows logits and the rules of a checkpoint; nothing of text, words or pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from voicechat.models.whisper.model import Cache, Decoder, Head


@dataclass(frozen=True, eq=False)
class Written:
    """The text of one window, as ids."""

    ids: list[int]  # without the end
    logprob: float  # of an id on average, the end included
    no_speech: float  # how likely it is that nobody speaks; 0 if the checkpoint cannot tell
    weights: np.ndarray | None  # float32 (n_watched, len(ids) + 1, T), of the watched heads, as timing.py wants them


@dataclass(frozen=True)
class Writing:
    """What holds for every window of a call."""

    suppressed: Sequence[int] = ()  # ids that are never written
    suppressed_first: Sequence[int] = ()  # ids that no text begins with
    end: int = 0  # the id that ends a text
    start: int = 0  # the id in a prompt from which on it is not about another text
    no_speech: int | None = None
    watched: Sequence[Head] = ()
    temperature: float = 0.0  # 0: always the likeliest id
    seed: int = 0  # of sampling


@torch.inference_mode()
def write(
    decoder: Decoder,
    features: Tensor,
    prompts: Sequence[Sequence[int]],
    most: Sequence[int],
    writing: Writing,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Written] | None:
    """Write down what was heard.

    Args:
        features: (B, T, width).
        prompts: ids that each text begins with, all of one length.
        most: how many ids each text may have.
        stopped: asked before each step; once it says yes, the answer is None.
    """
    rows = torch.arange(len(features))  # the text that each row of the batch is
    lasting = min(max(most), decoder.config.n_positions - len(prompts[0]))
    cache = Cache(decoder, features, len(prompts[0]) + lasting)
    generator = torch.Generator(features.device).manual_seed(writing.seed)
    texts: list[list[int]] = [[] for _ in prompts]
    done = [False] * len(prompts)
    logprobs = [0.0] * len(prompts)
    seen: list[list[np.ndarray]] = [[] for _ in prompts]
    no_speech = [0.0] * len(prompts)
    rules = _rules(decoder, writing, features.device)

    ids = torch.tensor(prompts, device=features.device)
    for step in range(lasting):
        # 1. One step of all texts that are not done.
        if stopped():
            return None
        hidden, weights = decoder(ids, cache, writing.watched)
        logits = decoder.logits(hidden[:, -1])
        if step == 0 and writing.no_speech is not None:
            at_start = decoder.logits(hidden[:, list(prompts[0]).index(writing.start)]).softmax(-1)
            no_speech = at_start[:, writing.no_speech].tolist()

        # 2. The next id of each.
        logits += rules[0] if step == 0 else rules[1]
        if writing.temperature == 0:
            chosen = logits.argmax(-1)
        else:
            likely = (logits / writing.temperature).softmax(-1)
            chosen = torch.multinomial(likely, 1, generator=generator)[:, 0]
        gained = logits.log_softmax(-1).gather(-1, chosen[:, None])[:, 0].tolist()

        # 3. Note it, and find out which texts are done.
        lively = []
        looked = None if weights is None else weights[:, :, -1].cpu().numpy()
        for index, (text, token) in enumerate(zip(rows.tolist(), chosen.tolist(), strict=True)):
            if done[text]:
                continue
            logprobs[text] += gained[index]
            if looked is not None:
                seen[text].append(looked[index])
            if token != writing.end:
                texts[text].append(token)
            done[text] = token == writing.end or len(texts[text]) >= most[text]
            if not done[text]:
                lively.append(index)
        if not lively:
            break
        ids = chosen[:, None]
        if len(lively) <= len(rows) // 2:  # to copy the caches costs about a step
            keep = torch.tensor(lively, device=features.device)
            cache.keep(keep)
            ids, rows = ids[keep], rows[keep.cpu()]
    return [
        Written(text, logprobs[n] / (len(text) + 1), no_speech[n], _stacked(seen[n], len(text) + 1))
        for n, text in enumerate(texts)
    ]


@torch.inference_mode()
def likeliest(decoder: Decoder, features: Tensor, start: int, candidates: Sequence[int]) -> list[int]:
    """Give which candidate is likeliest to follow the start of each text: its language.

    Args:
        features: (B, T, width).
    """
    ids = torch.full((len(features), 1), start, device=features.device)
    hidden, _ = decoder(ids, Cache(decoder, features, 1))
    best = decoder.logits(hidden[:, -1])[:, list(candidates)].argmax(-1)
    return [candidates[index] for index in best.tolist()]


def _rules(decoder: Decoder, writing: Writing, device: torch.device) -> tuple[Tensor, Tensor]:
    """Give what is added to the logits of the first id, and of the others: -inf for what may not be."""
    others = torch.zeros(decoder.config.n_ids, device=device)
    others[list(writing.suppressed)] = -torch.inf
    first = others.clone()
    first[list(writing.suppressed_first)] = -torch.inf
    return first, others


def _stacked(seen: Sequence[np.ndarray], n_rows: int) -> np.ndarray | None:
    """(n_watched, T) per step -> (n_watched, n_rows, T); a text that was cut off has no step for its end."""
    if not seen:
        return None
    steps = [*seen, seen[-1]][:n_rows]
    return np.stack(steps, 1)
