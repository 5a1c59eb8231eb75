"""The SNAC decoder: the package's audio, whatever the cutting, each sample computed once."""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from voicechat.models.mini_omni import kernels, snac_checkpoint  # noqa: E402
from voicechat.models.mini_omni.snac import FADE_SAMPLES, FRAME_SAMPLES, SnacConfig, SnacDecoder  # noqa: E402
from voicechat.models.mini_omni.snac_layers import noise_at  # noqa: E402

GOLDEN = Path(__file__).parents[2] / "data/snac_tiny.npz"  # made by the package snac 1.2.1, its noise off
TINY = SnacConfig(encoder_dim=4, decoder_dim=64)
ODD = SnacConfig(encoder_dim=4, encoder_rates=(2, 3, 5, 7), decoder_dim=64, decoder_rates=(7, 5, 3, 2))
OTHERS = {
    "full size": SnacConfig(),
    "odd strides": ODD,
    "not depthwise": SnacConfig(encoder_dim=4, decoder_dim=32, depthwise=False),
    "no noise blocks": SnacConfig(encoder_dim=4, decoder_dim=64, noise=False),
}


def tiny_state(config=TINY):
    """Weights drawn by name, the same on every machine."""

    def drawn(name, shape):
        generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        values = generator.standard_normal(shape, dtype=np.float32)
        if name.endswith("alpha"):
            return 0.5 + abs(values)
        if name.endswith("original0"):
            return 0.6 + 0.1 * abs(values)
        return values * np.float32(0.05 if name.endswith("bias") else 1 / np.sqrt(max(1, shape[-1])))

    return {name: torch.from_numpy(drawn(name, shape)) for name, shape in snac_checkpoint.shapes(config).items()}


DECODER = SnacDecoder(TINY, tiny_state())


@pytest.fixture(params=["compiled", "torch"])
def either_way(request, monkeypatch):
    """Run with the compiled kernels and without them."""
    if request.param == "torch":
        monkeypatch.setattr(kernels, "library", lambda: None)
    elif kernels.library() is None:
        pytest.skip("no C compiler")
    return request.param


def some_codes(n_frames, seed=0):
    return torch.randint(0, 4096, (7, n_frames), generator=torch.Generator().manual_seed(seed))


def streamed(decoder, codes, cuts, **kwargs):
    """Push the codes cut before each frame of `cuts`; a frame named twice makes an empty push."""
    stream = decoder.stream(**kwargs)
    bounds = [0, *sorted(cuts), codes.shape[1]]
    return [*(stream.push(codes[:, a:b]) for a, b in itertools.pairwise(bounds)), stream.finish()]


def largest_difference(a, b):
    assert a.shape == b.shape
    return float((a - b).abs().max()) if len(a) else 0.0


def test_the_audio_is_that_of_the_package(either_way):
    golden = np.load(GOLDEN)

    audio = DECODER.decode(torch.from_numpy(golden["codes"].astype(np.int64)))

    assert largest_difference(audio, torch.from_numpy(golden["audio"])) <= 1e-6


@pytest.mark.parametrize("config", OTHERS.values(), ids=OTHERS)
def test_the_audio_is_that_of_the_package_for_other_sizes_too(config):
    snac = pytest.importorskip("snac")
    torch.manual_seed(0)
    theirs = snac.SNAC(sampling_rate=24_000, attn_window_size=None, **vars(config)).eval()
    state = theirs.state_dict()
    for name, values in state.items():
        if name.endswith("alpha"):
            values.mul_(torch.rand_like(values) + 0.5)
    codes = some_codes(4)
    for module in theirs.modules():
        if type(module).__name__ == "NoiseBlock":
            module.forward = lambda x: x
    books = [codes[list(rows)].T.reshape(1, -1) for rows in ((0,), (1, 4), (2, 3, 5, 6))]
    with torch.inference_mode():
        expected = theirs.decode(books)[0, 0]

    assert largest_difference(SnacDecoder(config, state).decode(codes), expected) <= 1e-6


@given(st.integers(0, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n), max_size=8))))
@settings(max_examples=40, deadline=None)
def test_any_cutting_gives_the_audio_of_one_whole_decode(frames_and_cuts):
    n_frames, cuts = frames_and_cuts
    codes = some_codes(n_frames)

    pieces = streamed(DECODER, codes, cuts)

    assert largest_difference(torch.cat(pieces), DECODER.decode(codes)) <= 1e-6
    assert sum(map(len, pieces)) == n_frames * FRAME_SAMPLES


@pytest.mark.parametrize("config", [ODD, OTHERS["not depthwise"]], ids=["odd strides", "not depthwise"])
def test_any_cutting_gives_the_same_for_other_sizes_too(config, either_way):
    decoder = SnacDecoder(config, tiny_state(config))
    codes = some_codes(7)

    pieces = streamed(decoder, codes, [1, 2, 2, 5])

    assert largest_difference(torch.cat(pieces), decoder.decode(codes)) <= 1e-6
    assert sum(map(len, pieces)) == 7 * decoder.frame_samples


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_the_noise_does_not_depend_on_the_cutting(cuts, seed):
    codes = some_codes(9)

    pieces = streamed(DECODER, codes, cuts, noise_seed=seed)

    assert largest_difference(torch.cat(pieces), DECODER.decode(codes, noise_seed=seed)) <= 1e-6


