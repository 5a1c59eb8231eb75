"""Whisper's log-mel spectrogram (arXiv 2212.04356) of the end of a turn, in plain numpy: no torch beside onnxruntime.

Knows 16 kHz audio and features. As in Whisper, but of 8 s and of a waveform that was brought to mean 0 and variance 1,
which is what Smart Turn was trained on.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from voicechat.types import CAPTURE_RATE

WINDOW_S = 8
WINDOW_SAMPLES = WINDOW_S * CAPTURE_RATE
N_FFT, HOP_SAMPLES = 400, 160  # 25 ms, 10 ms
N_MELS = 80
N_FRAMES = WINDOW_SAMPLES // HOP_SAMPLES  # 800

_VARIANCE_FLOOR = 1e-7
_POWER_FLOOR = 1e-10
_DYNAMIC_RANGE = 8.0  # decades below the loudest that are kept


def log_mel(audio: np.ndarray) -> np.ndarray:
    """Give the features of the last 8 s, float32 (80, 800); what is shorter is preceded by silence.

    Args:
        audio: float32 (n,) at 16 kHz; NaN counts as 0.
    """
    samples = np.zeros(WINDOW_SAMPLES)
    end = np.nan_to_num(audio[-WINDOW_SAMPLES:].astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    samples[WINDOW_SAMPLES - len(end) :] = end
    samples = (samples - samples.mean()) / math.sqrt(float(samples.var()) + _VARIANCE_FLOOR)
    padded = np.pad(samples, N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_SAMPLES][:N_FRAMES]
    window, filters = _tables()
    spectrum = np.fft.rfft(frames * window)  # (800, 201)
    mel = filters @ (spectrum.real**2 + spectrum.imag**2).T
    log = np.log10(np.maximum(mel, _POWER_FLOOR))
    log = np.maximum(log, log.max() - _DYNAMIC_RANGE)
    features: np.ndarray = ((log + 4.0) / 4.0).astype(np.float32)
    return features


@cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Give the window, and the triangular filters (80, 201) on Slaney's scale: linear to 1 kHz, logarithmic above."""
    window = np.hanning(N_FFT + 1)[:-1]  # periodic
    top = 15 + 27 * math.log(CAPTURE_RATE / 2 / 1000) / math.log(6.4)
    mels = np.linspace(0, top, N_MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * math.log(6.4) / 27))  # Hz
    bins = np.linspace(0, CAPTURE_RATE / 2, N_FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    # Each triangle has the same area.
    return window, np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
