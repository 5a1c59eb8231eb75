from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.vad.signals import silence, voice
from voicechat.errors import ConfigError, ModelError
from voicechat.models.published import MODELS
from voicechat.turn_detector._log_mel import log_mel
from voicechat.turn_detector.smart_turn import FILE, WEIGHTS, Options, SmartTurn, load
from voicechat.types import Pause

SPEECH = (0.3 * voice(3.0, seed=3)).astype(np.float32)
PAUSE = Pause(SPEECH, 0.0)

# A graph of the published model's layout, written by hand: `logits` = sigmoid of the mean of `input_features`.
# The numbers are the fields of onnx.proto (github.com/onnx/onnx).


def field(number: int, value: int | bytes | str) -> bytes:
    """Encode one field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def tensor(name: str, *shape: int | str) -> bytes:
    dims = b"".join(field(1, field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def node(kind: str, given: str, made: str, **attributes: int | list[int]) -> bytes:
    encoded = field(1, given) + field(2, made) + field(4, kind)
    for name, value in attributes.items():
        if isinstance(value, int):
            encoded += field(5, field(1, name) + field(3, value) + field(20, 2))
        else:
            encoded += field(5, field(1, name) + b"".join(field(8, v) for v in value) + field(20, 7))
    return encoded


def model(last: str = "Sigmoid", *, takes: str = "input_features") -> bytes:
    nodes = [
        node("ReduceMean", takes, "by_band", axes=[2], keepdims=0),
        node("ReduceMean", "by_band", "mean", axes=[1], keepdims=1),
        node(last, "mean", "logits"),
    ]
    graph = b"".join(field(1, each) for each in nodes) + field(2, "tiny")
    graph += field(11, tensor(takes, "batch", 80, 800)) + field(12, tensor("logits", "batch", 1))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model())
    return path


@pytest.fixture
def detector(path: Path) -> Iterator[SmartTurn]:
    detector = SmartTurn(path)
    yield detector
    detector.close()


def test_it_gives_what_the_network_makes_of_the_features(detector):
    mean = float(log_mel(SPEECH).mean())

    assert detector.probability(PAUSE) == pytest.approx(1 / (1 + np.exp(-mean)), abs=1e-5)


def test_only_the_last_eight_seconds_are_heard(detector):
    last = (0.3 * voice(8.0, seed=5)).astype(np.float32)

    assert detector.probability(Pause(np.concatenate([SPEECH, last]), 0.0)) == detector.probability(Pause(last, 0.0))


def test_words_change_nothing(detector):
    assert detector.probability(Pause(SPEECH, 0.0, "and the")) == detector.probability(PAUSE)


def test_options_name_another_file(path):
    detector = load(Options(weights=str(path), threads=2))

    assert 0 <= detector.probability(PAUSE) <= 1


def test_what_was_pulled_is_found(path, tmp_path, monkeypatch):
    from voicechat.models import hub

    monkeypatch.setenv("VOICECHAT_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"smart-turn needs 8\.7 MB of weights; run: voicechat models pull smart-turn"):
        load(Options())
    place = hub.models_folder() / WEIGHTS / FILE
    place.parent.mkdir(parents=True)
    place.write_bytes(path.read_bytes())
    manifest = hub.Manifest(hub.models_folder() / WEIGHTS)
    manifest.add(FILE, "pipecat-ai/smart-turn-v3", "", place, "")

    assert 0 <= load(Options()).probability(PAUSE) <= 1


def test_the_published_file_is_the_one_that_is_loaded():
    (part,) = MODELS[WEIGHTS].parts

    assert [f"{part.folder}/{file.name}" for file in part.files] == [FILE]


def test_a_closed_detector_says_so(detector):
    detector.close()
    detector.close()

    with pytest.raises(ModelError, match="smart-turn is closed"):
        detector.probability(PAUSE)


def test_what_is_no_probability_is_refused(path):
    path.write_bytes(model("Exp"))  # of a mean below 0 that is one, of silence it is not
    loud = SmartTurn(path)

    with pytest.raises(ModelError, match="which is no probability"):
        loud.probability(Pause(np.concatenate([SPEECH] * 3), 0.0))


@pytest.mark.parametrize("content", [b"", b"junk", model()[:40]])
def test_a_file_that_is_no_model_is_one_line_that_tells_what_to_do(path, content):
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"cannot load .*tiny\.onnx: [^\n]*; run: voicechat models verify smart-turn"):
        SmartTurn(path)


def test_another_model_is_not_taken_for_it(path):
    path.write_bytes(model(takes="audio"))

    with pytest.raises(ModelError, match="is no Smart Turn v3 model: it takes audio, not input_features"):
        SmartTurn(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"there is no file .*none\.onnx"):
        load(Options(weights=str(tmp_path / "none.onnx")))


@pytest.mark.parametrize("threads", [0, 17])
def test_a_senseless_number_of_threads_is_refused(threads):
    with pytest.raises(ConfigError, match="threads must be from 1 to 16"):
        load(Options(threads=threads))


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "some.onnx").touch()

    with pytest.raises(ModelError, match=r"needs the package onnxruntime; run: pip install 'voicechat\[smart-turn\]'"):
        load(Options(weights=str(tmp_path / "some.onnx")))


# The features --------------------------------------------------------------------------------------


def test_the_features_are_those_of_whispers_own_extractor():
    golden = np.load(Path(__file__).parents[1] / "data" / "whisper_mel_8s.npz")["features"]  # (16, 40)

    assert np.abs(log_mel(SPEECH)[::5, ::20] - golden).max() < 1e-4


def test_shorter_audio_stands_at_the_end():
    assert np.array_equal(log_mel(SPEECH), log_mel(np.concatenate([silence(5.0), SPEECH]).astype(np.float32)))


def test_loudness_changes_nothing_and_silence_is_level():
    assert np.abs(log_mel(SPEECH) - log_mel(SPEECH / 8)).max() < 1e-3
    assert np.ptp(log_mel(silence(3.0).astype(np.float32))) == 0


def test_what_is_no_number_counts_as_silence():
    broken = SPEECH.copy()
    broken[100:200] = np.nan

    assert np.isfinite(log_mel(broken)).all()
