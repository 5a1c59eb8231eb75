"""Mini-Omni's generation loop: a prompt in, one `Step` after another out. A generator: the caller pulls, and may stop.

Source: arXiv 2408.16725, and the published code where the paper is silent (it does not look for an end in the very
first pick, and neither does this).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from voicechat.models.mini_omni.model import MiniOmni
from voicechat.models.mini_omni.stepping import Pick, greedy, logits_of, picks_of, stepper
from voicechat.models.mini_omni.tokens import (
    AUDIO_PAD,
    END_OF_AUDIO,
    END_OF_TEXT,
    N_LAYERS,
    TEXT_PAD,
    Step,
    Task,
    prompt,
)


@dataclass(frozen=True)
class Sampling:
    """How tokens are picked from logits. The default is greedy, as the published demo is."""

    temperature: float = 0.0  # 0: greedy
    top_k: int = 0  # only the k likeliest; 0: all
    top_p: float = 1.0  # only the likeliest that together reach this probability
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"temperature and top_k must not be negative, top_p in (0, 1]: {self}")

    def picker(self, device: torch.device) -> Pick:
        """Give the function that picks, with a generator of its own: the same seed gives the same picks."""
        if self.temperature == 0 or self.top_k == 1:
            return greedy
        generator = torch.Generator(device).manual_seed(self.seed)
        return lambda logits: sample(logits, self, generator)


def sample(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """Draw one token from each row of logits (..., V), float; give int64 (...)."""
    k = min(sampling.top_k or logits.shape[-1], logits.shape[-1])
    ranked, ids = logits.float().topk(k, dim=-1)  # sorted, so that top-p is a prefix
    # Relative to the likeliest, so that no temperature above 0 overflows.
    probabilities = ((ranked - ranked[..., :1]) / sampling.temperature).softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities  # of the likelier ones; 0 for the first, which stays
    probabilities = probabilities.masked_fill(before >= sampling.top_p, 0.0)
    # As torch.multinomial draws, but that looks at the probabilities first, and so waits for a GPU: each waits for an
    # exponential time, a likely one less, and who is first is drawn.
    waits = torch.empty_like(probabilities).exponential_(generator=generator)
    drawn = (probabilities / waits).argmax(dim=-1, keepdim=True)
    return ids.gather(-1, drawn).squeeze(-1)


@torch.inference_mode()
def generate(
    model: MiniOmni,
    ids: Tensor,
    *,
    speaks: bool,
    max_new_tokens: int,
    features: Tensor | None = None,
    sampling: Sampling = Sampling(),
) -> Generator[Step, None, None]:
    """Generate from one prompt; closing the generator ends it between two steps.

    Args:
        ids: int64 (8, T), see `tokens.prompt`.
        speaks: whether audio is generated; if not, only text is, and the audio layers are fed pad.
        max_new_tokens: picks at most, the first included; fewer if the model has no more positions.
        features: float (n_frames, whisper_adapter_dim), for a speech prompt.

    Raises:
        ValueError: If the prompt alone fills the model's positions.
    """
    pick = sampling.picker(ids.device)
    max_new_tokens = _picks_left(model, ids.shape[1], max_new_tokens)
    with stepper(model, batch=1, n_positions=ids.shape[1] + max_new_tokens) as replying:
        # 1) prefill
        with model.threads():
            hidden = model(model.embed(ids[None], features), replying.cache)
            picks = picks_of(pick, logits_of(model, hidden, speaks=speaks, writes=True))
        text_ended = False
        for index in range(max_new_tokens):
            # 2) read what was picked
            audio, text = _read(picks, speaks=speaks, writes=not text_ended)
            # 3) stop
            if index > 0 and (audio[-1] == END_OF_AUDIO if speaks else text == END_OF_TEXT):
                return
            yield Step(tuple(audio) if speaks else (), None if text_ended else text)
            # 4) feed
            text_ended |= speaks and index > 0 and text == END_OF_TEXT
            if index + 1 < max_new_tokens:
                with model.threads():
                    picks = replying.step([(audio, text)], pick, speaks=speaks, writes=not text_ended)


@torch.inference_mode()
def generate_batch(
    model: MiniOmni,
    features: Tensor,
    *,
    max_new_tokens: int,
    sampling: Sampling = Sampling(),
) -> Generator[Step, None, None]:
    """Answer speech with speech, the text thought by a second row: what the published demo runs.

    Row 0 speaks, row 1 writes; both are fed row 1's text. Their prompts differ in the last position only, so the
    prefix is run once. Once the text has ended, row 1 can change nothing any more and is dropped; all of it exact.
    The prefill is done with the first step, so taking that early (before it is sure that the turn is over) hides it.

    Args:
        features: float (n_frames, whisper_adapter_dim).
        max_new_tokens: picks at most, the first included; fewer if the model has no more positions.

    Raises:
        ValueError: If the prompt alone fills the model's positions.
    """
    speaking = prompt(Task.SPEECH_TO_SPEECH, n_frames=len(features)).to(features.device)
    writing = prompt(Task.SPEECH_TO_TEXT, n_frames=len(features)).to(features.device)
    pick = sampling.picker(features.device)
    max_new_tokens = _picks_left(model, speaking.shape[1], max_new_tokens)
    with stepper(model, batch=2, n_positions=speaking.shape[1] + max_new_tokens) as replying:
        # 1) prefill: the shared prefix in row 0, copied to row 1, then the two last positions together
        with model.threads():
            row_0 = replying.cache.row(0)
            model(model.embed(speaking[None, :, :-1], features), row_0)
            replying.cache.fork(row_0)
            hidden = model(model.embed(torch.stack((speaking, writing))[:, :, -1:]), replying.cache)
            picks = picks_of(pick, logits_of(model, hidden, speaks=True, writes=True))
        text_ended = False
        for index in range(max_new_tokens):
            # 2) read what was picked
            audio, text = _read(picks, speaks=True, writes=not text_ended)
            # 3) stop
            if index > 0 and audio[-1] == END_OF_AUDIO:
                return
            yield Step(tuple(audio), None if text_ended else text)
            # 4) feed; the end of the text itself is fed once, to row 0 alone
            text_ended |= index > 0 and text == END_OF_TEXT
            rows = [(audio, text), ([AUDIO_PAD] * N_LAYERS, text)][: 1 if text_ended else 2]
            if index + 1 < max_new_tokens:
                with model.threads():
                    picks = replying.step(rows, pick, speaks=True, writes=not text_ended)


def _picks_left(model: MiniOmni, n_prompt: int, max_new_tokens: int) -> int:
    """Give how many picks there is room for; the last one needs no position of its own."""
    room = model.config.block_size - n_prompt + 1
    if room < 1:
        raise ValueError(f"the prompt has {n_prompt} positions, the model has {model.config.block_size}")
    return min(max_new_tokens, room)


def _read(picks: Tensor, *, speaks: bool, writes: bool) -> tuple[list[int], int]:
    """Give the audio tokens and the text token, pad where none was picked; from a GPU in the one transfer of a step."""
    tokens = picks.tolist()
    return tokens[:N_LAYERS] if speaks else [AUDIO_PAD] * N_LAYERS, tokens[-1] if writes else TEXT_PAD
