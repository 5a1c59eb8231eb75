"""A checkpoint's files: every layout, every damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from voicechat.errors import ModelError  # noqa: E402
from voicechat.models.whisper import checkpoint  # noqa: E402


@pytest.fixture
def own(folder: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(folder, tmp_path / "own"))


def change(path: Path, **values: object) -> None:
    """Set keys of a JSON file; None removes one."""
    settings = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in settings.items() if value is not None}))


def same(first: checkpoint.Parts, second: checkpoint.Parts) -> bool:
    ours, others = first.decoder.state_dict(), second.decoder.state_dict()
    return first.rules == second.rules and all(torch.equal(ours[name], others[name]) for name in ours)


def test_the_rules_are_those_of_the_generation_config(folder: Path):
    rules = checkpoint.load(folder).rules
    settings = json.loads((folder / "generation_config.json").read_text())

    assert rules.suppressed == tuple(settings["suppress_tokens"])
    assert rules.suppressed_first == tuple(settings["begin_suppress_tokens"])
    assert rules.alignment_heads == ((0, 1), (1, 0), (1, 3))
    assert rules.multilingual


def test_without_a_generation_config_an_older_config_says_them(folder: Path, own: Path):
    settings = json.loads((own / "generation_config.json").read_text())
    (own / "generation_config.json").unlink()
    change(own / "config.json", suppress_tokens=settings["suppress_tokens"], begin_suppress_tokens=[7])

    rules = checkpoint.load(own).rules

    assert rules.suppressed == tuple(settings["suppress_tokens"])
    assert rules.suppressed_first == (7,)
    assert rules.alignment_heads == tuple((1, head) for head in range(4))  # the upper half
    assert not rules.multilingual  # too few ids


def test_several_files_are_read_as_one(folder: Path, own: Path):
    from safetensors.torch import load_file, save_file

    state = load_file(own / "model.safetensors")
    names = sorted(state)
    halves = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for name, keys in halves.items():
        save_file({key: state[key] for key in keys}, own / name)
    weight_map = {key: name for name, keys in halves.items() for key in keys}
    (own / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (own / "model.safetensors").unlink()

    assert same(checkpoint.load(own), checkpoint.load(folder))


def test_torchs_own_format_is_read_too(folder: Path, own: Path):
    from safetensors.torch import load_file

    torch.save(load_file(own / "model.safetensors"), own / "pytorch_model.bin")
    (own / "model.safetensors").unlink()

    assert same(checkpoint.load(own), checkpoint.load(folder))


def test_half_precision_on_disk_is_whole_in_memory(own: Path):
    from safetensors.torch import load_file, save_file

    state = {name: tensor.half() for name, tensor in load_file(own / "model.safetensors").items()}
    save_file(state, own / "model.safetensors")

    parts = checkpoint.load(own)

    assert {tensor.dtype for tensor in parts.decoder.state_dict().values()} == {torch.float32}
    assert checkpoint.load(own, precision="bfloat16").decoder.layer_norm.weight.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda own: (own / "config.json").unlink(), "cannot read .*config.json"),
        (lambda own: (own / "tokenizer.json").unlink(), "cannot read .*tokenizer.json"),
        (lambda own: (own / "model.safetensors").unlink(), "has no weights: there is no model.safetensors"),
        (lambda own: (own / "model.safetensors").write_bytes(b"x" * 90), "cannot load .*model.safetensors"),
        (lambda own: (own / "config.json").write_text("{"), "config.json: not valid JSON"),
        (lambda own: change(own / "config.json", model_type="bert"), "model_type must be 'whisper', not 'bert'"),
        (lambda own: change(own / "config.json", d_model=None), "d_model is missing"),
        (lambda own: change(own / "config.json", d_model="big"), "d_model must be a whole number"),
        (lambda own: change(own / "config.json", d_model=30), "attention_heads must divide d_model 30, not 4"),
        (lambda own: change(own / "config.json", decoder_layers=3), "does not hold this model's .* tensors"),
        (lambda own: change(own / "config.json", vocab_size=99), "odd: decoder.embed_tokens.weight"),
        (
            lambda own: change(own / "generation_config.json", suppress_tokens="all"),
            "suppress_tokens must be a list of ids, not 'all'",
        ),
        (
            lambda own: change(own / "generation_config.json", alignment_heads=[[9, 0]]),
            "alignment_heads has a head that the model has not",
        ),
        (lambda own: change(own / "generation_config.json", alignment_heads=[[1]]), "alignment_heads has a head"),
    ],
)
def test_damage_is_one_line_that_names_the_file(own: Path, damage: Callable[[Path], object], message: str):
    damage(own)

    with pytest.raises(ModelError, match=message) as caught:
        checkpoint.load(own)

    assert "\n" not in str(caught.value)
