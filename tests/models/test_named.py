"""Where a model is that the user named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from voicechat.errors import ModelError
from voicechat.models import hub
from voicechat.models.named import folder_of

pytest.importorskip("huggingface_hub")


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The hub's own cache, empty."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cached(cache: Path, owner: str, name: str) -> Path:
    """Put a repository where huggingface_hub puts it."""
    repository = cache / f"models--{owner}--{name}"
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    (snapshot / "config.json").write_text("{}")
    return snapshot


def pulled(name: str, part: str = "checkpoint") -> Path:
    """Put a published model where `voicechat models pull` puts it, empty files of the right size in it."""
    from voicechat.models.published import MODELS

    folder = hub.models_folder() / name
    entries = {}
    for file in MODELS[name].parts[0].files:
        path = folder / part / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
        entries[f"{part}/{file.name}"] = {"repository": "r", "revision": "v", "n_bytes": 2, "sha256": "s"}
    (folder / "manifest.json").write_text(json.dumps({"version": 1, "files": entries}))
    return folder / part


def test_a_folder_is_itself(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")

    assert folder_of(str(tmp_path)) == tmp_path


def test_an_id_of_the_hub_is_found_in_its_cache(cache: Path):
    snapshot = cached(cache, "some", "model")

    assert folder_of("some/model") == snapshot


def test_an_id_that_was_pulled_is_not_looked_for_elsewhere(cache: Path):
    folder = pulled("whisper-tiny")

    assert folder_of("openai/whisper-tiny") == folder
    assert folder_of("whisper-tiny") == folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("whisper-tiny", "whisper-tiny needs .* of weights; run: voicechat models pull whisper-tiny"),
        ("openai/whisper-tiny", "openai/whisper-tiny is not on this machine; run: voicechat models pull whisper-tiny"),
        ("some/model", "some/model is not on this machine; run: hf download some/model"),
        ("some/mo del", "no model is called 'some/mo del'"),
        ("whisper", "no model is called 'whisper'; known: .*whisper-small"),
        ("./nowhere", "no model is called './nowhere'"),
        ("/nowhere/at/all", "no model is called '/nowhere/at/all'"),
        ("", "no model is called ''"),
    ],
)
def test_what_is_not_here_is_an_error_that_says_how_to_get_it(cache: Path, name: str, message: str):
    with pytest.raises(ModelError, match=message):
        folder_of(name)


def test_a_folder_without_a_model_is_an_error(tmp_path: Path):
    with pytest.raises(ModelError, match="holds no model: it has no config"):
        folder_of(str(tmp_path))
