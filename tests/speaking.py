"""Speech for the tests, made by the built-in voice, and the built-in recognizer to hear it with."""

from __future__ import annotations

import functools
from contextlib import closing
from pathlib import Path

import numpy as np
import soxr

from voicechat.asr import pocketsphinx
from voicechat.audio.encoder import FORMATS, AudioEncoder
from voicechat.audio.file_source import FileSource
from voicechat.tts import espeak
from voicechat.types import CAPTURE_RATE, AudioChunk

QUESTION = Path(__file__).parent.parent / "config" / "demo" / "question.wav"  # "what time is it"


def synthesized(text: str, **options: int) -> AudioChunk:
    """Say a text with the built-in voice."""
    with closing(espeak.load(espeak.Options(**options))) as synthesizer:
        chunks = list(synthesizer.synthesize(text))
    return AudioChunk(np.concatenate([chunk.samples for chunk in chunks]), chunks[0].sample_rate)


def spoken(text: str) -> AudioChunk:
    """Say a text as a user would: slowly, with 0.3 s of silence on either side."""
    speech = synthesized(text, speed_wpm=140)
    pause = np.zeros(round(0.3 * speech.sample_rate), np.float32)
    return AudioChunk(np.concatenate([pause, speech.samples, pause]), speech.sample_rate)


def write_audio(path: Path, *chunks: AudioChunk) -> Path:
    """Write chunks one after another, in the format that the suffix says."""
    with path.open("wb") as file:
        encoder = AudioEncoder(file, FORMATS[path.suffix])
        for chunk in chunks:
            encoder.write(chunk)
        encoder.close()
    return path


def read_audio(path: Path) -> np.ndarray:
    """Give a file as float32 (n,) at 16 kHz."""
    source = FileSource([path], notify=lambda notice: None, gap_s=0)
    blocks = []
    while (block := source.read()) is not None:
        blocks.append(block)
    source.close()
    return np.concatenate([np.zeros(0, np.float32), *blocks])


@functools.cache
def _transcriber() -> pocketsphinx.PocketsphinxTranscriber:
    return pocketsphinx.load(pocketsphinx.Options())


def understood(samples: np.ndarray) -> str:
    """Give the words that the built-in recognizer hears in float32 (n,) at 16 kHz."""
    return list(_transcriber().transcribe([samples]))[-1].text


def likeness(recording: np.ndarray, text: str) -> float:
    """Give how much the best fitting part of a recording is the built-in voice saying a text: 1 if it is nothing else.

    Args:
        recording: float32 (n,) at 16 kHz.
        text: one sentence.
    """
    speech = synthesized(text)
    expected = soxr.resample(speech.samples, speech.sample_rate, CAPTURE_RATE)
    n = 1 << (len(expected) + len(recording)).bit_length()
    fit = np.fft.irfft(np.fft.rfft(recording, n) * np.conj(np.fft.rfft(expected, n)), n)
    at = int(np.argmax(fit[: len(recording)]))
    heard = np.zeros(len(expected))
    part = recording[at : at + len(expected)]
    heard[: len(part)] = part
    return float(np.dot(heard, expected) / max(np.linalg.norm(heard) * np.linalg.norm(expected), 1e-9))
