"""`voicechat engines`: all there is to talk with, and what each still needs."""

from __future__ import annotations

import json
import sys

import pytest

import voicechat.vad
from voicechat import registry
from voicechat.cli import run
from voicechat.config_files import profile_names

BACKEND = '''"""A detector that is away."""
{imports}
REQUIRES = {{"no_such_module": "away"}}
'''


@pytest.fixture
def away(tmp_path, monkeypatch):
    """Makes detectors that cannot be used yet: one knows the extra it needs, one has it imported at its top."""
    for name, imports in {"away": "", "broken": "import no_such_module"}.items():
        (tmp_path / f"{name}.py").write_text(BACKEND.format(imports=imports))
    monkeypatch.setattr(voicechat.vad, "__path__", [*voicechat.vad.__path__, str(tmp_path)])
    yield
    sys.modules.pop("voicechat.vad.away", None)


def listed(capsys):
    assert run(["engines", "--json"]) == 0
    return {(row["kind"], row["name"]): row for row in json.loads(capsys.readouterr().out)}


def test_every_engine_profile_and_backend_is_listed_with_what_it_says_of_itself(capsys):
    rows = listed(capsys)

    expected = {("engine", name) for name in registry.engine_names()} | {("profile", name) for name in profile_names()}
    expected |= {(kind, name) for kind in registry.KINDS for name in registry.backend_names(kind)}
    assert set(rows) == expected
    assert all(row["description"] for row in rows.values())


def test_the_offline_profile_is_ready_and_so_is_all_it_is_made_of(capsys):
    rows = listed(capsys)

    for entry in ("profile", "offline"), ("engine", "cascade"), ("vad", "webrtc"), ("asr", "pocketsphinx"):
        assert rows[entry]["ready"]
        assert rows[entry]["needs"] == ""


def test_what_cannot_be_used_says_what_brings_it(capsys, away):
    rows = listed(capsys)

    assert rows["vad", "away"]["needs"] == "pip install 'voicechat[away]'"
    assert rows["vad", "broken"]["needs"] == "vad broken needs the package no_such_module, which is not installed"
    assert not rows["vad", "away"]["ready"]


def test_a_pipe_gets_one_line_for_each(capsys):
    n_rows = len(listed(capsys))

    assert run(["engines"]) == 0

    assert len(capsys.readouterr().out.splitlines()) == n_rows + 1
