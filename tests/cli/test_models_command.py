"""`voicechat models`: what it prints, and that models are found and loaded without any network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import voicechat
from tests.cli.test_startup import heavy_modules_of
from tests.models.conftest import CONTENT, MODEL, hub  # noqa: F401  (a fixture)
from voicechat.cli import run
from voicechat.models.published import MODELS

ROOT = Path(voicechat.__file__).parent.parent

# Any attempt to reach a network ends the process; then all of a model is found and loaded.
OFFLINE = """
import dataclasses, os, sys
from pathlib import Path

def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print("network:", event, arguments, flush=True)
        os._exit(3)

sys.addaudithook(no_network)

from voicechat.models import hub, published
model = published.MODELS["mini-omni"]
unpinned = [
    dataclasses.replace(part, files=tuple(dataclasses.replace(file, sha256="") for file in part.files))
    for part in model.parts
]
published.MODELS["mini-omni"] = model = dataclasses.replace(model, parts=tuple(unpinned))
hub.import_folder(model, hub.models_folder(), Path(sys.argv[1]))
folder = hub.locate("mini-omni")

from voicechat.models.mini_omni import checkpoint, snac_checkpoint, tokenizer, whisper
checkpoint.load(folder / "checkpoint")
checkpoint.load_int8(folder / "checkpoint")
tokenizer.TextTokenizer(folder / "checkpoint" / "tokenizer.json")
whisper.load(whisper.located(folder))
snac_checkpoint.load(folder / "snac")
print("loaded")
if len(sys.argv) > 2:  # the hook can fail
    import socket
    socket.create_connection(("127.0.0.1", 9))
"""


@pytest.fixture
def small(monkeypatch):
    """A small model instead of those there are."""
    for name in list(MODELS):
        monkeypatch.delitem(MODELS, name)
    monkeypatch.setitem(MODELS, "small", MODEL)


def output_of(capsys, *arguments: str, code: int = 0) -> str:
    assert run(["models", *arguments]) == code
    printed = capsys.readouterr()
    return printed.out if code == 0 else printed.err


def test_what_is_not_here_is_listed_with_its_size_and_licences(capsys):
    lines = output_of(capsys, "list").splitlines()

    assert lines[0] == "NAME\tHERE\tSIZE\tLICENCE\tDESCRIPTION"
    assert lines[1].startswith("mini-omni\tno\t3.8 GB\tApache-2.0, MIT\t")


def test_the_list_as_json_names_every_file_and_revision(capsys):
    model = json.loads(output_of(capsys, "list", "--json"))[0]

    assert (model["name"], model["here"]) == ("mini-omni", "no")
    assert "checkpoint/lit_model.pth" in model["missing"]
    assert {part["repository"] for part in model["parts"]} == {part.repository for part in MODELS["mini-omni"].parts}
    assert all(part["revision"] and part["licence"] and part["files"] for part in model["parts"])


def test_a_model_is_pulled_found_checked_and_removed(hub, small, capsys, voicechat_home):  # noqa: F811
    folder = voicechat_home / "models/small"

    assert run(["models", "pull", "small"]) == 0
    pulled = capsys.readouterr()
    assert pulled.out == f"{folder}\n"
    assert "some/brain, 3.0 MB, licence MIT: https://huggingface.co/some/brain" in pulled.err
    assert output_of(capsys, "list").splitlines()[1].startswith("small\tyes\t")
    assert output_of(capsys, "path", "small") == f"{folder}\n"
    assert output_of(capsys, "verify", "small") == "small: every file is as it was fetched\n"
    assert output_of(capsys, "remove", "small") == "small: removed, 3.6 MB\n"
    assert "small needs 3.1 MB of weights" in output_of(capsys, "path", "small", code=1)


def test_the_licences_are_shown_before_anything_is_fetched(hub, small, capsys):  # noqa: F811
    hub.files = {}

    said = output_of(capsys, "pull", "small", code=1)

    assert said.index("licence Apache-2.0") < said.index("error: cannot fetch")


def test_a_damaged_model_is_an_error_that_names_the_file(hub, small, capsys, voicechat_home):  # noqa: F811
    run(["models", "pull", "small"])
    (voicechat_home / "models/small/ears/ears.bin").write_bytes(b"x")
    capsys.readouterr()

    said = output_of(capsys, "verify", "small", code=1)

    assert said.startswith("voicechat: error: small: ears/ears.bin is not what was fetched; run: voicechat models")
    assert output_of(capsys, "list").splitlines()[1].startswith("small\tin part\t")


def test_a_folder_is_imported(small, capsys, tmp_path, voicechat_home):
    for key, content in CONTENT.items():
        path = tmp_path / "stick" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    output_of(capsys, "pull", "small", "--from", str(tmp_path / "stick"))

    assert output_of(capsys, "path", "small") == f"{voicechat_home / 'models/small'}\n"


@pytest.mark.parametrize("command", ["pull", "path", "verify", "remove"])
def test_a_name_that_does_not_exist_is_a_usage_error(capsys, command):
    said = output_of(capsys, command, "mini-omi", code=2)

    assert "no model is called 'mini-omi'; did you mean 'mini-omni'?; known: mini-omni" in said


@pytest.mark.parametrize("command", ["path", "verify"])
def test_a_model_that_is_not_here_is_one_line_with_the_command_that_gets_it(capsys, command):
    said = output_of(capsys, command, "mini-omni", code=1)

    assert said == "voicechat: error: mini-omni needs 3.8 GB of weights; run: voicechat models pull mini-omni\n"


@pytest.mark.parametrize("arguments", [["models"], ["models", "pull", "--help"], ["models", "list"]], ids=" ".join)
def test_to_list_models_nothing_heavy_is_loaded(arguments):
    heavy, printed = heavy_modules_of(*arguments)

    assert not set(heavy) - {"numpy"}  # a table's cells are made safe by code that knows sound, too
    assert printed


def test_an_interrupted_pull_ends_as_one_and_says_that_nothing_is_lost(hub, small, capsys, monkeypatch):  # noqa: F811
    from voicechat.models import hub as models_hub

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(models_hub, "pull", interrupted)

    said = output_of(capsys, "pull", "small", code=130)

    assert said.endswith("interrupted; what came is kept, pull again to go on\n")


@pytest.mark.parametrize("reaches_out", [False, True])
def test_once_a_model_is_here_it_is_found_and_loaded_without_any_network(tmp_path, reaches_out):
    for package in ("torch", "safetensors", "tokenizers", "yaml"):
        pytest.importorskip(package)
    from tests.models.mini_omni.checkpoints import write_model

    source = write_model(tmp_path / "stick")

    ended = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(source), *(["out"] if reaches_out else [])],
        cwd=ROOT,
        env=os.environ | {"VOICECHAT_HOME": str(tmp_path / "home"), "HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert ended.stdout.startswith("loaded"), ended.stderr
    assert ended.returncode == (3 if reaches_out else 0)
