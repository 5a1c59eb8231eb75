"""What the tests of the hub share: a hub of their own, a small model on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.models.hub_server import COMMIT, Hub
from voicechat.models.published import File, Part, Published

LARGE = np.random.default_rng(0).bytes(3_500_000)
CONTENT = {
    "some/brain/config.yaml": b"n_layer: 1\n",
    "some/brain/brain.pth": LARGE,
    "some/ears/config.json": b"{}",
    "some/ears/ears.bin": LARGE[:50_000],
}

# As they lie in the model's folder.
FILES = {
    "checkpoint/config.yaml": CONTENT["some/brain/config.yaml"],
    "checkpoint/brain.pth": LARGE,
    "ears/config.json": b"{}",
    "ears/ears.bin": LARGE[:50_000],
}


def pinned(name: str, content: bytes) -> File:
    return File(name, len(content), hashlib.sha256(content).hexdigest())


MODEL = Published(
    name="small",
    summary="A small model",
    parts=(
        # As gpt-omni/mini-omni is: neither commit nor checksums are known.
        Part("checkpoint", "some/brain", "main", "MIT", (File("config.yaml", 10), File("brain.pth", 3_000_000))),
        Part(
            "ears",
            "some/ears",
            COMMIT,
            "Apache-2.0",
            (pinned("config.json", b"{}"), pinned("ears.bin", LARGE[:50_000])),
            instead="checkpoint/small.pt",
        ),
    ),
)


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a model's folder, the manifest excepted."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub that has the small model; HF_ENDPOINT leads to it, the hub's cache is empty, no token is known."""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    huggingface_hub.close_session()
    with Hub(dict(CONTENT)) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running
        huggingface_hub.close_session()
