"""Speech for the tests, made by the built-in voice, and the built-in recognizer to hear it with."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from voicechat.asr import pocketsphinx
from voicechat.audio.encoder import FORMATS, AudioEncoder
from voicechat.audio.file_source import FileSource
from voicechat.tts import espeak
from voicechat.types import AudioChunk

QUESTION = Path(__file__).parent.parent / "config" / "demo" / "question.wav"  # "what time is it"


def spoken(text: str, *, speed_wpm: int = 140) -> AudioChunk:
    """Say a text; 0.3 s of silence on either side."""
    synthesizer = espeak.load(espeak.Options(speed_wpm=speed_wpm))
    try:
        chunks = list(synthesizer.synthesize(text))
    finally:
        synthesizer.close()
    rate = chunks[0].sample_rate
    pause = np.zeros(round(0.3 * rate), np.float32)
    return AudioChunk(np.concatenate([pause, *(chunk.samples for chunk in chunks), pause]), rate)


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
