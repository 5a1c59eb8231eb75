"""Tensors from files that nobody vouches for."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402

from voicechat.errors import ModelError  # noqa: E402
from voicechat.models import weights  # noqa: E402

STATE = {"a.weight": torch.arange(12.0).reshape(4, 3), "b": torch.ones(5, dtype=torch.float16)}
SHAPES = {name: tuple(tensor.shape) for name, tensor in STATE.items()}


class Evil:
    """Unpickled, it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def pickled(what: object = STATE) -> bytes:
    buffer = io.BytesIO()
    torch.save(what, buffer)
    return buffer.getvalue()


def only_model_error(path: Path, data: bytes) -> None:
    """Load damaged bytes: either they are refused in one line, or they still hold the right tensors' shapes."""
    path.write_bytes(data)
    said = ""
    try:
        weights.checked(weights.read_pickle(path), SHAPES, path)
    except ModelError as error:
        said = str(error)
    assert "\n" not in said


PICKLED = pickled()


def test_a_pickle_gives_its_tensors(tmp_path):
    (tmp_path / "x.pth").write_bytes(PICKLED)

    state = weights.checked(weights.read_pickle(tmp_path / "x.pth"), SHAPES, tmp_path / "x.pth")

    assert {name: tensor.tolist() for name, tensor in state.items()} == {n: t.tolist() for n, t in STATE.items()}


def test_a_pickle_of_old_torch_is_read_too(tmp_path):
    torch.save(STATE, tmp_path / "x.pth", _use_new_zipfile_serialization=False)

    assert weights.read_pickle(tmp_path / "x.pth")["b"].tolist() == [1.0] * 5


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_tries_to_run_code_runs_none(tmp_path, zipped):
    trap = tmp_path / "ran"
    path = tmp_path / "x.pth"
    path.write_bytes(pickled({"a.weight": Evil(trap)}) if zipped else pickle.dumps({"a.weight": Evil(trap)}))

    with pytest.raises(ModelError, match=r"code from it is never run|not a checkpoint") as error:
        weights.read_pickle(path)

    assert not trap.exists()
    assert "\n" not in str(error.value)


def test_the_error_says_that_code_was_in_it(tmp_path):
    (tmp_path / "x.pth").write_bytes(pickled({"a": Evil(tmp_path / "ran")}))

    with pytest.raises(ModelError, match="holds more than tensors, and code from it is never run"):
        weights.read_pickle(tmp_path / "x.pth")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99])
def test_a_file_that_was_cut_short_is_refused(tmp_path, share):
    path = tmp_path / "x.pth"
    path.write_bytes(PICKLED[: int(len(PICKLED) * share)])

    with pytest.raises(ModelError, match="damaged, cut short, or not a checkpoint; get it again"):
        weights.read_pickle(path)


@pytest.mark.parametrize(
    "data", [b"<!DOCTYPE html>", b"\x00" * 1000, b"PK\x03\x04" + b"x" * 100, b"version https://git"]
)
def test_a_file_of_something_else_is_refused(tmp_path, data):
    (tmp_path / "x.pth").write_bytes(data)

    with pytest.raises(ModelError, match="not a checkpoint"):
        weights.read_pickle(tmp_path / "x.pth")


@settings(deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, len(PICKLED) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damage_anywhere_ends_in_one_clear_error(tmp_path_factory, flips):
    data = bytearray(PICKLED)
    for position, byte in flips:
        data[position] = byte

    only_model_error(tmp_path_factory.getbasetemp() / "damaged.pth", bytes(data))


@settings(deadline=None)
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
def test_damage_in_the_pickle_itself_ends_in_one_clear_error(tmp_path_factory, flips):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(PICKLED)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            data = bytearray(old.read(member))
            if member.filename.endswith("data.pkl"):
                for share, byte in flips:
                    data[int(share * len(data))] = byte
            new.writestr(member.filename, bytes(data))

    only_model_error(tmp_path_factory.getbasetemp() / "damaged.pth", out.getvalue())


@pytest.mark.parametrize("what", [[1, 2], torch.ones(3), {1: torch.ones(3)}, 7])
def test_a_pickle_of_anything_but_named_tensors_is_refused(tmp_path, what):
    (tmp_path / "x.pth").write_bytes(pickled(what))

    with pytest.raises(ModelError, match="not tensors by name"):
        weights.read_pickle(tmp_path / "x.pth")


@settings(deadline=None)
@given(position=st.integers(0, 150), byte=st.integers(0, 255))
def test_damaged_safetensors_end_in_one_clear_error(tmp_path_factory, position, byte):
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    save_file(STATE, path)
    data = bytearray(path.read_bytes())
    data[position] = byte
    path.write_bytes(bytes(data))

    said = ""
    try:
        weights.checked(weights.read_safetensors(path), SHAPES, path)
    except ModelError as error:
        said = str(error)
    assert "\n" not in said


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    for read in (weights.read_pickle, weights.read_safetensors, weights.read_json, weights.fingerprint):
        with pytest.raises(ModelError, match="No such file"):
            read(tmp_path / "none")


def test_all_that_does_not_fit_is_said_in_one_error(tmp_path):
    state = {
        "a.weight": torch.ones(3, 4),
        "c": torch.ones(1),
        "d": torch.ones(1),
        "e": torch.ones(1),
        "f": torch.ones(1),
    }

    with pytest.raises(ModelError) as error:
        weights.checked(state, SHAPES, tmp_path / "x.pth")

    said = str(error.value)
    assert "1 missing: b" in said
    assert "1 odd: a.weight is (3, 4), not (4, 3)" in said
    assert "4 unknown: c, d, e and 1 more" in said


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("text", "no tensor but str"),
        (torch.ones(5, dtype=torch.int64), "of int64, not of floats"),
        (torch.ones(1).expand(5), "not stored as plain numbers"),
        (torch.ones(5).to_sparse(), "not stored as plain numbers"),
        (torch.ones(5, device="meta"), "not stored as plain numbers"),
    ],
)
def test_what_is_not_a_plain_tensor_of_floats_is_odd(tmp_path, value, problem):
    with pytest.raises(ModelError, match=f"1 odd: b is {problem}"):
        weights.checked({**STATE, "b": value}, SHAPES, tmp_path / "x.pth")


