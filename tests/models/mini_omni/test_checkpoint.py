"""Mini-Omni's checkpoint: sizes and tensors, every one checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
yaml = pytest.importorskip("yaml")

from tests.models.mini_omni import checkpoints  # noqa: E402
from voicechat.errors import ModelError  # noqa: E402
from voicechat.models import weights  # noqa: E402
from voicechat.models.mini_omni import checkpoint  # noqa: E402
from voicechat.models.mini_omni.model import ModelConfig  # noqa: E402

TIED = replace(checkpoints.TINY, tie_word_embeddings=True)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return checkpoints.write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def folder(written, tmp_path) -> Path:
    """A checkpoint of this test's own; the large file is the same."""
    for path in written.iterdir():
        if path.name != checkpoint.CONVERTED:
            (tmp_path / path.name).hardlink_to(path)
    return tmp_path


def write_config(folder: Path, **changes: object) -> Path:
    path = folder / "model_config.yaml"
    path.unlink(missing_ok=True)
    path.write_text(yaml.safe_dump({k: v for k, v in {**checkpoints.settings(), **changes}.items() if v is not ...}))
    return path


def same(one, other) -> bool:
    """Whether two models have the same tensors."""
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_published_config_gives_the_sizes(folder):
    assert checkpoint.read_config(folder / "model_config.yaml") == checkpoints.TINY


def test_the_config_of_the_real_model_gives_the_default_sizes(tmp_path):
    path = write_config(tmp_path, **vars(ModelConfig()))

    assert checkpoint.read_config(path) == ModelConfig()


def test_what_litgpt_leaves_out_is_what_litgpt_means(tmp_path):
    path = write_config(tmp_path, head_size=None, n_query_groups=None, whisper_adapter_dim=...)

    config = checkpoint.read_config(path)

    assert (config.head_size, config.n_query_groups, config.whisper_adapter_dim) == (8, 4, 768)


def test_the_adapters_that_the_reference_turns_off_are_no_error(tmp_path):
    assert checkpoint.read_config(write_config(tmp_path, post_adapter=True)) == checkpoints.TINY


def test_a_key_that_nobody_knows_is_a_warning(tmp_path, caplog):
    assert checkpoint.read_config(write_config(tmp_path, sliding_window=7)) == checkpoints.TINY
    assert "nobody here knows it: sliding_window" in caplog.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_layer": 0}, "n_layer must be a whole number from 1 to 1000, not 0"),
        ({"n_layer": -3}, "n_layer must be a whole number .* not -3"),
        ({"n_layer": 10**9}, "n_layer must be .* not 1000000000"),
        ({"n_layer": "many"}, "n_layer must be a whole number .* not 'many'"),
        ({"n_layer": True}, "n_layer must be a whole number .* not True"),
        ({"n_embd": 32.5}, "n_embd must be a whole number .* not 32.5"),
        ({"n_embd": [32]}, r"n_embd must be a whole number .* not \[32\]"),
        ({"n_layer": None}, "n_layer is missing"),
        ({"n_embd": ...}, "n_embd is missing"),
        ({"n_query_groups": 3}, "n_query_groups must divide n_head 4, not 3"),
        ({"head_size": 7}, "head_size must be even, not 7"),
        ({"padded_vocab_size": 152000}, "padded_vocab_size must be 181120, not 152000; it is another model"),
        ({"audio_vocab_size": 1}, "audio_vocab_size must be 4160, not 1"),
        ({"norm_class_name": "LayerNorm"}, "norm_class_name must be 'RMSNorm', not 'LayerNorm'"),
        ({"bias": True}, "bias must be False, not True"),
        ({"rotary_percentage": 0.25}, "rotary_percentage must be 1.0, not 0.25"),
        ({"asr_adapter": "mlp"}, "asr_adapter must be 'llamamlp', not 'mlp'"),
        ({"norm_eps": 0}, "norm_eps must be a number above 0, not 0"),
        ({"rope_base": float("nan")}, "rope_base must be a number above 0, not nan"),
        ({"tie_word_embeddings": "maybe"}, "tie_word_embeddings must be true or false, not 'maybe'"),
        ({"whisper_adapter_dim": 0}, "whisper_adapter_dim must be a whole number .* not 0"),
    ],
)
def test_an_odd_size_is_refused_by_its_key_and_value(tmp_path, changes, said):
    with pytest.raises(ModelError, match=said) as error:
        checkpoint.read_config(write_config(tmp_path, **changes))

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["", "[1, 2]", "a: [", "7", "{" * 60_000, "x" * 100_000, "a: \x00"],
    ids=["empty", "list", "open", "number", "deep", "long", "nul"],
)
def test_a_config_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "model_config.yaml").write_text(text)

    with pytest.raises(ModelError, match="get it again") as error:
        checkpoint.read_config(tmp_path / "model_config.yaml")

    assert "\n" not in str(error.value)


def test_a_config_that_tries_to_run_code_runs_none(tmp_path):
    path = tmp_path / "model_config.yaml"
    path.write_text(f"n_layer: !!python/object/apply:os.mkdir ['{tmp_path / 'ran'}']")

    with pytest.raises(ModelError, match="not valid YAML"):
        checkpoint.read_config(path)

    assert not (tmp_path / "ran").exists()


def test_numbers_that_yaml_reads_as_text_are_numbers(tmp_path):
    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("norm_eps: 1.0e-06", "norm_eps: 1e-06"))

    assert checkpoint.read_config(path).norm_eps == 1e-6


