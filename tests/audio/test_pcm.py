"""Laws of the sample formats."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.audio.pcm import mono_samples, to_int16


@given(st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_sixteen_bits_survive_the_way_to_floats_and_back(values: list[int]) -> None:
    pcm = np.array(values, np.int16)

    np.testing.assert_array_equal(to_int16(pcm.astype(np.float32) / 32_768), pcm)


def test_too_loud_samples_are_clipped_and_nan_becomes_silence() -> None:
    samples = np.array([1.0, 1.5, -1.5, np.inf, -np.inf, np.nan], np.float32)

    assert to_int16(samples).tolist() == [32_767, 32_767, -32_768, 32_767, -32_768, 0]


@pytest.mark.parametrize(
    ("sample_format", "full_scale", "middle"),
    [("u8", 128, 128), ("s16", 2**15, 0), ("s32", 2**31, 0), ("flt", 1, 0), ("dbl", 1, 0)],
)
@pytest.mark.parametrize("planar", [False, True])
def test_every_format_is_scaled_and_its_channels_are_averaged(
    sample_format: str, full_scale: int, middle: int, planar: bool
) -> None:
    left, right = np.array([0.5, -0.5, 0.0]), np.array([0.25, -1.0, 0.0])
    values = np.stack([left, right]) * full_scale + middle
    name = sample_format + "p" * planar
    dtype = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}[sample_format]
    data = values.astype(dtype) if planar else values.T.reshape(1, -1).astype(dtype)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=name, layout="stereo")

    samples, n_replaced = mono_samples(frame)

    np.testing.assert_allclose(samples, (left + right) / 2, atol=1e-6)
    assert samples.dtype == np.float32
    assert n_replaced == 0


def test_values_that_are_no_numbers_are_counted_and_silent_and_huge_ones_clipped() -> None:
    data = np.array([[0.5, np.nan, np.inf, 1e300, -3.0]])
    frame = av.AudioFrame.from_ndarray(data, format="dbl", layout="mono")

    samples, n_replaced = mono_samples(frame)

    assert samples.tolist() == [0.5, 0.0, 0.0, 0.0, -1.0]  # 1e300 is infinite as a float32
    assert n_replaced == 3
