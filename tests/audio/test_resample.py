"""Laws of the streaming resampler."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechat.audio.resample import Resampler

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000]


def noise(n_samples: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(n_samples) * 0.2).astype(np.float32)


def tone(frequency_hz: float, *, sample_rate: int, duration_s: float = 1.0) -> np.ndarray:
    times_s = np.arange(round(sample_rate * duration_s)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    resampler = Resampler(from_rate, to_rate)
    return np.concatenate([resampler.push(samples), resampler.flush()])


@settings(max_examples=60, deadline=None)
@given(
    from_rate=st.sampled_from(RATES),
    to_rate=st.sampled_from(RATES),
    chunk_lengths=st.lists(st.integers(0, 3_000), max_size=20),
)
def test_pieces_of_any_length_give_the_whole_signals_samples(
    from_rate: int, to_rate: int, chunk_lengths: list[int]
) -> None:
    signal = noise(sum(chunk_lengths))
    resampler = Resampler(from_rate, to_rate)

    pieces = [resampler.push(piece) for piece in np.split(signal, np.cumsum(chunk_lengths))]
    streamed = np.concatenate([*pieces, resampler.flush()])

    np.testing.assert_array_equal(streamed, resample(signal, from_rate, to_rate))


@settings(max_examples=60, deadline=None)
@given(from_rate=st.sampled_from(RATES), to_rate=st.sampled_from(RATES), n_samples=st.integers(0, 20_000))
def test_the_length_follows_the_ratio_to_within_one_sample(from_rate: int, to_rate: int, n_samples: int) -> None:
    resampled = resample(noise(n_samples), from_rate, to_rate)

    assert abs(len(resampled) - n_samples * to_rate / from_rate) <= 1
    assert resampled.dtype == np.float32


@pytest.mark.parametrize("from_rate", [8_000, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_level_and_place(from_rate: int) -> None:
    resampled = resample(tone(1_000, sample_rate=from_rate), from_rate, 16_000)

    middle = slice(1_600, -1_600)  # the ends ring: the tone begins and stops at full level
    error = resampled[middle] - tone(1_000, sample_rate=16_000)[middle]
    assert 20 * np.log10(np.sqrt(np.mean(error**2)) / 0.354) < -90


def test_what_the_new_rate_cannot_carry_is_removed() -> None:
    resampled = resample(tone(11_000, sample_rate=48_000), 48_000, 16_000)

    assert np.abs(resampled[1_600:-1_600]).max() < 1e-4


def test_equal_rates_change_nothing() -> None:
    signal = noise(1_000)

    np.testing.assert_array_equal(resample(signal, 16_000, 16_000), signal)


def test_a_flushed_resampler_starts_a_fresh_signal() -> None:
    resampler = Resampler(48_000, 16_000)
    resampler.push(noise(5_000, seed=1))
    resampler.flush()

    again = np.concatenate([resampler.push(noise(5_000, seed=2)), resampler.flush()])

    np.testing.assert_array_equal(again, resample(noise(5_000, seed=2), 48_000, 16_000))


def test_strided_and_double_precision_samples_are_taken() -> None:
    stereo = np.stack([noise(4_800, seed=1), noise(4_800, seed=2)], axis=1).astype(np.float64)

    resampled = resample(stereo[:, 0], 48_000, 16_000)

    np.testing.assert_array_equal(resampled, resample(noise(4_800, seed=1), 48_000, 16_000))


def test_a_rate_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="0"):
        Resampler(0, 16_000)