def test_the_first_load_converts_and_the_next_reads_no_pickle(folder, monkeypatch):
    first = checkpoint.load(folder)
    monkeypatch.setattr(weights, "read_pickle", None)

    assert (folder / "model.safetensors").exists()
    assert same(checkpoint.load(folder), first)


def test_what_is_loaded_is_what_was_written(folder):
    state = checkpoints.random_model()

    for _ in ("from the pickle", "converted"):
        loaded = checkpoint.load(folder).state_dict()
        assert {name: torch.equal(tensor, state[name]) for name, tensor in loaded.items()} == dict.fromkeys(state, True)


def test_the_pickle_can_be_deleted_once_it_is_converted(folder):
    first = checkpoint.load(folder)
    (folder / "lit_model.pth").unlink()

    assert same(checkpoint.load(folder), first)


def test_another_pickle_is_converted_anew(folder):
    first = checkpoint.load(folder)
    (folder / "lit_model.pth").unlink()
    torch.save(checkpoints.random_model(seed=1), folder / "lit_model.pth")

    second = checkpoint.load(folder)

    assert not same(second, first)
    assert same(checkpoint.load(folder), second)


def test_without_conversion_nothing_is_written_and_the_model_is_the_same(folder):
    before = sorted(folder.iterdir())

    model = checkpoint.load(folder, convert=False)

    assert sorted(folder.iterdir()) == before
    assert same(checkpoint.load(folder), model)


@pytest.mark.parametrize("with_head", [True, False])
def test_tied_embeddings_are_one_tensor(tmp_path, with_head):
    state = checkpoints.random_model(TIED)
    if not with_head:
        del state[checkpoint.HEAD]
    checkpoints.write_checkpoint(tmp_path, state, TIED)

    for _ in ("from the pickle", "converted"):
        model = checkpoint.load(tmp_path)
        assert model.lm_head.weight.data_ptr() == model.transformer.wte.weight.data_ptr()
        assert torch.equal(model.lm_head.weight, state[checkpoint.EMBEDDING])
    n_stored = (tmp_path / "model.safetensors").stat().st_size
    assert n_stored < 1.3 * state[checkpoint.EMBEDDING].nbytes


def test_an_untied_head_that_is_missing_is_said_to_be(folder):
    state = checkpoints.random_model()
    del state[checkpoint.HEAD]
    (folder / "lit_model.pth").unlink()
    torch.save(state, folder / "lit_model.pth")

    with pytest.raises(ModelError, match=r"1 missing: lm_head\.weight"):
        checkpoint.load(folder)


def test_tensors_of_another_size_are_counted_and_named(folder):
    write_config(folder, n_layer=1, intermediate_size=60)

    with pytest.raises(ModelError, match=r"6 odd: .* is \(64, 24\), not \(60, 24\).*; 8 unknown: transformer.h.1"):
        checkpoint.load(folder)


def test_a_state_as_training_leaves_it_is_found(folder):
    state = checkpoints.random_model()
    (folder / "lit_model.pth").unlink()
    torch.save({"model": state, "step": 3}, folder / "lit_model.pth")

    assert torch.equal(checkpoint.load(folder).lm_head.weight, state[checkpoint.HEAD])


@pytest.mark.parametrize("name", ["lit_model.pth", "model_config.yaml"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()

    with pytest.raises(ModelError, match=name):
        checkpoint.load(folder)


def test_a_truncated_checkpoint_is_refused(folder):
    data = (folder / "lit_model.pth").read_bytes()
    (folder / "lit_model.pth").unlink()
    (folder / "lit_model.pth").write_bytes(data[: len(data) // 2])

    with pytest.raises(ModelError, match="cut short"):
        checkpoint.load(folder)

    assert not (folder / "model.safetensors").exists()


def test_weights_can_be_had_in_another_precision(folder):
    model = checkpoint.load(folder, dtype=torch.bfloat16)

    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_the_model_is_ready_to_be_used_and_not_to_be_trained(folder):
    model = checkpoint.load(folder)

    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("config", [checkpoints.TINY, TIED])
def test_8_bit_weights_are_made_once_and_kept(tmp_path, monkeypatch, config):
    checkpoints.write_checkpoint(tmp_path, config=config)
    first = checkpoint.load_int8(tmp_path)
    monkeypatch.setattr(checkpoint, "quantize_model", None)

    second = checkpoint.load_int8(tmp_path)

    assert same(first, second)
    assert first.lm_head.weight.dtype == torch.int8
    assert (second.lm_head.weight.data_ptr() == second.transformer.wte.weight.data_ptr()) == config.tie_word_embeddings
    assert not (tmp_path / "model.safetensors").exists()  # the others are not needed


def test_8_bit_weights_of_another_checkpoint_or_another_form_are_made_anew(folder):
    checkpoint.load_int8(folder)
    (folder / "lit_model.pth").unlink()
    torch.save(checkpoints.random_model(seed=1), folder / "lit_model.pth")
    second = checkpoint.load_int8(folder)
    source = f"int8 {weights.fingerprint(folder / 'lit_model.pth')}"
    weights.keep({"lm_head.weight": torch.ones(3)}, folder / "model.int8.safetensors", source=source)

    third = checkpoint.load_int8(folder)

    assert same(second, third)
    assert same(checkpoint.load_int8(folder), third)
