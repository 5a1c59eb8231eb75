"""Models on this machine: fetched from a hub, continued, checked, removed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.models.conftest import CONTENT, FILES, LARGE, MODEL, contents
from tests.models.hub_server import COMMIT
from voicechat.errors import ModelError, RemoteError
from voicechat.models import hub as hub_module
from voicechat.models.hub import find, locate, models_folder, pull, remove, shown, verify
from voicechat.models.published import MODELS


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())["files"]


def stop_at(n_wanted: int):
    """Makes a progress callback that is Ctrl-C once so many bytes of the large file are there."""

    def progress(file: str, n_bytes: int, n_total: int) -> None:
        if file == "checkpoint/brain.pth" and n_bytes >= n_wanted:
            raise KeyboardInterrupt

    return progress


def test_a_pull_brings_every_file(hub, tmp_path):
    folder = pull(MODEL, tmp_path)

    assert contents(folder) == FILES
    assert find(MODEL, tmp_path).whole
    assert verify(MODEL, tmp_path) == []


def test_what_main_was_is_kept(hub, tmp_path):
    folder = pull(MODEL, tmp_path)

    assert {entry["revision"] for entry in manifest(folder).values()} == {COMMIT}
    asked = [request.path.split("/", 3)[3] for request in hub.asked("HEAD") if "brain" in request.path]
    assert asked[:2] == ["resolve/main/config.yaml", f"resolve/{COMMIT}/brain.pth"]
    assert all(COMMIT in request.path for request in hub.asked("GET") if "resolve" in request.path)


def test_a_second_pull_asks_for_nothing(hub, tmp_path):
    pull(MODEL, tmp_path)
    hub.requests.clear()

    pull(MODEL, tmp_path)

    assert hub.requests == []


def test_progress_tells_of_every_file_from_nothing_to_all(hub, tmp_path):
    told: dict[str, list[tuple[int, int]]] = {}

    pull(MODEL, tmp_path, progress=lambda file, n_bytes, n_total: told.setdefault(file, []).append((n_bytes, n_total)))

    assert told.keys() == FILES.keys()
    for file, steps in told.items():
        assert [n for n, _ in steps] == sorted(n for n, _ in steps)
        assert steps[-1] == (len(FILES[file]), len(FILES[file]))


def test_an_interrupted_pull_leaves_no_half_file_and_is_continued(hub, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        pull(MODEL, tmp_path, progress=stop_at(2_000_000))
    there = [path for path in contents(tmp_path / "small") if not path.endswith(".partial")]
    hub.requests.clear()

    pull(MODEL, tmp_path)

    assert there == ["checkpoint/config.yaml"]
    assert not any("/main/" in request.path for request in hub.requests)  # which may be another by now
    assert [r.range for r in hub.asked("GET") if r.path.endswith("brain.pth")] == ["bytes=2097152-"] * 2  # redirected
    assert contents(tmp_path / "small") == FILES


def test_a_model_that_came_in_part_says_so(hub, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "small", MODEL)
    with pytest.raises(KeyboardInterrupt):
        pull(MODEL, tmp_path, progress=stop_at(0))

    with pytest.raises(
        ModelError, match=r"small is incomplete: checkpoint/brain\.pth.*run: voicechat models pull small"
    ):
        locate("small", tmp_path)


def test_a_connection_that_is_cut_is_taken_up_where_it_ended(hub, tmp_path):
    hub.cut_after = 1_300_000

    pull(MODEL, tmp_path, pause_s=0)

    assert contents(tmp_path / "small") == FILES
    ranges = [r.range for r in hub.asked("GET") if r.path.startswith("/cdn/some/brain")]
    assert ranges[0] == ""
    assert len(ranges) == 2
    assert 0 < int(ranges[1].removeprefix("bytes=").rstrip("-")) <= 1_300_000


def test_a_server_that_knows_no_ranges_sends_it_all_again(hub, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        pull(MODEL, tmp_path, progress=stop_at(1))
    hub.ignores_range = True

    pull(MODEL, tmp_path)

    assert contents(tmp_path / "small") == FILES


@pytest.mark.parametrize("damage", ["damaged", "too_long"])
def test_bytes_that_are_not_the_promised_ones_are_deleted(hub, tmp_path, damage):
    setattr(hub, damage, True)

    with pytest.raises(RemoteError, match=r"checksum is wrong; try again|longer than the 11 bytes"):
        pull(MODEL, tmp_path, pause_s=0)

    assert [name for name, content in contents(tmp_path / "small").items() if content] == []
    setattr(hub, damage, False)
    pull(MODEL, tmp_path)
    assert contents(tmp_path / "small") == FILES


def test_a_file_that_is_not_the_pinned_one_is_refused_though_the_hub_vouches_for_it(hub, tmp_path):
    hub.files["some/ears/ears.bin"] = b"x" * 50_000

    with pytest.raises(RemoteError, match=r"ears\.bin came damaged and was deleted"):
        pull(MODEL, tmp_path)

    assert not (tmp_path / "small/ears/ears.bin").exists()


def test_without_room_nothing_is_fetched(hub, tmp_path):
    with pytest.raises(ModelError, match=r"not enough room .*: 3\.6 MB to fetch and 500\.0 MB to spare, 1\.0 MB free"):
        pull(MODEL, tmp_path, free_bytes=lambda folder: 1_000_000)

    assert hub.asked("GET") == []
    assert contents(tmp_path) == {".small.lock": b""}


def test_what_is_there_already_needs_no_room(hub, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        pull(MODEL, tmp_path, progress=stop_at(3_000_000))

    pull(MODEL, tmp_path, free_bytes=lambda folder: 500_600_000)

    assert find(MODEL, tmp_path).whole


def test_a_mirror_may_have_a_path_of_its_own(hub, tmp_path, monkeypatch):
    hub.prefix = "/mirrors/hf"
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.url}/")

    pull(MODEL, tmp_path)

    assert find(MODEL, tmp_path).whole
    assert all(request.path.startswith("/mirrors/hf/") for request in hub.requests)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": {}}, "cannot fetch config.yaml of some/brain from http://127.0.0.1:.*: it is not there"),
        ({"answer": 403}, "the answer was 403"),
        ({"answer": 500}, "the answer was 500"),
        ({"is_hub": False}, "does not answer as a hub does"),
    ],
)
def test_a_hub_that_refuses_is_quoted_in_one_line(hub, tmp_path, change, said):
    for name, value in change.items():
        setattr(hub, name, value)

    with pytest.raises(RemoteError, match=said) as error:
        pull(MODEL, tmp_path, pause_s=0)

    assert "\n" not in str(error.value)


def test_a_hub_that_is_not_there_is_said_not_to_be(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(RemoteError, match=r"cannot fetch config\.yaml of some/brain from http://127\.0\.0\.1:9: "):
        pull(MODEL, tmp_path)


def test_offline_nothing_is_asked(hub, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(RemoteError, match="HF_HUB_OFFLINE is set"):
        pull(MODEL, tmp_path)

    assert hub.requests == []


def test_a_server_that_dies_is_given_up_and_what_came_is_kept(hub, tmp_path):
    hub.cut_after = 1_200_000

    def dies(file: str, n_bytes: int, n_total: int) -> None:
        if file.endswith("brain.pth") and n_bytes > 0:
            hub.answer = 503

    with pytest.raises(RemoteError, match=r"the answer was 503; \d+ of 3500000 bytes are kept, pull again to go on"):
        pull(MODEL, tmp_path, progress=dies, pause_s=0)

    hub.answer = 0
    pull(MODEL, tmp_path)
    assert contents(tmp_path / "small") == FILES


def test_what_the_hubs_client_fetched_before_is_taken_from_its_cache(hub, tmp_path):
    cached = tmp_path / "hub-cache/models--some--ears/snapshots" / COMMIT
    cached.mkdir(parents=True)
    for name in ("config.json", "ears.bin"):
        (cached / name).write_bytes(CONTENT[f"some/ears/{name}"])

    pull(MODEL, tmp_path)

    assert contents(tmp_path / "small") == FILES
    assert not any("ears" in request.path for request in hub.requests)


def test_a_damaged_file_in_that_cache_is_fetched_instead(hub, tmp_path):
    cached = tmp_path / "hub-cache/models--some--ears/snapshots" / COMMIT
    cached.mkdir(parents=True)
    (cached / "ears.bin").write_bytes(b"x" * 50_000)

    pull(MODEL, tmp_path)

    assert contents(tmp_path / "small") == FILES


def test_only_one_process_at_a_time_changes_a_model(hub, tmp_path):
    def meanwhile(file: str, n_bytes: int, n_total: int) -> None:
        with pytest.raises(ModelError, match="is being changed by another voicechat"):
            remove(MODEL, tmp_path)

    pull(MODEL, tmp_path, progress=meanwhile)

    assert find(MODEL, tmp_path).whole


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"files": {"a": 1}}', '{"files": {"a": {"n_bytes": 1, "sha256": ""}}}']
)
def test_a_damaged_manifest_is_written_again_without_fetching_what_is_whole(hub, tmp_path, text):
    folder = pull(MODEL, tmp_path)
    (folder / "manifest.json").write_text(text)
    assert not find(MODEL, tmp_path).whole
    hub.requests.clear()

    pull(MODEL, tmp_path)

    assert hub.asked("GET") == []
    assert find(MODEL, tmp_path).whole


def test_bytes_of_a_version_that_is_not_wanted_any_more_are_deleted(hub, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        pull(MODEL, tmp_path, progress=stop_at(1))
    hub.files["some/brain/brain.pth"] = LARGE[::-1]

    folder = pull(MODEL, tmp_path)

    assert contents(folder) == FILES | {"checkpoint/brain.pth": LARGE[::-1]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_bytes(b"y" + LARGE[1:]), "checkpoint/brain.pth is not what was fetched"),
        (lambda path: path.write_bytes(LARGE[:-1]), "checkpoint/brain.pth is not what was fetched"),
        (lambda path: path.unlink(), "checkpoint/brain.pth is missing"),
    ],
)
def test_verify_names_what_is_wrong(hub, tmp_path, change, said):
    folder = pull(MODEL, tmp_path)

    change(folder / "checkpoint/brain.pth")

    assert verify(MODEL, tmp_path) == [said]


def test_a_model_is_removed_whole(hub, tmp_path):
    pull(MODEL, tmp_path)

    n_bytes = remove(MODEL, tmp_path)

    assert n_bytes > sum(map(len, FILES.values()))
    assert [path.name for path in tmp_path.iterdir() if path.name != "hub-cache"] == [".small.lock"]
    with pytest.raises(ModelError, match="small is not here"):
        remove(MODEL, tmp_path)


def test_without_weights_one_line_says_what_they_weigh_and_how_to_get_them(tmp_path):
    with pytest.raises(ModelError, match=r"^mini-omni needs 3\.8 GB of weights; run: voicechat models pull mini-omni$"):
        locate("mini-omni", tmp_path)


def test_models_are_kept_where_voicechat_home_says(voicechat_home):
    assert models_folder() == voicechat_home / "models"
    assert models_folder({}).name == "models"


def test_without_the_clients_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)

    with pytest.raises(ModelError, match=r"needs the package huggingface_hub; run: pip install 'voicechat\[models\]'"):
        pull(replace(MODEL, parts=MODEL.parts[:1]), tmp_path)


@pytest.mark.parametrize(
    ("n_bytes", "spelled"), [(0, "0 bytes"), (1_967, "2.0 kB"), (79_488_254, "79.5 MB"), (3_824_000_000, "3.8 GB")]
)
def test_sizes_are_spelled_for_people(n_bytes, spelled):
    assert shown(n_bytes) == spelled


def test_the_table_is_sound():
    for name, model in MODELS.items():
        files = [f"{part.folder}/{file.name}" for part in model.parts for file in part.files]
        assert name == model.name
        assert len(files) == len(set(files))
        for part in model.parts:
            assert part.revision == "main" or len(part.revision) == 40
            assert part.licence
            assert not part.instead or part.instead.split("/")[0] in [other.folder for other in model.parts]
            for file in part.files:
                assert len(file.sha256) in (0, 64)
                assert part.revision != "main" or not file.sha256
    assert hub_module.shown(MODELS["mini-omni"].n_bytes) == "3.8 GB"
