"""The ears: parity with transformers, both layouts of a checkpoint, what is heard of an utterance."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from tests.models.mini_omni import checkpoints  # noqa: E402
from voicechat.errors import ModelError  # noqa: E402
from voicechat.models.mini_omni import whisper  # noqa: E402
from voicechat.models.mini_omni.tokens import n_whisper_frames  # noqa: E402

SECOND = whisper.SAMPLE_RATE


def speech(n_samples: int, seed: int = 0) -> np.ndarray:
    """Something with the ups and downs of speech."""
    rng = np.random.default_rng(seed)
    loudness = np.abs(np.sin(np.arange(n_samples) / 3000)) * 0.2
    return (rng.standard_normal(n_samples) * loudness).astype(np.float32)


@pytest.fixture(scope="module")
def encoder():
    encoder = whisper.WhisperEncoder(checkpoints.TINY_ENCODER)
    encoder.load_state_dict(checkpoints.random_encoder())
    return encoder.eval()


@pytest.fixture(scope="module")
def transformers():
    found = pytest.importorskip("transformers")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    return found


@pytest.fixture(scope="module")
def theirs(transformers, tmp_path_factory):
    """A tiny random WhisperModel of transformers, and the folder it was saved to."""
    config = transformers.WhisperConfig(
        d_model=24,
        encoder_layers=2,
        encoder_attention_heads=4,
        encoder_ffn_dim=96,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=32,
        vocab_size=64,
        max_target_positions=8,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=0,
    )
    torch.manual_seed(0)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    folder = tmp_path_factory.mktemp("whisper")
    model.save_pretrained(folder)
    return model, folder


@pytest.mark.parametrize("n_samples", [1600, 1601, 16_000, 100_001, 479_700, 479_999, 480_000])
def test_the_log_mel_is_transformers(transformers, n_samples):
    extractor = transformers.WhisperFeatureExtractor()
    audio = speech(n_samples)

    expected = extractor(audio, sampling_rate=SECOND, return_tensors="np").input_features[0]

    np.testing.assert_allclose(whisper.log_mel(torch.from_numpy(audio)).numpy(), expected, atol=1e-5)


def test_the_filters_are_transformers(transformers):
    expected = transformers.WhisperFeatureExtractor().mel_filters.T

    np.testing.assert_allclose(whisper.mel_filters().numpy(), expected, atol=1e-8)


@pytest.mark.parametrize("n_samples", [1600, 40_000, 480_000])
def test_the_features_are_transformers(transformers, theirs, n_samples):
    model, folder = theirs
    audio = speech(n_samples)
    mel = transformers.WhisperFeatureExtractor()(audio, sampling_rate=SECOND, return_tensors="pt").input_features
    with torch.inference_mode():
        expected = model.model.encoder(mel).last_hidden_state[0]

    heard = whisper.load(folder).hear(audio)

    n_frames = n_whisper_frames(n_samples / 16)
    assert heard.features.shape == (n_frames, 24)
    assert (heard.features - expected[:n_frames]).abs().max() < 1e-5


def test_the_layout_of_openai_gives_the_same_features_as_that_of_transformers(tmp_path):
    halves = {name: tensor.half().float() for name, tensor in checkpoints.random_encoder().items()}
    one = whisper.load(checkpoints.write_whisper(tmp_path / "whisper", state=halves))
    other = whisper.load(checkpoints.write_small_pt(tmp_path / "small.pt", state=halves))
    audio = speech(20_000)

    assert torch.equal(one.hear(audio).features, other.hear(audio).features)


def test_the_names_of_openai_are_those_that_transformers_converts_from(theirs, tmp_path):
    # What transformers' own conversion script renames, the other way round: a second opinion on our table.
    model, folder = theirs
    ours = whisper.load(folder).state_dict()
    renamed = {}
    for name, tensor in model.model.encoder.state_dict().items():
        for old, new in (
            ("layers", "blocks"),
            ("fc1", "mlp.0"),
            ("fc2", "mlp.2"),
            ("final_layer_norm", "mlp_ln"),
            (".self_attn.q_proj", ".attn.query"),
            (".self_attn.k_proj", ".attn.key"),
            (".self_attn.v_proj", ".attn.value"),
            (".self_attn_layer_norm", ".attn_ln"),
            (".self_attn.out_proj", ".attn.out"),
            ("embed_positions.weight", "positional_embedding"),
            ("layer_norm.weight", "ln_post.weight"),
            ("layer_norm.bias", "ln_post.bias"),
        ):
            name = name.replace(old, new)  # noqa: PLW2901
        renamed[f"encoder.{name}"] = tensor
    dims = {"n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 24, "n_audio_head": 4, "n_audio_layer": 2}
    torch.save({"dims": dims, "model_state_dict": renamed}, tmp_path / "small.pt")

    loaded = whisper.load(tmp_path / "small.pt").state_dict()

    assert loaded.keys() == ours.keys()
    assert all(torch.equal(loaded[name], ours[name]) for name in ours)


@settings(max_examples=30, deadline=None)
@given(n_samples=st.integers(whisper.MIN_SAMPLES, whisper.WINDOW_SAMPLES // 4), n_more=st.integers(0, 3000))
@example(n_samples=whisper.WINDOW_SAMPLES, n_more=0)
@example(n_samples=whisper.WINDOW_SAMPLES - 1, n_more=0)
def test_a_part_of_the_log_mel_is_a_part_of_the_whole(n_samples, n_more):
    audio = torch.from_numpy(speech(n_samples))
    n_mels = min(whisper.WINDOW_MELS, -(-n_samples // whisper.HOP_SAMPLES) + n_more)

    part = whisper.log_mel(audio, n_mels)

    assert torch.equal(part, whisper.log_mel(audio)[:, :n_mels])


@pytest.mark.parametrize("duration_ms", [100, 119, 120, 1000, 29_980, 29_999, 30_000, 30_001, 45_000])
def test_an_utterance_has_as_many_features_as_the_model_was_trained_with(encoder, duration_ms):
    audio = speech(duration_ms * 16)

    for margin_s in (None, 0.0, whisper.SHORT_MARGIN_S):
        heard = encoder.hear(audio, margin_s=margin_s)
        assert heard.features.shape == (min(1500, duration_ms // 20 + 1), 24)


def test_of_a_long_utterance_the_first_30_s_are_heard_and_it_is_told(encoder):
    audio = speech(31 * SECOND)

    heard = encoder.hear(audio)

    assert (heard.heard_s, heard.total_s) == (30.0, 31.0)
    assert torch.equal(heard.features, encoder.hear(audio[: 30 * SECOND]).features)


def test_a_short_context_is_nearly_the_long_one(encoder):
    audio = speech(2 * SECOND)

    long, short = (encoder.hear(audio, margin_s=margin_s).features for margin_s in (None, whisper.SHORT_MARGIN_S))

    assert not torch.equal(long, short)
    assert torch.nn.functional.cosine_similarity(long, short).min() > 0.99


def test_a_margin_of_30_s_is_the_whole_window(encoder):
    audio = speech(SECOND)

    assert torch.equal(encoder.hear(audio, margin_s=30).features, encoder.hear(audio).features)


@pytest.mark.parametrize("n_samples", [0, 1, 1599])
def test_what_is_too_short_to_be_speech_is_an_error(encoder, n_samples):
    with pytest.raises(ModelError, match=f"{n_samples // 16} ms of sound are too short"):
        encoder.hear(speech(n_samples))


def test_silence_has_features_too(encoder):
    assert encoder.hear(np.zeros(SECOND, np.float32)).features.isfinite().all()


def test_encoding_stops_at_the_next_layer_once_it_is_told_to(encoder):
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) == 2

    assert encoder.hear(speech(SECOND), stopped=stopped) is None
    assert len(asked) == 2
    assert encoder.hear(speech(SECOND), stopped=lambda: False) is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_mel_bins": 128}, "num_mel_bins must be 80, not 128"),
        ({"max_source_positions": 750}, "max_source_positions must be 1500, not 750"),
        ({"activation_function": "relu"}, "activation_function must be 'gelu', not 'relu'"),
        ({"encoder_attention_heads": 5}, "encoder_attention_heads must divide d_model 24, not 5"),
        ({"encoder_layers": 0}, "encoder_layers must be a whole number"),
        ({"encoder_layers": 3}, "15 missing: layers.2"),
        ({"d_model": 48}, "odd: conv1.weight is"),
    ],
)
def test_an_odd_size_is_refused_by_its_key_and_value(tmp_path, changes, said):
    config = checkpoints.write_whisper(tmp_path) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))

    with pytest.raises(ModelError, match=said):
        whisper.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_mels": 128}, "n_mels must be 80, not 128"),
        ({"n_audio_state": "wide"}, "n_audio_state must be a whole number .* not 'wide'"),
        ({"n_audio_layer": 1}, "15 unknown: layers.1"),
    ],
)
def test_an_odd_size_in_openais_layout_is_refused_by_its_key_and_value(tmp_path, changes, said):
    path = checkpoints.write_small_pt(tmp_path / "small.pt")
    loaded = torch.load(path, weights_only=True)
    torch.save({**loaded, "dims": loaded["dims"] | changes}, path)

    with pytest.raises(ModelError, match=said):
        whisper.load(path)


def test_the_encoder_is_found_in_either_form(tmp_path):
    checkpoints.write_small_pt(tmp_path / "checkpoint/small.pt")

    assert whisper.located(tmp_path) == tmp_path / "checkpoint/small.pt"
    checkpoints.write_whisper(tmp_path / "whisper")
    assert whisper.located(tmp_path) == tmp_path / "whisper"
    for form in (tmp_path / "checkpoint/small.pt", tmp_path / "whisper"):
        assert whisper.load(form).config == checkpoints.TINY_ENCODER


def test_a_file_that_is_no_whisper_is_refused(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "small.pt")

    with pytest.raises(ModelError, match="no checkpoint of OpenAI's Whisper"):
        whisper.load(tmp_path / "small.pt")
