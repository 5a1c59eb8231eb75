"""Features to ids: laws of the loop, on a random decoder with so few ids that texts end by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from voicechat.models.whisper.decode import Writing, Written, likeliest, write  # noqa: E402
from voicechat.models.whisper.model import Cache, Decoder, DecoderConfig  # noqa: E402

CONFIG = DecoderConfig(n_ids=14, n_positions=32, width=16, n_heads=2, n_layers=2, n_hidden=32)
END, START, NO_SPEECH = 13, 12, 11
PROMPT = [START, 10]
WRITING = Writing(end=END, start=START, no_speech=NO_SPEECH, watched=((0, 1), (1, 0)))
N_TEXTS = 9


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(3)
    decoder = Decoder(CONFIG).eval().requires_grad_(False)
    for name, tensor in decoder.state_dict().items():
        if tensor.dim() > 1:
            tensor.copy_(torch.randn(tensor.shape) * (1.5 / tensor.shape[-1] ** 0.5 if "embed" not in name else 1.0))
    decoder.embed_tokens.weight[END] *= 1.7
    return decoder


@pytest.fixture(scope="module")
def features() -> torch.Tensor:
    return torch.randn((N_TEXTS, 20, CONFIG.width), generator=torch.Generator().manual_seed(1)) * 2


def written(decoder, features, writing: Writing = WRITING, most: int = 20) -> list[Written]:
    found = write(decoder, features, [PROMPT] * len(features), [most] * len(features), writing)
    assert found is not None
    return found


def one_by_one(decoder: Decoder, features: torch.Tensor, most: int = 20) -> tuple[list[int], float]:
    """The same without any cache: the whole text again for each id."""
    ids: list[int] = []
    total = 0.0
    while len(ids) < most:
        with torch.inference_mode():
            text = torch.tensor([[*PROMPT, *ids]])
            hidden, _ = decoder(text, Cache(decoder, features[None], text.shape[1]))
            logprobs = decoder.logits(hidden[:, -1])[0].log_softmax(-1)
        token = int(logprobs.argmax())
        total += float(logprobs[token])
        if token == END:
            break
        ids.append(token)
    return ids, total / (len(ids) + 1)


def test_a_batch_writes_what_each_would_alone_however_long(decoder, features):
    found = written(decoder, features)

    expected = [one_by_one(decoder, row) for row in features]
    assert [text.ids for text in found] == [ids for ids, _ in expected]
    assert [text.logprob for text in found] == pytest.approx([logprob for _, logprob in expected], abs=1e-4)
    assert len({len(text.ids) for text in found}) > 3, "the texts are of the same length: rows are never dropped"
    assert any(len(text.ids) < 20 for text in found)


def test_no_text_is_longer_than_it_may_be(decoder, features):
    most = list(range(1, N_TEXTS + 1))

    found = write(decoder, features, [PROMPT] * N_TEXTS, most, WRITING)

    whole = written(decoder, features)
    assert found is not None
    assert [text.ids for text in found] == [text.ids[:n] for text, n in zip(whole, most, strict=True)]


def test_a_text_ends_with_the_positions(decoder, features):
    unending = replace(WRITING, suppressed=(END,))

    assert {len(text.ids) for text in written(decoder, features, unending, most=1000)} == {32 - len(PROMPT)}


def test_what_is_suppressed_is_not_written(decoder, features):
    common = written(decoder, features)[0].ids[1]

    found = written(decoder, features, replace(WRITING, suppressed=(common,)))

    assert all(common not in text.ids for text in found)


def test_what_no_text_begins_with_may_come_later(decoder, features):
    plain = written(decoder, features)
    first = plain[0].ids[0]

    found = written(decoder, features, replace(WRITING, suppressed_first=(first, END)))

    assert all(text.ids and text.ids[0] != first for text in found)
    assert any(first in text.ids[1:] for text in found)


def test_nobody_speaks_as_likely_as_the_start_says(decoder, features):
    found = written(decoder, features)

    for text, row in zip(found, features, strict=True):
        with torch.inference_mode():
            hidden, _ = decoder(torch.tensor([[START]]), Cache(decoder, row[None], 1))
            expected = float(decoder.logits(hidden[:, -1]).softmax(-1)[0, NO_SPEECH])
        assert text.no_speech == pytest.approx(expected, abs=1e-5)


def test_there_is_a_row_of_attention_for_each_id_and_the_end(decoder, features):
    for text in written(decoder, features):
        assert text.weights is not None
        assert text.weights.shape == (2, len(text.ids) + 1, 20)
        np.testing.assert_allclose(text.weights.sum(-1), 1, atol=1e-5)
    assert all(text.weights is None for text in written(decoder, features, replace(WRITING, watched=())))


def test_the_attention_is_that_of_the_watched_heads(decoder, features):
    text = written(decoder, features)[0]
    layer = decoder.layers[0]
    ids = torch.tensor([[*PROMPT, *text.ids]])

    with torch.inference_mode():
        x = decoder.embed_tokens(ids) + decoder.embed_positions.weight[: ids.shape[1]]
        own = layer.self_attn
        y = layer.self_attn_layer_norm(x)
        x = x + own.mix(own.heads(own.q_proj(y)), *own.keys_values(y), causal=True)
        sound = layer.encoder_attn
        q = sound.heads(sound.q_proj(layer.encoder_attn_layer_norm(x)))
        keys, _ = sound.keys_values(features[:1])
        expected = (q @ keys.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)[0, 1, len(PROMPT) - 1 :]

    assert text.weights is not None
    np.testing.assert_allclose(text.weights[0][: len(text.ids)], expected.numpy()[: len(text.ids)], atol=1e-5)


def test_sampling_is_drawn_from_the_seed_alone(decoder, features):
    warm = replace(WRITING, temperature=1.0, seed=5)

    first, again = ([text.ids for text in written(decoder, features, warm)] for _ in range(2))

    assert first == again
    assert first != [text.ids for text in written(decoder, features, replace(warm, seed=6))]
    assert first != [text.ids for text in written(decoder, features)]


def test_the_likeliest_candidate_follows_the_start(decoder, features):
    for text, language in zip(features, likeliest(decoder, features, START, [2, 5, 7]), strict=True):
        with torch.inference_mode():
            hidden, _ = decoder(torch.tensor([[START]]), Cache(decoder, text[None], 1))
            logits = decoder.logits(hidden[:, -1])[0]
        assert language == max((2, 5, 7), key=lambda token: float(logits[token]))


@pytest.mark.parametrize("n_asked", [0, 1, 4])
def test_who_stops_it_gets_nothing(decoder, features, n_asked: int):
    asked = iter(range(100))

    found = write(decoder, features, [PROMPT] * N_TEXTS, [20] * N_TEXTS, WRITING, lambda: next(asked) >= n_asked)

    assert found is None
