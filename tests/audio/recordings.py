"""Sounds and files for the tests of audio, made from nothing."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from voicechat.audio.encoder import FORMATS, AudioEncoder
from voicechat.audio.file_source import FileSource
from voicechat.errors import AudioFileError
from voicechat.types import AudioChunk, Notice


def tone(duration_s: float = 1.0, *, sample_rate: int = 16_000, frequency_hz: float = 440.0) -> np.ndarray:
    """Give a tone at half of full scale, float32 (n,)."""
    times_s = np.arange(round(sample_rate * duration_s)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.float32)


def level(samples: np.ndarray) -> float:
    """Give the RMS of the middle half, where no codec rings; 0.354 for a tone."""
    n_quarter = len(samples) // 4
    return float(np.sqrt(np.mean(np.square(samples[n_quarter:-n_quarter], dtype=np.float64))))


def encoded(suffix: str, samples: np.ndarray, *, sample_rate: int = 16_000) -> bytes:
    """Give the bytes of a file as we write it."""
    file = io.BytesIO()
    encoder = AudioEncoder(file, FORMATS[suffix])
    encoder.write(AudioChunk(samples, sample_rate))
    encoder.close()
    return file.getvalue()


def foreign(codec: str, container: str, planes: np.ndarray, *, sample_rate: int = 16_000, sample_format: str) -> bytes:
    """Give the bytes of a file as ffmpeg writes it.

    Args:
        planes: float32 (n_channels, n).
        sample_format: ffmpeg's name of the codec's own format, as in "s16".
    """
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(planes)]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=sample_rate, layout=layout, format=sample_format)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), format="fltp", layout=layout)
        frame.sample_rate = sample_rate
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def float_wav(samples: np.ndarray, *, sample_rate: int = 16_000) -> bytes:
    """Give a mono WAV of raw float32 samples, whatever they are."""
    data = samples.astype("<f4").tobytes()
    header = struct.pack(
        "<4sI8sIHHIIHH", b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 3, 1, sample_rate, 4 * sample_rate, 4, 32
    )
    return header + struct.pack("<4sI", b"data", len(data)) + data


def save(path: Path, data: bytes) -> Path:
    """Write a file and give its path."""
    path.write_bytes(data)
    return path


def read_all(source: FileSource) -> np.ndarray:
    """Read a source to its end: float32 (n,) at 16 kHz."""
    chunks = [np.zeros(0, np.float32)]
    while (chunk := source.read()) is not None:
        assert len(chunk)
        chunks.append(chunk)
    return np.concatenate(chunks)


def read_file(path: Path, notify: Callable[[Notice], None] | None = None) -> np.ndarray:
    """Read one file to its end; a notice fails the test unless it is taken."""
    source = FileSource([path], notify=notify or _fail)
    try:
        return read_all(source)
    finally:
        source.close()


def refusal(path: str | Path) -> str:
    """Open an input that must fail, and give the message: one printable line."""
    with pytest.raises(AudioFileError) as failure:
        FileSource([path], notify=lambda notice: None)
    assert str(failure.value).isprintable()
    return str(failure.value)


def _fail(notice: Notice) -> None:
    raise AssertionError(notice.text)
