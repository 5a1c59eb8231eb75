"""8-bit weights: the products are exact in integers, close in floats, and the compiled step is the model's."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
import threading

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tests.models.mini_omni import tiny_weights  # noqa: E402
from voicechat.models.mini_omni import kernels  # noqa: E402
from voicechat.models.mini_omni.generate import generate_batch  # noqa: E402
from voicechat.models.mini_omni.int8 import Int8Embedding, Int8Linear, Int8MiniOmni, quantize, quantize_model  # noqa: E402
from voicechat.models.mini_omni.model import KVCache, MiniOmni, ModelConfig  # noqa: E402

# All sizes multiples of 64, so that the compiled step runs.
CONFIG = ModelConfig(
    n_layer=2,
    n_head=4,
    n_query_groups=2,
    head_size=16,
    n_embd=64,
    intermediate_size=128,
    block_size=48,
    padded_vocab_size=181_120,
    whisper_adapter_dim=24,
)

compiled = pytest.mark.skipif(kernels.library() is None, reason="no C compiler")


@pytest.fixture(params=["compiled", "torch"])
def either_way(request, monkeypatch):
    """Run with the compiled kernels and without them."""
    if request.param == "torch":
        monkeypatch.setattr(kernels, "library", lambda: None)
    elif kernels.library() is None:
        pytest.skip("no C compiler")
    return request.param


def random_model(seed=0):
    torch.manual_seed(seed)
    with torch.device("meta"):
        model = MiniOmni(CONFIG)
    state = {name: torch.randn(tensor.shape) * 0.1 for name, tensor in model.state_dict().items()}
    model.load_state_dict(
        {
            n: 1 + t if n.endswith(("_1.weight", "_2.weight", "f.weight")) and t.ndim == 1 else t
            for n, t in state.items()
        },
        assign=True,
    )
    return model.eval()


def linear(n_in, n_out, *, bias=False, seed=0):
    torch.manual_seed(seed)
    layer = Int8Linear(n_in, n_out, bias=bias)
    layer.fill(torch.randn(n_out, n_in), bias=torch.randn(n_out))
    return layer


def weights_of(layer):
    return layer.weight[: layer.n_out, : layer.n_in].double() * layer.scale[: layer.n_out, None].double()


@torch.inference_mode()
def hidden_states(model, forward=None, n_steps=6):
    """The states after a prefill of two rows and some single steps, and the cache."""
    torch.manual_seed(1)
    ids = torch.randint(0, 150_000, (2, 8, 10 + n_steps))
    features = torch.randn(5, CONFIG.whisper_adapter_dim)
    cache = KVCache(CONFIG, batch=2, n_positions=10 + n_steps, like=torch.empty(0))
    forward = forward or model
    states = [forward(model.embed(ids[:, :, :10], features), cache)]
    states += [forward(model.embed(ids[:, :, i : i + 1]), cache) for i in range(10, 10 + n_steps)]
    return torch.stack(states), cache


@given(
    st.integers(1, 15), st.integers(1, 40), st.integers(1, 400), st.booleans(), st.floats(1e-6, 1e6), st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
@compiled
def test_a_product_is_that_of_the_rounded_weights_whatever_its_shape(m, n, k, bias, size, seed):
    layer = linear(k, n, bias=bias, seed=seed)
    x = torch.randn(m, k) * size

    y = layer(x)

    expected = x.double() @ weights_of(layer).T
    if bias:
        expected += layer.bias[:n]
    # Activations keep at least 11 bits of the largest in their row.
    scale = x.abs().amax(dim=1, keepdim=True).double() * weights_of(layer).abs().sum(dim=1)
    assert y.shape == (m, n)
    assert ((y - expected).abs() <= scale * 2**-11 + 1e-5 * expected.abs() + 1e-6).all()


@compiled
def test_integer_sums_are_exact():
    """The worst case for 32 bits: all weights and activations at their largest, in the longest rows."""
    for k, m, n in ((896, 1, 8), (4864, 2, 8), (4864, 7, 8), (2496, 13, 8), (4864, 7, 48), (896, 40, 48)):
        layer = Int8Linear(k, n)
        layer.weight.fill_(127).view(n, -1)[n // 2 :] *= -1
        layer.scale.fill_(1.0)

        y = layer(torch.full((m, k), -3.0))

        expected = torch.tensor([-3.0 * 127 * k] * (n // 2) + [3.0 * 127 * k] * (n // 2))
        torch.testing.assert_close(y, expected.expand(m, n), rtol=1e-6, atol=0)


@compiled
@pytest.mark.parametrize("k", [64, 896, 2432, 2496, 4864])
@pytest.mark.parametrize("n", [300, 304])  # some processors have another way for multiples of 16
def test_a_row_gives_the_same_alone_and_in_any_batch(k, n):
    layer = linear(k, n, bias=True)
    x = torch.randn(40, k)

    together = layer(x)

    for n_rows in (1, 2, 3, 4, 5, 6, 7, 16, 17, 39):
        assert torch.equal(layer(x[:n_rows]), together[:n_rows])


@compiled
def test_products_of_many_threads_at_once_are_right():
    layer = linear(896, 2048)
    x = torch.randn(2, 896)
    expected = layer(x)
    wrong = []

    def multiply():
        wrong.extend(i for i in range(50) if not torch.equal(layer(x), expected))

    threads = [threading.Thread(target=multiply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_product_is_close_to_that_of_the_float_weights(either_way):
    torch.manual_seed(0)
    weight, x = torch.randn(200, 896), torch.randn(3, 2, 896)
    layer = Int8Linear(896, 200)
    layer.fill(weight)

    y, exact = layer(x), x @ weight.T

    assert y.shape == exact.shape
    assert (y - exact).norm() / exact.norm() < 0.012


def test_some_rows_of_a_product_are_those_of_all(either_way):
    layer = linear(64, 40, bias=True)
    x = torch.randn(2, 64)

    torch.testing.assert_close(layer(x, slice(8, 20)), layer(x)[:, 8:20])


def test_an_outlier_does_not_drown_the_rest_of_its_row():
    if kernels.library() is None:
        pytest.skip("no C compiler")
    layer = linear(896, 64)
    layer.weight[:, 0] = 0  # the outlier itself does not count
    x = torch.randn(1, 896)
    x[0, 0] = 100.0

    expected = x.double() @ weights_of(layer).T

    assert (layer(x) - expected).norm() / expected.norm() < 0.005  # 8 bits would give 0.2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@compiled
def test_a_broken_activation_does_not_pass_for_a_number(bad):
    x = torch.randn(2, 64)
    x[0, 3] = bad

    y = linear(64, 8)(x)

    assert not y[0].isfinite().any()
    assert y[1].isfinite().all()


def test_rounding_is_to_nearest_and_keeps_the_largest():
    weight = torch.tensor([[1.27, -0.5, 0.004, 0.006], [0.0, 0.0, 0.0, 0.0]])

    packed, scale = quantize(weight)

    assert packed.tolist() == [[127, -50, 0, 1], [0, 0, 0, 0]]
    assert scale[0].item() == pytest.approx(0.01)


def test_an_embedding_shares_the_weight_of_a_tied_head():
    head = linear(40, 100)

    embedding = Int8Embedding(head)

    assert embedding.weight.data_ptr() == head.weight.data_ptr()
    torch.testing.assert_close(embedding(torch.tensor([[3, 99]])).double()[0], weights_of(head)[[3, 99]])


def test_the_8_bit_model_is_close_to_the_float_one_and_empties_it(either_way):
    model = random_model()
    exact, _ = hidden_states(model)

    quantized = quantize_model(model)
    close, _ = hidden_states(quantized)

    assert (close - exact).norm() / exact.norm() < 0.05
    assert sum(p.numel() for p in model.parameters()) < 1_000  # the norms, which both have


@compiled
def test_the_compiled_step_is_the_models_own():
    quantized = quantize_model(random_model())

    stepped, cache = hidden_states(quantized)
    expected, expected_cache = hidden_states(quantized, forward=lambda x, c: MiniOmni.forward(quantized, x, c))

    torch.testing.assert_close(stepped, expected, rtol=0, atol=2e-4)
    torch.testing.assert_close(cache.keys, expected_cache.keys, rtol=0, atol=2e-4)
    torch.testing.assert_close(cache.values, expected_cache.values, rtol=0, atol=2e-4)
    assert cache.position == expected_cache.position


@compiled
@pytest.mark.parametrize("n_before", [0, 7])
@pytest.mark.parametrize("n_new", [2, 5, 12])
@torch.inference_mode()
def test_the_compiled_prompt_is_the_models_own(n_before, n_new):
    quantized = quantize_model(random_model())
    caches = [KVCache(CONFIG, batch=2, n_positions=24, like=torch.empty(0)) for _ in range(2)]
    x = torch.randn(1, n_before + n_new, CONFIG.n_embd)

    for cache, forward in zip(caches, (quantized, lambda x, c: MiniOmni.forward(quantized, x, c)), strict=True):
        row = cache.row(1)
        if n_before:
            forward(x[:, :n_before], row)
        cache.hidden = forward(x[:, n_before:], row)
        cache.position = row.position

    ours, theirs = caches
    torch.testing.assert_close(ours.hidden, theirs.hidden, rtol=0, atol=2e-4)
    torch.testing.assert_close(ours.keys, theirs.keys, rtol=0, atol=2e-4)
    torch.testing.assert_close(ours.values, theirs.values, rtol=0, atol=2e-4)
    assert ours.position == theirs.position == n_before + n_new


@compiled
@torch.inference_mode()
def test_the_compiled_step_works_on_one_row_of_a_batchs_cache():
    quantized = quantize_model(random_model())
    _, cache = hidden_states(quantized, n_steps=2)
    _, whole = hidden_states(quantized, n_steps=2)
    cache.position = whole.position = 11
    x = torch.randn(2, 1, CONFIG.n_embd)

    both, first = quantized(x, whole), quantized(x[:1], cache.row(0))

    torch.testing.assert_close(first, both[:1], rtol=0, atol=1e-5)


@compiled
@torch.inference_mode()
def test_a_full_cache_is_refused_and_not_written_past():
    quantized = quantize_model(random_model())
    cache = KVCache(CONFIG, batch=1, n_positions=4, like=torch.empty(0))
    cache.position = 4

    with pytest.raises(ValueError, match="the cache is full: 4 positions"):
        quantized(torch.randn(1, 1, CONFIG.n_embd), cache)
    cache.position = 2
    with pytest.raises(ValueError, match="the cache is full: 4 positions"):
        quantized(torch.randn(1, 3, CONFIG.n_embd), cache)


def test_the_8_bit_model_speaks(either_way):
    model = tiny_weights.model(8, tied=True)
    features = tiny_weights.audio_features(8, 32)

    steps = list(generate_batch(quantize_model(copy.deepcopy(model)), features, max_new_tokens=12))

    exact = list(generate_batch(model, features, max_new_tokens=12))
    assert len(steps) == 12
    assert steps[0].text == exact[0].text


def test_its_state_dict_is_its_checkpoint():
    quantized = quantize_model(random_model())
    with torch.device("meta"):
        loaded = Int8MiniOmni(CONFIG)

    loaded.load_state_dict(quantized.state_dict(), assign=True)

    torch.testing.assert_close(hidden_states(loaded)[0], hidden_states(quantized)[0], rtol=0, atol=0)


@pytest.fixture
def broken_compiler(monkeypatch, tmp_path):
    """A machine whose one compiler, cc, fails."""
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'cannot compile today' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(kernels.importlib.util, "find_spec", lambda name: None)
    return compiler


def test_without_a_compiler_there_are_no_kernels_and_no_error(broken_compiler):
    broken_compiler.unlink()

    assert kernels.library.__wrapped__() is None


def test_a_compiler_that_fails_leaves_no_kernels_and_says_why(broken_compiler, caplog):
    with caplog.at_level("INFO"):
        assert kernels.library.__wrapped__() is None

    assert "cannot compile today" in caplog.text


@compiled
def test_where_one_compiler_fails_the_next_is_asked(broken_compiler, monkeypatch):
    monkeypatch.setenv("PATH", f"{broken_compiler.parent}{os.pathsep}{os.defpath}")
    if not shutil.which("gcc") and not shutil.which("clang"):
        pytest.skip("no second compiler")

    assert kernels.library.__wrapped__() is not None


def test_nothing_is_built_at_import():
    code = "import sys, voicechat.models.mini_omni.int8 as i; sys.exit(i.kernels.library.cache_info().currsize)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
