"""The encoder on the matrix unit computes what the plain one does, to rounding; elsewhere the plain one stays."""

from __future__ import annotations

import copy
import threading

import pytest

torch = pytest.importorskip("torch")

from tests.models.mini_omni.pipelines import noise  # noqa: E402
from voicechat.models.mini_omni import kernels, random_weights  # noqa: E402
from voicechat.models.mini_omni.split import SplitEncoder, on_matrix_unit  # noqa: E402
from voicechat.models.mini_omni.whisper import EncoderConfig, WhisperEncoder  # noqa: E402

CONFIG = EncoderConfig(width=64, n_heads=2, n_layers=3, n_hidden=192)
PRECISION = 4e-5  # of the features; float32's own is 1e-6, bfloat16's 1e-2

with_matrix_unit = pytest.mark.skipif(
    kernels.library() is None or not kernels.library().amx_usable(), reason="this processor has no matrix unit"
)


def plain(config: EncoderConfig = CONFIG) -> WhisperEncoder:
    """An encoder in which every weight counts, biases and norms as well."""
    encoder = random_weights.encoder(config)
    generator = torch.Generator().manual_seed(1)
    for name, weight in encoder.named_parameters():
        if weight.dim() == 1:
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5 + ("norm.weight" in name))
    return encoder


def split(encoder: WhisperEncoder) -> WhisperEncoder:
    faster = on_matrix_unit(copy.deepcopy(encoder))
    assert isinstance(faster, SplitEncoder)
    return faster


def off(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


@with_matrix_unit
@pytest.mark.parametrize("margin_s", [None, 0.0, 2.56])
@pytest.mark.parametrize("n_samples", [1600, 5000, 40_000, 480_000])
def test_the_features_are_the_plain_encoders(n_samples, margin_s):
    encoder, audio = plain(), noise(n_samples)

    found, expected = (of.hear(audio, margin_s=margin_s).features for of in (split(encoder), encoder))

    assert found.shape == expected.shape
    assert off(found, expected) < PRECISION


@with_matrix_unit
@pytest.mark.parametrize(
    "sizes", [{"width": 128, "n_heads": 1}, {"width": 96, "n_heads": 3, "n_hidden": 32}, {"n_layers": 1}], ids=str
)
def test_other_sizes_do_as_well(sizes):
    encoder = plain(EncoderConfig(**{**vars(CONFIG), **sizes}))
    mel = torch.randn(80, 130)

    with torch.inference_mode():
        expected = copy.deepcopy(encoder).double()(mel.double())

        assert off(split(encoder)(mel), expected) < PRECISION


@with_matrix_unit
@torch.inference_mode()
def test_large_activations_and_sharp_attention_keep_their_precision():
    encoder = plain()
    for layer in encoder.layers:
        for name in ("q_proj", "k_proj", "v_proj"):
            layer.self_attn[name].weight *= 4
        layer.fc1.weight *= 30
    mel = torch.randn(80, 400)
    expected = copy.deepcopy(encoder).double()(mel.double())

    found = split(encoder)(mel)

    assert found.isfinite().all()
    assert off(found, expected) < 10 * PRECISION


@torch.inference_mode()
@pytest.mark.parametrize("faster", [False, pytest.param(True, marks=with_matrix_unit)])
def test_some_features_are_those_of_all(faster):
    encoder = split(plain()) if faster else plain()
    mel = torch.randn(80, 200)

    some = encoder._encode(mel, None, 33)

    torch.testing.assert_close(some, encoder(mel)[:33], rtol=0, atol=1e-5)


@with_matrix_unit
def test_it_stops_at_the_next_layer_once_it_is_told_to():
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) == 2

    assert split(plain()).hear(noise(16_000), stopped=stopped) is None
    assert len(asked) == 2


@with_matrix_unit
@torch.inference_mode()
@pytest.mark.parametrize("n", [2, 130, 258])
def test_what_was_in_its_memory_before_does_not_matter(monkeypatch, n):
    encoder, mel = split(plain()), torch.randn(80, n)
    expected = encoder(mel)

    monkeypatch.setattr(kernels, "prefer_large_pages", lambda data: data.fill_(255))  # no numbers

    assert torch.equal(encoder(mel), expected)


@with_matrix_unit
def test_it_serves_many_at_once():
    encoder = split(plain())
    audio = [noise(20_000, seed) for seed in range(3)]
    expected = [encoder.hear(of).features for of in audio]
    wrong = []

    def hear(index):
        wrong.extend(i for i in range(5) if not torch.equal(encoder.hear(audio[index]).features, expected[index]))

    threads = [threading.Thread(target=hear, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@with_matrix_unit
def test_the_encoder_given_is_emptied_as_it_goes():
    encoder = plain()

    on_matrix_unit(encoder)

    assert len(encoder.layers) == 0


@pytest.mark.parametrize("sizes", [{"width": 40, "n_heads": 1}, {"n_heads": 4}, {"n_hidden": 100}], ids=str)
def test_an_encoder_that_does_not_fit_stays_as_it_is(sizes):
    encoder = plain(EncoderConfig(**{**vars(CONFIG), **sizes}))

    assert on_matrix_unit(encoder) is encoder


def test_without_the_matrix_unit_or_a_compiler_or_in_another_precision_it_stays_as_it_is(monkeypatch):
    class NoMatrixUnit:
        @staticmethod
        def amx_usable() -> int:
            return 0

    encoder = plain()
    halves = copy.deepcopy(encoder).half()
    assert on_matrix_unit(halves) is halves
    for library in (None, NoMatrixUnit):
        monkeypatch.setattr(kernels, "library", lambda library=library: library)

        assert on_matrix_unit(encoder) is encoder
