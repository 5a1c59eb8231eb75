"""Loading Mini-Omni: from a folder of weights, on the device that is there, or one line that says what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.models.mini_omni.checkpoints import write_model
from tests.models.mini_omni.pipelines import noise
from voicechat import registry
from voicechat.engines import mini_omni
from voicechat.errors import ConfigError, ModelError
from voicechat.models.device import Choice, DeviceMemoryError
from voicechat.models.mini_omni import pipeline
from voicechat.models.mini_omni.snac import FRAME_SAMPLES
from voicechat.types import AudioDelta, Severity
from voicechat.utterance import Utterance


def load(**options):
    return registry.load_engine("mini-omni", options, backend=lambda _kind: None)


def test_an_engine_is_loaded_from_a_folder_and_says_where_it_runs(tmp_path):
    write_model(tmp_path)

    engine = load(weights=str(tmp_path), device="cpu", max_reply_s=1.0, exact_encoder=False)

    assert engine.notices()[0].text == "mini-omni runs on the CPU, int8: as was asked for"
    utterance = Utterance()
    utterance.push(noise(8000))
    utterance.end(ended_at=1.0, speech_s=0.5)
    sounds = [event.chunk.samples for event in engine.respond(utterance, ()) if isinstance(event, AudioDelta)]
    assert sum(map(len, sounds)) == 12 * FRAME_SAMPLES


@pytest.fixture
def gpu(tmp_path, monkeypatch):
    """A machine with a GPU whose memory is too small, and a folder of weights."""
    on_cpu = pipeline.load

    def load_on(folder, *, device, precision):
        loads.append((device, precision))
        if device != "cpu":
            raise DeviceMemoryError(f"the memory of {device} is full")
        return on_cpu(folder, device=device, precision=precision)

    loads = []
    monkeypatch.setattr(mini_omni, "choose", lambda name: Choice("cpu" if name == "cpu" else "cuda", "a GPU"))
    monkeypatch.setattr(pipeline, "load", load_on)
    write_model(tmp_path)
    return loads, str(tmp_path)


def test_a_gpu_that_is_too_small_is_told_and_the_cpu_taken(gpu):
    loads, folder = gpu

    engine = load(weights=folder)

    assert loads == [("cuda", "float32"), ("cpu", "int8")]
    assert engine.notices()[0].text == "mini-omni runs on the CPU: the memory of cuda is full"
    assert engine.notices()[0].severity is Severity.WARNING


def test_8_bit_weights_on_a_gpu_are_refused(gpu):
    with pytest.raises(ConfigError, match="dtype int8 is for the CPU, not for cuda"):
        load(weights=gpu[1], dtype="int8")


def test_without_weights_it_says_the_command_that_brings_them():
    with pytest.raises(ModelError, match=r"mini-omni needs .*; run: voicechat models pull mini-omni"):
        load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_p": 2.0}, "engine.mini-omni.top_p must be from"),
        ({"temperature": -1.0}, "engine.mini-omni.temperature must be from"),
        ({"max_reply_s": 0.0}, "engine.mini-omni.max_reply_s must be from"),
        ({"dtype": "int4"}, "engine.mini-omni.dtype must be one of"),
        ({"device": "tpu"}, "no device is called 'tpu'"),
        ({"voice": "x"}, "engine.mini-omni has no option 'voice'"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        load(**options)


def test_its_name_and_options_are_known_without_loading_torch():
    code = (
        "import sys; from voicechat import registry; registry.backend_defaults('engine', 'mini-omni'); "
        "print(sorted({'torch', 'transformers', 'tokenizers', 'safetensors'} & set(sys.modules)))"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == "[]"
