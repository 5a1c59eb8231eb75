"""Writing the four kinds of files."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from tests.audio.recordings import encoded, level, tone
from voicechat.audio.encoder import FORMATS, AudioEncoder
from voicechat.types import AudioChunk


def decoded(data: bytes) -> tuple[np.ndarray, int]:
    """Decode a mono file: float32 (n,) and its rate."""
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono")
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        rate = container.streams.audio[0].codec_context.sample_rate
    return np.concatenate([np.zeros(0, np.float32), *(frame.to_ndarray()[0] for frame in frames)]), rate


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 24_000, 48_000])
def test_a_file_is_as_long_and_as_loud_as_what_went_in(suffix: str, sample_rate: int) -> None:
    samples, rate = decoded(encoded(suffix, tone(1.2, sample_rate=sample_rate), sample_rate=sample_rate))

    assert len(samples) / rate == pytest.approx(1.2, abs=0.001)
    assert level(samples) == pytest.approx(0.354, rel=0.06)  # LAME takes 0.4 dB off, against clipping


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_lossless_files_hold_the_samples_to_the_bit(suffix: str) -> None:
    pcm = np.random.default_rng(0).integers(-32_768, 32_768, 5_000).astype(np.int16)

    samples, rate = decoded(encoded(suffix, pcm.astype(np.float32) / 32_768, sample_rate=24_000))

    np.testing.assert_array_equal(samples * 32_768, pcm)
    assert rate == 24_000


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_chunks_give_the_same_bytes(suffix: str) -> None:
    assert encoded(suffix, tone()) == encoded(suffix, tone())


@pytest.mark.parametrize("suffix", FORMATS)
def test_without_a_sample_the_file_is_still_a_valid_one(suffix: str) -> None:
    file = io.BytesIO()
    AudioEncoder(file, FORMATS[suffix]).close()

    samples, rate = decoded(file.getvalue())

    assert len(samples) / rate <= 0.1
    assert not samples.any()


def test_chunks_of_other_rates_are_brought_to_that_of_the_first() -> None:
    file = io.BytesIO()
    encoder = AudioEncoder(file, FORMATS[".wav"])
    for rate in (24_000, 16_000, 48_000, 24_000):
        encoder.write(AudioChunk(tone(0.5, sample_rate=rate), rate))
    encoder.close()

    samples, rate = decoded(file.getvalue())

    assert rate == encoder.sample_rate == 24_000
    assert len(samples) == pytest.approx(2.0 * 24_000, abs=3)
    crossings = np.count_nonzero(np.diff(np.signbit(samples)))
    assert crossings == pytest.approx(2 * 440 * 2.0, abs=6)


def test_each_write_reaches_the_file_before_it_returns() -> None:
    file = io.BytesIO()
    encoder = AudioEncoder(file, FORMATS[".wav"])

    sizes = []
    for _ in range(3):
        encoder.write(AudioChunk(tone(0.1), 16_000))
        sizes.append(len(file.getvalue()))

    assert sizes == [44 + 3_200, 44 + 6_400, 44 + 9_600]


def test_close_is_idempotent() -> None:
    file = io.BytesIO()
    encoder = AudioEncoder(file, FORMATS[".mp3"])
    encoder.write(AudioChunk(tone(), 16_000))
    encoder.close()
    once = file.getvalue()

    encoder.close()

    assert file.getvalue() == once
