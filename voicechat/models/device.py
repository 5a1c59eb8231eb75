"""Where a model runs: the choice among an NVIDIA GPU, Apple's and the CPU with its reason, and a GPU that is full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from voicechat.errors import ConfigError, ModelError


class DeviceMemoryError(ModelError):
    """Raised when a GPU has not enough memory left."""


@dataclass(frozen=True)
class Choice:
    """A device and why it was chosen."""

    name: str  # as torch has it: "cuda", "cuda:1", "mps", "cpu"
    reason: str

    @property
    def is_cpu(self) -> bool:
        return self.name == "cpu"


def choose(requested: str) -> Choice:
    """Choose a device that is there.

    Args:
        requested: "auto", "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        ConfigError: If it is none of these, or is not there.
    """
    import torch

    if requested == "cpu":
        return Choice("cpu", "as was asked for")
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if requested == "auto":
        if cuda:
            return Choice("cuda", torch.cuda.get_device_name())
        if mps:
            return Choice("mps", "this Mac's GPU")
        return Choice("cpu", "torch finds no GPU here")
    if requested == "mps" and mps:
        return Choice("mps", "as was asked for")
    found = re.fullmatch(r"cuda(?::(\d+))?", requested)
    if found and cuda and int(found[1] or 0) < torch.cuda.device_count():
        return Choice(requested, torch.cuda.get_device_name(requested))
    if found or requested == "mps":
        raise ConfigError(f"there is no device {requested!r} that torch can use; use 'auto' or 'cpu'")
    raise ConfigError(f"no device is called {requested!r:.80}; known: auto, cpu, cuda, cuda:1 ..., mps")


@contextmanager
def memory_watched(device: str) -> Iterator[None]:
    """Turn what torch raises when a GPU is full into a DeviceMemoryError."""
    try:
        yield
    except RuntimeError as exc:  # torch.OutOfMemoryError is one; MPS raises the plain class
        if device == "cpu" or not _says_memory_is_full(exc):
            raise
        raise DeviceMemoryError(f"the memory of {device} is full") from exc


def _says_memory_is_full(error: BaseException | None) -> bool:
    """Tell whether this error says so, or the one it came up in: a graph that is cut off raises another."""
    return error is not None and ("out of memory" in str(error) or _says_memory_is_full(error.__context__))
