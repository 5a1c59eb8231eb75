"""Names of engines and backends, and building one from plain values."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

import voicechat.vad
from voicechat.errors import ConfigError
from voicechat.registry import (
    ENGINES,
    KINDS,
    backend_defaults,
    backend_names,
    backend_options,
    engine_factory,
    engine_names,
    load_backend,
    missing_extra,
)

PACKAGE = Path(voicechat.__file__).parent

GATE = """
from dataclasses import dataclass
from typing import Literal

REQUIRES = {"no_such_module": "gate-extra", "json": "never"}

@dataclass(frozen=True)
class Options:
    level: int = 2
    floor_dbfs: float = -50.0
    mode: Literal["soft", "hard"] = "soft"
    name: str = ""
    fast: bool = False

class Gate:
    def __init__(self, options: Options) -> None:
        self.options = options

def load(options: Options) -> Gate:
    return Gate(options)
"""


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """A detector called `noise-gate`, in a file that is not part of the package."""
    folder = tmp_path / "vad"
    folder.mkdir()
    (folder / "noise_gate.py").write_text(GATE)
    (folder / "_shared.py").write_text("raise RuntimeError('imported')")
    (folder / "broken.py").write_text("raise RuntimeError('imported')")
    monkeypatch.setattr(voicechat.vad, "__path__", [*voicechat.vad.__path__, str(folder)])
    yield "noise-gate"
    sys.modules.pop("voicechat.vad.noise_gate", None)


def test_a_file_in_the_folder_of_its_kind_is_a_backend_and_is_not_imported_to_be_listed(gate):
    names = backend_names("vad")

    assert gate in names
    assert "broken" in names
    assert names == sorted(names)
    assert "voicechat.vad.noise_gate" not in sys.modules


def test_a_file_with_a_leading_underscore_is_no_backend(gate):
    assert not [name for name in backend_names("vad") if "shared" in name]


def test_a_backend_is_built_from_plain_values_and_its_defaults(gate):
    loaded = load_backend("vad", gate, {"level": 3, "floor_dbfs": -40})

    assert dataclasses.asdict(loaded.options) == {
        "level": 3,
        "floor_dbfs": -40.0,
        "mode": "soft",
        "name": "",
        "fast": False,
    }
    assert type(loaded.options.floor_dbfs) is float


def test_the_defaults_are_those_of_its_options(gate):
    assert backend_defaults("vad", gate) == dataclasses.asdict(backend_options("vad", gate)())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"levle": 3}, "vad.noise-gate has no option 'levle'; did you mean 'level'?; known: level, floor_dbfs"),
        ({"level": "loud"}, "vad.noise-gate.level must be a whole number, not 'loud'"),
        ({"level": True}, "vad.noise-gate.level must be a whole number, not true"),
        ({"mode": "brutal"}, "vad.noise-gate.mode must be one of 'soft', 'hard', not 'brutal'"),
        ({"fast": "yes"}, "vad.noise-gate.fast must be true or false, not 'yes'"),
    ],
)
def test_a_wrong_option_is_refused_by_name(gate, values, message):
    with pytest.raises(ConfigError) as caught:
        load_backend("vad", gate, values)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("lookup", [backend_options, backend_defaults, missing_extra])
def test_an_unknown_backend_lists_the_known_ones(gate, lookup):
    with pytest.raises(ConfigError, match=r"no vad is called 'x'; known: .*noise-gate"):
        lookup("vad", "x")


def test_an_unknown_kind_or_engine_lists_the_known_ones():
    with pytest.raises(ConfigError, match="known: asr, engine, llm, tts, turn_detector, vad"):
        backend_names("nose")
    with pytest.raises(ConfigError, match="no engine is called 'cascad'; did you mean 'cascade'"):
        engine_factory("cascad")


@pytest.mark.parametrize("name", ["../errors", "os", "voicechat.vad.webrtc", "__init__", "", "noise_gate"])
def test_a_name_that_is_no_file_name_is_never_imported(gate, name):
    with pytest.raises(ConfigError):
        load_backend("vad", name, {})


def test_a_backend_says_which_extra_it_lacks(gate):
    assert missing_extra("vad", gate) == "gate-extra"


@pytest.mark.parametrize("kind", KINDS)
def test_every_backend_that_ships_obeys_the_contract(kind):
    for name in backend_names(kind):
        options = backend_options(kind, name)

        assert callable(sys.modules[options.__module__].load), name
        assert dataclasses.is_dataclass(options), name
        assert options.__dataclass_params__.frozen, name
        assert all(isinstance(value, str | int | float | bool) for value in backend_defaults(kind, name).values()), name


def test_every_engine_names_a_module_that_ships():
    assert engine_names() == sorted(ENGINES)
    for target in ENGINES.values():
        module, colon, factory = target.partition(":")
        assert colon
        assert factory.isidentifier()
        assert module.startswith("voicechat.engines.")


def test_listing_names_imports_no_backend():
    code = (
        "import sys; from voicechat import registry\n"
        "[registry.backend_names(kind) for kind in registry.KINDS]; registry.engine_names()\n"
        "print([m for m in sys.modules if m.count('.') == 2 and m.startswith('voicechat.')])"
    )

    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )

    assert printed.stdout.strip() == "[]"
