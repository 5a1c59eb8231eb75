"""A tiny Whisper for the tests of this folder, and one thread, which is faster for tiny tensors on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    pytest.importorskip("torch")
    from voicechat.models.mini_omni import kernels

    with kernels.one_torch_thread():
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint, whole; not to be changed."""
    pytest.importorskip("transformers")
    from tests.models.whisper.checkpoints import write_whisper

    return write_whisper(tmp_path_factory.mktemp("whisper"))