def test_noise_is_heard_and_another_seed_gives_other_noise():
    codes = some_codes(3)
    silent, *noisy = (DECODER.decode(codes, noise_seed=seed) for seed in (None, 1, 2))

    assert largest_difference(noisy[0], silent) > 1e-3
    assert largest_difference(noisy[0], noisy[1]) > 1e-3


@given(st.integers(0, 20_000), st.integers(1, 5_000), st.data())
@settings(max_examples=50, deadline=None)
def test_noise_is_a_function_of_the_position(position, n_samples, data):
    cut = data.draw(st.integers(0, n_samples - 1))
    whole = noise_at(5, position, n_samples)

    assert torch.equal(noise_at(5, position + cut, n_samples - cut), whole[cut:])


def test_noise_is_standard_normal_and_does_not_repeat():
    noise = noise_at(1, 0, 100_000)

    assert abs(float(noise.mean())) < 0.02
    assert float(noise.std()) == pytest.approx(1.0, abs=0.02)
    blocks = noise[:98_304].view(-1, 2048)
    assert float(torch.corrcoef(blocks).fill_diagonal_(0).abs().max()) < 0.15


def test_an_unused_stream_ends_with_no_sound():
    assert len(DECODER.stream().finish()) == 0


def test_sound_lags_less_than_three_frames_behind_the_codes():
    pieces = streamed(DECODER, some_codes(9), range(1, 9))[:-1]

    given_samples = list(itertools.accumulate(map(len, pieces)))

    assert all(n >= (frames - 3) * FRAME_SAMPLES for frames, n in enumerate(given_samples, start=1))
    assert given_samples[2] > 1000


class Counting:
    """Stands in for a layer and counts the samples it is given."""

    def __init__(self, layer):
        self.layer, self.n_samples = layer, 0

    def push(self, x, state, *, last):
        self.n_samples += x.shape[1]
        return self.layer.push(x, state, last=last)


def test_no_layer_computes_a_sample_twice(monkeypatch):
    n_frames = 10
    counting = [Counting(layer) for layer in DECODER._layers]
    monkeypatch.setattr(DECODER, "_layers", counting)

    streamed(DECODER, some_codes(n_frames), range(1, n_frames))
    in_stream = [layer.n_samples for layer in counting]
    DECODER.decode(some_codes(n_frames))

    assert in_stream == [layer.n_samples - n for layer, n in zip(counting, in_stream, strict=True)]


@pytest.mark.parametrize("wrong", [-1, 4096, 4099])
def test_a_special_token_never_reaches_the_codebook(wrong):
    codes = some_codes(2)
    codes[3, 1] = wrong

    with pytest.raises(ValueError, match="out of range"):
        DECODER.decode(codes)


@pytest.mark.parametrize(("lookahead", "off_by_at_most"), [(0, 1.0), (1, 0.1), (2, 0.01), (3, 1e-6)])
@pytest.mark.parametrize("step", [1, 2, 5])
def test_an_early_first_sound_is_a_little_off_and_all_later_sound_exact(lookahead, off_by_at_most, step):
    codes = some_codes(11)
    exact = DECODER.decode(codes)
    exact_pieces = streamed(DECODER, codes, range(step, 11, step))

    pieces = streamed(DECODER, codes, range(step, 11, step), first_lookahead_frames=lookahead)

    audio = torch.cat(pieces)
    first = next(i for i, piece in enumerate(pieces) if len(piece))
    n_early = len(pieces[first]) + FADE_SAMPLES - 1  # the fade's last sample is exact
    assert first <= next(i for i, piece in enumerate(exact_pieces) if len(piece))
    assert largest_difference(audio[n_early:], exact[n_early:]) <= 1e-6
    assert largest_difference(audio[:n_early], exact[:n_early]) <= off_by_at_most * float(exact.abs().max())


def test_the_first_sound_comes_with_its_first_frame_if_no_lookahead_is_asked_for():
    pieces = streamed(DECODER, some_codes(4), [1, 2, 3], first_lookahead_frames=0)

    assert len(pieces[0]) == FRAME_SAMPLES - FADE_SAMPLES


def test_a_reply_shorter_than_the_lookahead_is_whole():
    codes = some_codes(2)

    pieces = streamed(DECODER, codes, [1], first_lookahead_frames=2)

    assert largest_difference(torch.cat(pieces), DECODER.decode(codes)) <= 1e-6


def test_the_kernels_and_torch_give_the_same(monkeypatch):
    if kernels.library() is None:
        pytest.skip("no C compiler")
    codes = some_codes(6)
    compiled = DECODER.decode(codes, noise_seed=1)
    monkeypatch.setattr(kernels, "library", lambda: None)

    assert largest_difference(DECODER.decode(codes, noise_seed=1), compiled) <= 1e-6
