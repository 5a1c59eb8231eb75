"""The timed blocks of a file: when each sample is heard, whatever happened to the file, and each channel by itself."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest

from tests.audio.recordings import encoded, foreign, tone
from voicechat.audio.file_decoder import Block, FileDecoder
from voicechat.audio.file_input import open_input
from voicechat.types import CAPTURE_RATE, Notice


def blocks_of(path: Path, data: bytes, *, split: bool = False) -> tuple[list[Block], list[str]]:
    path.write_bytes(data)
    notices: list[Notice] = []
    with closing(FileDecoder(open_input(str(path)), label="it", notify=notices.append)) as decoder:
        return list(decoder.blocks(split=split)), [notice.text for notice in notices]


def heard(blocks: list[Block], channel: int = 0) -> np.ndarray:
    """Lay the blocks out by their times."""
    end = max(round(block.at_s * CAPTURE_RATE) + block.channels.shape[1] for block in blocks)
    line = np.zeros(end, np.float32)
    for block in blocks:
        start = round(block.at_s * CAPTURE_RATE)
        line[start : start + block.channels.shape[1]] = block.channels[channel]
    return line


def onset_s(samples: np.ndarray) -> float:
    """Give when the first sound is heard."""
    return float(np.argmax(np.abs(samples) > 0.1) / CAPTURE_RATE)


def matroska(planes: np.ndarray, stamps_s: list[float]) -> bytes:
    """Give a file of 0.1 s frames with these time stamps.

    Args:
        planes: float32 (1, n) at 16 kHz.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("pcm_s16le", rate=CAPTURE_RATE, layout="mono")
        for index, stamp_s in enumerate(stamps_s):
            part = np.ascontiguousarray(planes[:, index * 1600 : (index + 1) * 1600] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate = CAPTURE_RATE
            frame.pts = round(stamp_s * CAPTURE_RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac", ".ogg"])
@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100])
def test_a_sound_is_where_it_was_put(tmp_path: Path, suffix: str, sample_rate: int) -> None:
    samples = np.concatenate([np.zeros(2 * sample_rate, np.float32), tone(1.0, sample_rate=sample_rate)])

    blocks, _ = blocks_of(tmp_path / f"a{suffix}", encoded(suffix, samples, sample_rate=sample_rate))

    assert onset_s(heard(blocks)) == pytest.approx(2.0, abs=0.02)


def test_lost_sound_leaves_a_gap_and_what_follows_is_still_in_its_place(tmp_path: Path) -> None:
    silence, sound = np.zeros((1, 16_000), np.float32), tone(1.0)[None]
    stamps_s = [0.1 * i for i in range(10)] + [3.0 + 0.1 * i for i in range(10)]

    blocks, notices = blocks_of(tmp_path / "a.mkv", matroska(np.concatenate([silence, sound], axis=1), stamps_s))

    assert onset_s(heard(blocks)) == pytest.approx(3.0, abs=0.02)
    assert "damaged at 1.0 s" in notices[0]
    assert "2.0 s of sound were lost" in notices[1]


def test_a_clock_that_is_set_back_goes_on(tmp_path: Path) -> None:
    parts = [np.zeros((1, 64_000), np.float32), tone(1.0)[None]]
    data = b"".join(foreign("mp2", "mpegts", planes, sample_format="s16") for planes in parts)

    blocks, _ = blocks_of(tmp_path / "a.ts", data)

    assert blocks[0].at_s == pytest.approx(0.0, abs=0.1)  # though the stamps begin at 1.4 s
    assert onset_s(heard(blocks)) == pytest.approx(4.0, abs=0.1)


def test_a_clock_that_drifts_is_followed(tmp_path: Path) -> None:
    planes = np.concatenate([np.zeros((1, 32_000), np.float32), tone(1.0)[None]], axis=1)
    stamps_s = [0.104 * i for i in range(30)]

    blocks, notices = blocks_of(tmp_path / "a.mkv", matroska(planes, stamps_s))

    assert onset_s(heard(blocks)) == pytest.approx(2.08, abs=0.06)
    assert not notices


def test_each_channel_comes_by_itself(tmp_path: Path) -> None:
    left = np.concatenate([np.zeros(16_000, np.float32), tone(1.0)])
    planes = np.stack([left, left[::-1]])

    blocks, _ = blocks_of(tmp_path / "a.wav", foreign("pcm_s16le", "wav", planes, sample_format="s16"), split=True)

    assert {len(block.channels) for block in blocks} == {2}
    assert onset_s(heard(blocks, 0)) == pytest.approx(1.0, abs=0.01)
    assert onset_s(heard(blocks, 1)) == pytest.approx(0.0, abs=0.01)


def test_the_length_is_known_before_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(encoded(".flac", tone(3.0)))

    with closing(FileDecoder(open_input(str(tmp_path / "a.flac")), label="it", notify=lambda notice: None)) as decoder:
        assert decoder.duration_s == pytest.approx(3.0, abs=0.01)
        assert decoder.n_channels == 1
