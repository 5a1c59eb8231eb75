"""SNAC's checkpoint: every name and shape that the published package makes, and no other."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")

from tests.models.mini_omni import checkpoints  # noqa: E402
from voicechat.errors import ModelError  # noqa: E402
from voicechat.models.mini_omni import snac_checkpoint  # noqa: E402
from voicechat.models.mini_omni.snac import SnacConfig  # noqa: E402

CONFIGS = [
    checkpoints.TINY_SNAC,
    SnacConfig(),
    SnacConfig(encoder_dim=4, decoder_dim=64, noise=False),
    SnacConfig(encoder_dim=4, decoder_dim=64, depthwise=False),
    SnacConfig(encoder_dim=8, encoder_rates=(2, 4, 4), decoder_dim=32, decoder_rates=(8, 8, 8), codebook_dim=3),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_shapes_are_those_of_the_package(config):
    snac = pytest.importorskip("snac")
    with torch.device("meta"):
        theirs = snac.SNAC(sampling_rate=24_000, attn_window_size=None, **vars(config)).state_dict()

    expected = {name: tuple(t.shape) for name, t in theirs.items() if snac_checkpoint.is_needed(name)}

    assert snac_checkpoint.shapes(config) == expected


def test_a_published_folder_gives_a_decoder(tmp_path):
    decoder = snac_checkpoint.load(checkpoints.write_snac(tmp_path))

    audio = decoder.decode(torch.zeros(7, 3, dtype=torch.int64))

    assert decoder.config == checkpoints.TINY_SNAC
    assert audio.shape == (3 * 2048,)
    assert audio.abs().max() > 0


def test_safetensors_are_read_where_they_are(tmp_path):
    from safetensors.torch import save_file

    checkpoints.write_snac(tmp_path)
    pickled = snac_checkpoint.load(tmp_path)
    save_file(torch.load(tmp_path / "pytorch_model.bin", weights_only=True), tmp_path / "model.safetensors")
    (tmp_path / "pytorch_model.bin").unlink()
    codes = torch.arange(14).reshape(7, 2)

    assert torch.equal(snac_checkpoint.load(tmp_path).decode(codes), pickled.decode(codes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sampling_rate": 44_100}, "sampling_rate must be 24000, not 44100"),
        ({"vq_strides": [8, 4, 2, 1]}, r"vq_strides must be \[4, 2, 1\]"),
        ({"attn_window_size": 32}, "attn_window_size must be None, not 32"),
        ({"decoder_dim": 0}, "decoder_dim must be a whole number"),
        ({"decoder_rates": [8, 8]}, "decoder_rates must multiply to 512, not 64"),
        ({"decoder_rates": "fast"}, "decoder_rates must be a list of 1 to 8 strides, not 'fast'"),
        ({"encoder_rates": [2, "x"]}, "encoder_rates must be a whole number"),
        ({"noise": 1}, "noise must be true or false, not 1"),
        ({"codebook_size": 2}, "codebook_size must be 4096, not 2"),
    ],
)
def test_an_odd_size_is_refused_by_its_key_and_value(tmp_path, changes, said):
    config = checkpoints.write_snac(tmp_path) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))

    with pytest.raises(ModelError, match=said):
        snac_checkpoint.load(tmp_path)


def test_a_key_that_is_missing_is_named(tmp_path):
    (checkpoints.write_snac(tmp_path) / "config.json").write_text("{}")

    with pytest.raises(ModelError, match=r"encoder_dim, .* is missing"):
        snac_checkpoint.load(tmp_path)


def test_tensors_of_another_size_are_named(tmp_path):
    state = checkpoints.random_state(snac_checkpoint.shapes(checkpoints.TINY_SNAC))
    state["decoder.model.0.bias"] = torch.zeros(3)
    del state["quantizer.quantizers.1.codebook.weight"]

    with pytest.raises(ModelError, match=r"1 missing: quantizer.*1 odd: decoder.model.0.bias is \(3,\), not \(64,\)"):
        snac_checkpoint.load(checkpoints.write_snac(tmp_path, state=state))
