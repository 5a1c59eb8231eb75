"""Word times: the path through a matrix, held against a plain one and against transformers'."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

torch = pytest.importorskip("torch")

from voicechat.models.whisper.timing import median_filtered, token_times, warped, word_times  # noqa: E402

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 14))
COSTS = SHAPES.flatmap(lambda shape: arrays.arrays(np.float64, shape, elements=st.integers(-3, 3).map(float)))


@given(COSTS)
def test_a_path_leads_from_corner_to_corner_by_single_steps(cost: np.ndarray):
    rows, columns = warped(cost)

    assert (rows[0], columns[0]) == (0, 0)
    assert (rows[-1], columns[-1]) == (cost.shape[0] - 1, cost.shape[1] - 1)
    steps = set(zip(np.diff(rows).tolist(), np.diff(columns).tolist(), strict=True))
    assert steps <= {(0, 1), (1, 0), (1, 1)}


@given(COSTS)
def test_no_path_is_cheaper(cost: np.ndarray):
    rows, columns = warped(cost)

    assert cost[rows, columns].sum() == pytest.approx(cheapest(cost))


def cheapest(cost: np.ndarray) -> float:
    total = np.full(np.add(cost.shape, 1), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(cost.shape):
        total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return float(total[-1, -1])


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(1, 60), st.integers(0, 1000))
def test_the_path_is_transformers(n: int, m: int, seed: int):
    theirs = pytest.importorskip("transformers.models.whisper.generation_whisper")
    cost = np.random.default_rng(seed).standard_normal((n, m))

    rows, columns = warped(cost)
    expected_rows, expected_columns = theirs._dynamic_time_warping(cost)

    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(columns, expected_columns)


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.integers(-9, 9)))
def test_the_median_is_that_of_seven(weights: np.ndarray):
    n = weights.shape[1]
    padded = np.pad(weights, ((0, 0), (3, 3)), mode="reflect") if n > 3 else None

    filtered = median_filtered(weights)

    for position in range(n):
        expected = weights[:, position] if padded is None else np.median(padded[:, position : position + 7], axis=1)
        np.testing.assert_array_equal(filtered[:, position], expected)


def looking(spans: list[tuple[int, int]], n_positions: int) -> np.ndarray:
    """Attention that looks where each token is."""
    rows = np.full((len(spans), n_positions), 1e-3)
    for row, (begin, end) in enumerate(spans):
        rows[row, begin:end] = 1
    return (rows / rows.sum(1, keepdims=True)).astype(np.float32)


def test_words_are_where_the_heads_look():
    # Three tokens, the last of which is a word of its own, and the end of the text.
    weights = np.stack([looking([(0, 20), (20, 45), (45, 80), (80, 100)], 100)] * 2)

    times = token_times(weights, position_s=0.02)
    words = word_times([(" hello", 2), (" you", 1)], times)

    assert times == pytest.approx([0.0, 0.4, 0.9, 1.6], abs=0.05)
    assert [word.text for word in words] == [" hello", " you"]
    assert (words[0].start_s, words[0].end_s) == (times[0], times[2])
    assert (words[1].start_s, words[1].end_s) == (times[2], times[3])


@given(st.integers(1, 8), st.integers(1, 40), st.integers(0, 99))
def test_times_never_fall_and_stay_in_the_window(n_rows: int, n_positions: int, seed: int):
    weights = np.random.default_rng(seed).dirichlet(np.ones(n_positions), (2, n_rows)).astype(np.float32)

    times = token_times(weights, position_s=0.02)

    assert len(times) == n_rows
    assert (np.diff(times) >= 0).all()
    assert 0 <= times[0] <= times[-1] < n_positions * 0.02


def test_the_times_are_transformers():
    """Theirs leave out the row of the last prompt token; given that row, both say the same."""
    transformers = pytest.importorskip("transformers")
    from types import SimpleNamespace

    generator = np.random.default_rng(0)
    weights = generator.dirichlet(np.ones(60), (3, 2, 9)).astype(np.float32)  # layers, heads, rows, positions
    heads = [[0, 1], [1, 0], [2, 1]]
    model = SimpleNamespace(config=SimpleNamespace(decoder_layers=3, median_filter_width=7))
    outputs = SimpleNamespace(
        cross_attentions=[tuple(torch.from_numpy(layer)[None] for layer in weights)],
        sequences=torch.zeros(1, 10, dtype=torch.int64),
    )
    outputs_like = type("Outputs", (SimpleNamespace,), {"__contains__": lambda self, name: name in vars(self)})

    mixin = transformers.models.whisper.generation_whisper.WhisperGenerationMixin
    expected = mixin._extract_token_timestamps(model, outputs_like(**vars(outputs)), heads, num_input_ids=0)[0]

    times = token_times(np.stack([weights[layer, head] for layer, head in heads]), position_s=0.02)
    np.testing.assert_allclose(times, expected[:9].numpy(), atol=1e-6)