def test_what_is_kept_is_given_back_as_long_as_its_source_is_the_same(tmp_path):
    path = tmp_path / "kept.safetensors"

    assert weights.converted(path, source="one") is None
    assert weights.keep(STATE, path, source="one")
    kept = weights.converted(path, source="one")
    assert kept is not None
    assert {name: t.tolist() for name, t in kept.items()} == {name: t.tolist() for name, t in STATE.items()}
    assert weights.converted(path, source="another") is None


def test_nothing_is_kept_where_there_is_no_room(tmp_path):
    assert not weights.keep(STATE, tmp_path / "kept.safetensors", source="x", free_bytes=lambda folder: 100)

    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_where_nothing_can_be_written(tmp_path):
    (tmp_path / "kept.safetensors").mkdir()

    assert not weights.keep(STATE, tmp_path / "kept.safetensors", source="x")

    assert [path.name for path in tmp_path.iterdir()] == ["kept.safetensors"]


def test_a_kept_file_that_was_damaged_counts_as_none(tmp_path, caplog):
    (tmp_path / "kept.safetensors").write_bytes(b"damaged")

    assert weights.converted(tmp_path / "kept.safetensors", source="x") is None
    assert "is damaged and will be made again" in caplog.text


def test_the_fingerprint_tells_one_checkpoint_from_another(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for path, seed in zip(paths, (0, 1, 0), strict=True):
        generator = torch.Generator().manual_seed(seed)
        torch.save({"w": torch.randn(100_000, generator=generator)}, path)

    one, other, again = map(weights.fingerprint, paths)

    assert one != other
    assert one.split("-")[0] == again.split("-")[0]


def test_a_skeleton_has_every_tensor_and_no_memory():
    before = torch.get_rng_state()

    with weights.skeleton():
        module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Embedding(4, 2), torch.nn.LayerNorm(2))

    assert [tuple(p.shape) for p in module.parameters()] == [(2, 3), (2,), (4, 2), (2,), (2,)]
    assert {p.device.type for p in module.parameters()} == {"meta"}
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.nn.Linear(3, 2).weight.device.type == "cpu"


def test_tensors_are_read_into_memory_that_is_there(tmp_path):
    save_file(STATE, tmp_path / "x.safetensors")
    state = {name: torch.empty_like(tensor) for name, tensor in STATE.items()}

    weights.read_into(state, tmp_path / "x.safetensors")

    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:-1], "b has another size"),
        (lambda data: data[:20], "was changed while it was read"),
        (lambda data: data.replace(b'"b"', b'"c"'), "was changed while it was read"),
        (lambda data: b"\xff" * 8 + data[8:], "was changed while it was read"),
        (lambda data: b"", "was changed while it was read"),
    ],
)
def test_a_file_that_changes_before_it_is_read_is_refused_in_one_line(tmp_path, change, said):
    path = tmp_path / "x.safetensors"
    save_file(STATE, path)
    path.write_bytes(change(path.read_bytes()))

    with pytest.raises(ModelError, match=said) as error:
        weights.read_into({name: torch.empty_like(tensor) for name, tensor in STATE.items()}, path)

    assert "\n" not in str(error.value)


def test_tensors_of_another_size_are_not_read(tmp_path):
    save_file(STATE, tmp_path / "x.safetensors")

    with pytest.raises(ModelError, match="b has another size"):
        weights.read_into({"b": torch.empty(4, dtype=torch.float16)}, tmp_path / "x.safetensors")


def test_tensors_are_read_one_by_one(tmp_path):
    save_file(STATE, tmp_path / "x.safetensors")

    read = {name: tensor.clone() for name, tensor in weights.one_by_one(tmp_path / "x.safetensors", STATE)}

    assert {name: t.tolist() for name, t in read.items()} == {name: t.tolist() for name, t in STATE.items()}
    with pytest.raises(ModelError, match="was changed while it was read"):
        list(weights.one_by_one(tmp_path / "x.safetensors", ["c"]))
