"""Sample formats: from whatever a codec gives to mono float32 in [-1, 1], and from there to 16 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av import AudioFrame


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Turn samples in [-1, 1], (n,), into int16 (n,); louder ones are clipped, NaN becomes 0.

    A 16-bit file that was read (divided by 32768) and is written again keeps its samples.
    """
    scaled = np.nan_to_num(np.asarray(samples, np.float32) * np.float32(32_768), nan=0.0, posinf=32_767, neginf=-32_768)
    pcm: np.ndarray = np.clip(np.rint(scaled), -32_768, 32_767).astype(np.int16)
    return pcm


def mono_samples(frame: AudioFrame) -> tuple[np.ndarray, int]:
    """Give the mean of a decoded frame's channels.

    Returns:
        float32 (n,) in [-1, 1], and how many values were NaN or infinite and count as 0.
    """
    channels, n_replaced = channel_samples(frame)
    return channels.mean(axis=0, dtype=np.float32), n_replaced


def channel_samples(frame: AudioFrame) -> tuple[np.ndarray, int]:
    """Give a decoded frame's channels.

    Returns:
        float32 (n_channels, n) in [-1, 1], and how many values were NaN or infinite and count as 0.
    """
    if frame.format.name.startswith("s64"):  # the one format that PyAV does not hand to numpy
        from av import AudioResampler

        frame = AudioResampler(format="dbl").resample(frame)[0]
    values: np.ndarray = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(frame.samples, -1).T  # (n_channels, n)
    n_replaced = 0
    floats: np.ndarray
    if values.dtype == np.uint8:
        floats = (values.astype(np.float32) - 128) / 128
    elif np.issubdtype(values.dtype, np.integer):
        floats = values.astype(np.float32) / np.float32(2.0 ** (8 * values.itemsize - 1))
    else:
        with np.errstate(over="ignore"):
            floats = values.astype(np.float32)
        finite = np.isfinite(floats)
        if not finite.all():
            n_replaced = int(floats.size - np.count_nonzero(finite))
            floats = np.where(finite, floats, np.float32(0))
        floats = np.clip(floats, -1, 1)
    return floats, n_replaced
