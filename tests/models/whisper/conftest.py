"""A tiny Whisper for the tests of this folder, and one thread, which is faster for tiny tensors on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint, whole; not to be changed."""
    pytest.importorskip("transformers")
    from tests.models.whisper.checkpoints import write_whisper

    return write_whisper(tmp_path_factory.mktemp("whisper"))
