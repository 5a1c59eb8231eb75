"""Models from a folder that was copied by hand."""

from __future__ import annotations

import shutil

import pytest

from tests.models.conftest import CONTENT, FILES, MODEL, contents
from tests.models.hub_server import COMMIT
from voicechat.errors import ModelError
from voicechat.models.hub import find, import_folder, pull, verify

LAYOUTS = {
    "ours": ("checkpoint", "ears"),
    "clones": ("brain", "ears"),
    "by owner": ("some/brain", "some/ears"),
    "the hub's cache": (f"models--some--brain/snapshots/{COMMIT}", f"models--some--ears/snapshots/{COMMIT}"),
    "the demo's": (".", "ears"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_copied_by_hand_is_imported(tmp_path, layout):
    source = tmp_path / "stick"
    for folder, part in zip(LAYOUTS[layout], MODEL.parts, strict=True):
        (source / folder).mkdir(parents=True, exist_ok=True)
        for file in part.files:
            (source / folder / file.name).write_bytes(CONTENT[f"{part.repository}/{file.name}"])

    folder = import_folder(MODEL, tmp_path / "models", source)
    shutil.rmtree(source)

    assert contents(folder) == FILES
    assert find(MODEL, tmp_path / "models").whole
    assert verify(MODEL, tmp_path / "models") == []


def test_a_file_may_stand_in_for_a_part(tmp_path):
    source = tmp_path / "checkpoint-of-the-demo"
    source.mkdir()
    for name in ("config.yaml", "brain.pth"):
        (source / name).write_bytes(CONTENT[f"some/brain/{name}"])
    (source / "small.pt").write_bytes(b"ears")

    folder = import_folder(MODEL, tmp_path / "models", source)

    assert sorted(contents(folder)) == ["checkpoint/brain.pth", "checkpoint/config.yaml", "checkpoint/small.pt"]
    assert find(MODEL, tmp_path / "models").whole


def test_a_folder_that_lacks_files_is_not_imported(tmp_path):
    (tmp_path / "brain").mkdir()
    (tmp_path / "brain/config.yaml").write_bytes(b"x")

    with pytest.raises(ModelError, match=r"lacks checkpoint/brain\.pth, ears/config\.json, ears/ears\.bin"):
        import_folder(MODEL, tmp_path / "models", tmp_path)

    assert not (tmp_path / "models").exists()


def test_a_folder_with_another_file_under_a_known_name_is_not_imported(tmp_path):
    for key, content in FILES.items():
        (tmp_path / key).parent.mkdir(exist_ok=True)
        (tmp_path / key).write_bytes(content)
    (tmp_path / "ears/ears.bin").write_bytes(b"x" * 50_000)

    with pytest.raises(ModelError, match=r"ears\.bin is not the published file: its checksum is wrong"):
        import_folder(MODEL, tmp_path / "models", tmp_path)

    assert not find(MODEL, tmp_path / "models").whole


def test_importing_the_models_own_folder_changes_nothing(hub, tmp_path):
    folder = pull(MODEL, tmp_path)

    import_folder(MODEL, tmp_path, folder)

    assert contents(folder) == FILES
