"""`voicechat bench mini-omni`: what it prints, and what it says when it cannot. Tiny sizes: no number means a thing."""

from __future__ import annotations

import functools
import json

import pytest

from tests.cli.test_startup import heavy_modules_of
from voicechat.cli import run

torch = pytest.importorskip("torch")

from tests.models.mini_omni.checkpoints import write_model  # noqa: E402
from tests.models.mini_omni.test_bench import SIZES  # noqa: E402
from voicechat.models.mini_omni import bench, bench_parts  # noqa: E402

BENCH = ("bench", "mini-omni", "--question-s", "0.5", "--reply-s", "1")


@pytest.fixture
def tiny(monkeypatch):
    """Random weights are those of a tiny model, and nothing is measured often."""
    at_random = bench_parts.at_random
    monkeypatch.setattr(bench, "Plan", functools.partial(bench.Plan, n_rounds=2, n_compared=2))
    monkeypatch.setattr(bench_parts, "at_random", lambda precision, device: at_random(precision, device, SIZES))


def test_random_weights_are_measured_and_the_work_is_told(tiny, capsys):
    assert run([*BENCH, "--random-weights"]) == 0

    printed = capsys.readouterr()
    lines = dict(line.split("\t", 1) for line in printed.out.splitlines())
    assert lines["WHAT"] == "MEASURED"
    assert lines["language model"].startswith("int8 on the CPU")
    assert "real-time factor" in lines["a reply of 1 s"]
    assert printed.err.splitlines()[0] == "drawing random weights, 3.2 GB"


def test_json_has_all_of_it_and_what_is_asked_for_besides(tiny, capsys):
    assert run([*BENCH, "--random-weights", "--naive", "--neighbours", "1", "--dtype", "float32", "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    assert report["precision"] == "float32"
    assert report["naive"]["first_audio_ms"] > 0
    assert report["reply_with_neighbours"]["realtime_factor"] > 0
    assert report["plan"]["ahead_ms"] > 0


def test_pulled_weights_are_measured(tiny, tmp_path, capsys):
    write_model(tmp_path)

    assert run([*BENCH, "--weights", str(tmp_path), "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["random_weights"] is False


def test_without_weights_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VOICECHAT_HOME", str(tmp_path))

    assert run(BENCH) == 1

    said = capsys.readouterr().err
    assert "run: voicechat models pull mini-omni" in said
    assert "--random-weights" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "tpu"), "no device is called 'tpu'"),
        (("--dtype", "int4"), "'int4' is not one of"),
        (("--reply-s", "0"), "'--reply-s': Input should be greater"),
    ],
)
def test_what_cannot_be_measured_is_a_wrong_option(arguments, said, capsys):
    assert run([*BENCH, "--random-weights", *arguments]) == 2

    assert said in capsys.readouterr().err


def test_its_help_loads_nothing_heavy():
    assert heavy_modules_of("bench", "mini-omni", "--help")[0] == []
