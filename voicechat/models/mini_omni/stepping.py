"""One position after another through the model, and what is picked from: run as it is, or as a CUDA graph.

On a GPU a step is a thousand small kernels, and launching them takes longer than their work. A `StaticStep` has all
shapes fixed and all state in tensors, so that a graph of it, greedy picks included, can be replayed in one launch;
nothing waits for the GPU until the picks are read. On the CPU the same code runs without a graph: that is how it is
tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from voicechat.models.mini_omni.model import KVCache, MiniOmni
from voicechat.models.mini_omni.tokens import N_LAYERS, audio_id

Row = tuple[list[int], int]  # a position's audio tokens and its text token
Logits = tuple[Tensor | None, Tensor | None]  # of row 0's audio (7, AUDIO_VOCAB), of the last row's text (TEXT_VOCAB,)
Pick = Callable[[Tensor], Tensor]  # logits (..., V) -> int64 (...)

_Graph = tuple[torch.cuda.CUDAGraph, Logits, Tensor]  # the tensors are what each replay writes to


class Stepper(Protocol):
    """Feeds positions to a model; it holds a reply's state."""

    model: MiniOmni
    cache: KVCache

    def step(self, rows: list[Row], pick: Pick, *, speaks: bool, writes: bool) -> Tensor:
        """Feed one position to the first len(rows) rows; give what is picked, see `picks_of`."""
        ...


class EagerStepper:
    """Runs each step as it comes."""

    def __init__(self, model: MiniOmni, *, batch: int, n_positions: int) -> None:
        self.model = model
        self.cache = KVCache(model.config, batch=batch, n_positions=n_positions, like=model.transformer.ln_f.weight)
        self._rows = self.cache

    def step(self, rows: list[Row], pick: Pick, *, speaks: bool, writes: bool) -> Tensor:
        if len(rows) < len(self._rows):
            self._rows = self._rows.row(0)
        hidden = self.model(self.model.embed(position_ids(rows).to(self._rows.keys.device)), self._rows)
        return picks_of(pick, logits_of(self.model, hidden, speaks=speaks, writes=writes))


class StaticStepper:
    """Runs each step with the same shapes, on a GPU as a graph. It may be used for one reply after another."""

    def __init__(self, model: MiniOmni, *, batch: int) -> None:
        like = model.transformer.ln_f.weight
        self.model = model
        self.cache = KVCache(model.config, batch=batch, n_positions=model.config.block_size, like=like)
        self._ids = torch.zeros(batch, N_LAYERS + 1, 1, dtype=torch.int64, device=like.device)
        self._position = torch.zeros(1, dtype=torch.int64, device=like.device)
        self._graphs: dict[tuple[int, bool, bool], _Graph] = {}

    def step(self, rows: list[Row], pick: Pick, *, speaks: bool, writes: bool) -> Tensor:
        self._ids[: len(rows)].copy_(position_ids(rows), non_blocking=True)
        self._position.fill_(self.cache.position)
        self.cache.position += 1
        key = (len(rows), speaks, writes)
        logits, likeliest = self._replayed(*key) if self._ids.device.type == "cuda" else self._compute(*key)
        return likeliest if pick is greedy else picks_of(pick, logits)

    def _compute(self, n_rows: int, speaks: bool, writes: bool) -> tuple[Logits, Tensor]:
        """Give the logits, and the greedy picks."""
        embedded = self.model.embed(self._ids[:n_rows])
        hidden = self.model.forward_at(embedded, self.cache, self._position)
        logits = logits_of(self.model, hidden, speaks=speaks, writes=writes)
        return logits, picks_of(greedy, logits)

    def _replayed(self, n_rows: int, speaks: bool, writes: bool) -> tuple[Logits, Tensor]:
        key = (n_rows, speaks, writes)
        with torch.cuda.device(self._ids.device):  # streams and graphs are those of the current one
            if key not in self._graphs:
                self._graphs[key] = self._captured(*key)
            graph, logits, likeliest = self._graphs[key]
            graph.replay()
        return logits, likeliest

    def _captured(self, n_rows: int, speaks: bool, writes: bool) -> _Graph:
        """Record a step. What is tried before writes only what the replay writes again."""
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries set themselves up on first use, which no graph may hold
            for _ in range(2):
                self._compute(n_rows, speaks, writes)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits, likeliest = self._compute(n_rows, speaks, writes)
        return graph, logits, likeliest


@contextmanager
def stepper(model: MiniOmni, *, batch: int, n_positions: int) -> Iterator[Stepper]:
    """Give what runs a reply's steps; its cache is empty. On a GPU it comes from the last reply, graphs and all."""
    if not wants_graphs(model.transformer.ln_f.weight.device):
        yield EagerStepper(model, batch=batch, n_positions=n_positions)
        return
    idle = model.idle_steppers.setdefault(batch, [])
    static = idle.pop() if idle else StaticStepper(model, batch=batch)
    static.cache.position = 0
    try:
        yield static
    finally:
        idle.append(static)


def wants_graphs(device: torch.device) -> bool:
    return device.type == "cuda"


def logits_of(model: MiniOmni, hidden: Tensor, *, speaks: bool, writes: bool) -> Logits:
    """Give row 0's audio logits and the last row's text logits, those that are asked for."""
    return (
        model.audio_logits(hidden[:1])[0] if speaks else None,
        model.text_logits(hidden[-1:])[0] if writes else None,
    )


def greedy(logits: Tensor) -> Tensor:
    """Pick the likeliest."""
    return logits.argmax(dim=-1)


def picks_of(pick: Pick, logits: Logits) -> Tensor:
    """Pick from the logits there are: int64, the seven audio tokens, then the text token."""
    return torch.cat([pick(of).reshape(-1) for of in logits if of is not None])


def position_ids(rows: list[Row]) -> Tensor:
    """Give the ids (len(rows), 8, 1) of one position."""
    ids = [[*(audio_id(layer, token) for layer, token in enumerate(audio)), text] for audio, text in rows]
    return torch.tensor(ids)[:, :, None]
