"""Where a model runs, and a GPU that is full."""

from __future__ import annotations

import pytest
import torch

from voicechat.errors import ConfigError
from voicechat.models.device import DeviceMemoryError, choose, memory_watched


@pytest.fixture
def gpus(monkeypatch):
    """Lets torch find so many NVIDIA GPUs, and Apple's or not."""

    def found(n_cuda: int, *, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cuda)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _=None: "a GPU")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return found


@pytest.mark.parametrize(
    ("n_cuda", "mps", "name", "reason"),
    [
        (0, False, "cpu", "torch finds no GPU here"),
        (1, False, "cuda", "a GPU"),
        (1, True, "cuda", "a GPU"),
        (0, True, "mps", "this Mac's GPU"),
    ],
)
def test_the_fastest_device_that_is_there_is_chosen_with_its_reason(gpus, n_cuda, mps, name, reason):
    gpus(n_cuda, mps=mps)

    choice = choose("auto")

    assert (choice.name, choice.reason) == (name, reason)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1", "mps"])
def test_a_device_that_is_there_is_taken(gpus, name):
    gpus(2, mps=True)

    assert choose(name).name == name


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7", "mps"])
def test_a_device_that_is_not_there_is_refused(gpus, name):
    gpus(0)

    with pytest.raises(ConfigError, match=f"no device '{name}' that torch can use; use 'auto' or 'cpu'"):
        choose(name)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cuda:-1"])
def test_a_name_that_is_none_is_refused(gpus, name):
    gpus(1)

    with pytest.raises(ConfigError, match=f"no device is called '{name}'; known: auto, cpu"):
        choose(name)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), RuntimeError("MPS backend out of memory")],
)
def test_a_full_gpu_is_told_from_other_errors(error):
    with pytest.raises(DeviceMemoryError, match="the memory of cuda is full"), memory_watched("cuda"):
        raise error
    with pytest.raises(RuntimeError, match="shapes"), memory_watched("cuda"):
        raise RuntimeError("shapes differ")


def test_a_full_gpu_is_known_by_the_error_that_came_first():
    error = RuntimeError("operation not permitted when stream is capturing")
    error.__context__ = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    with pytest.raises(DeviceMemoryError, match="the memory of cuda is full"), memory_watched("cuda"):
        raise error
