"""Reading files and pipes: every kind, in order, at a pace, and until they are closed."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.audio.recordings import encoded, foreign, level, read_all, read_file, refusal, save, tone
from voicechat.audio import file_input
from voicechat.audio.encoder import FORMATS
from voicechat.audio.file_source import FileSource
from voicechat.errors import AudioFileError, ConfigError

TIMEOUT_S = 10.0
RNG = np.random.default_rng(3)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_every_kind_at_every_rate_becomes_16_khz(tmp_path: Path, suffix: str, sample_rate: int) -> None:
    data = encoded(suffix, tone(1.2, sample_rate=sample_rate), sample_rate=sample_rate)

    samples = read_file(save(tmp_path / f"a{suffix}", data))

    assert len(samples) / 16_000 == pytest.approx(1.2, abs=0.002)
    assert level(samples) == pytest.approx(0.354, rel=0.06)
    assert np.count_nonzero(np.diff(np.signbit(samples[1_600:-1_600]))) == pytest.approx(880, abs=4)


@pytest.mark.parametrize(
    ("codec", "container", "sample_format"),
    [
        ("pcm_u8", "wav", "u8"),
        ("pcm_s24le", "wav", "s32"),
        ("pcm_s32le", "wav", "s32"),
        ("pcm_s64le", "nut", "s64"),
        ("pcm_f64le", "wav", "dbl"),
        ("pcm_alaw", "wav", "s16"),
        ("adpcm_ms", "wav", "s16"),
        ("pcm_s16be", "aiff", "s16"),
        ("flac", "flac", "s32"),
        ("aac", "mp4", "fltp"),
        ("libopus", "webm", "flt"),
    ],
)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_every_depth_and_codec_keeps_its_level(
    tmp_path: Path, codec: str, container: str, sample_format: str, n_channels: int
) -> None:
    planes = np.tile(tone(1.0), (n_channels, 1))
    data = foreign(codec, container, planes, sample_format=sample_format)

    samples = read_file(save(tmp_path / f"a.{container}", data))

    assert level(samples) == pytest.approx(0.354, rel=0.03)
    assert len(samples) == pytest.approx(16_000, abs=1_500)  # AAC comes in frames of 1024, one of them delay


def test_channels_are_mixed_down_to_their_mean(tmp_path: Path) -> None:
    planes = np.zeros((6, 16_000), np.float32)
    planes[2] = tone(1.0)
    data = foreign("pcm_s16le", "wav", planes, sample_format="s16")

    samples = read_file(save(tmp_path / "a.wav", data))

    np.testing.assert_allclose(samples, tone(1.0) / 6, atol=1e-4)


def test_a_16_khz_wav_is_read_to_the_bit_in_chunks_of_20_ms(tmp_path: Path) -> None:
    pcm = RNG.integers(-32_768, 32_768, 1_000).astype(np.int16)
    path = save(tmp_path / "a.wav", encoded(".wav", pcm.astype(np.float32) / 32_768))
    source = FileSource([path], notify=lambda notice: None)

    chunks = [source.read() for _ in range(5)]

    assert [len(chunk) for chunk in chunks if chunk is not None] == [320, 320, 320, 40]
    np.testing.assert_array_equal(np.concatenate(chunks[:4]) * 32_768, pcm)


def test_files_follow_each_other_with_a_pause_between(tmp_path: Path) -> None:
    first = save(tmp_path / "1.wav", encoded(".wav", tone(0.5)))
    second = save(tmp_path / "2.wav", encoded(".wav", tone(0.25)))
    source = FileSource([first, second, first], notify=lambda notice: None, gap_s=0.7)

    samples = read_all(source)

    pause = np.zeros(11_200, np.float32)
    expected = [read_file(first), pause, read_file(second), pause, read_file(first)]
    np.testing.assert_array_equal(samples, np.concatenate(expected))


def test_the_same_files_give_the_same_chunks(tmp_path: Path) -> None:
    path = save(tmp_path / "a.mp3", encoded(".mp3", tone(1.0, sample_rate=24_000), sample_rate=24_000))
    sources = [FileSource([path, path], notify=lambda notice: None) for _ in range(2)]

    while (chunk := sources[0].read()) is not None:
        np.testing.assert_array_equal(chunk, sources[1].read())

    assert sources[1].read() is None


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put a pipe in the place of standard input; its writing end."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as file:
        monkeypatch.setattr("sys.stdin", file)
        yield writer


def feed(writer: int, data: bytes, *, step: int = 4_096) -> threading.Thread:
    def write() -> None:
        for at in range(0, len(data), step):
            os.write(writer, data[at : at + step])
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.parametrize("suffix", FORMATS)
def test_standard_input_takes_every_kind(stdin: int, suffix: str) -> None:
    thread = feed(stdin, encoded(suffix, tone(1.5)))

    samples = read_all(FileSource(["-"], notify=lambda notice: None))

    thread.join(TIMEOUT_S)
    assert len(samples) / 16_000 == pytest.approx(1.5, abs=0.1)  # in a pipe, ffmpeg leaves MP3's padding on
    assert level(samples) == pytest.approx(0.354, rel=0.06)


@pytest.mark.parametrize("step", [1_000, 3])
def test_standard_input_takes_raw_samples_and_forgives_half_of_one(stdin: int, step: int) -> None:
    pcm = RNG.integers(-32_768, 32_768, 4_000).astype("<i2")
    thread = feed(stdin, pcm.tobytes() + b"\x01", step=step)

    samples = read_all(FileSource(["-"], notify=lambda notice: None, input_rate=16_000))

    thread.join(TIMEOUT_S)
    np.testing.assert_array_equal(samples * 32_768, pcm)


def test_raw_samples_are_resampled_from_the_rate_they_are_said_to_have(stdin: int) -> None:
    thread = feed(stdin, (tone(1.0, sample_rate=48_000) * 32_767).astype("<i2").tobytes())

    samples = read_all(FileSource(["-"], notify=lambda notice: None, input_rate=48_000))

    thread.join(TIMEOUT_S)
    np.testing.assert_allclose(samples[1_600:-1_600], tone(1.0)[1_600:-1_600], atol=1e-3)


def test_raw_samples_come_out_while_the_pipe_is_still_open(stdin: int) -> None:
    source = FileSource(["-"], notify=lambda notice: None, input_rate=16_000)
    os.write(stdin, (tone(1.0) * 32_767).astype("<i2").tobytes())

    chunk = source.read()

    assert chunk is not None
    assert len(chunk) == 320
    source.close()
    os.close(stdin)


def test_empty_standard_input_is_told(stdin: int) -> None:
    os.close(stdin)

    with pytest.raises(AudioFileError, match="standard input is empty"):
        read_all(FileSource(["-"], notify=lambda notice: None))


def test_standard_input_that_is_closed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)

    assert "standard input: it is closed" in refusal("-")


def test_standard_input_can_be_named_only_once(stdin: int) -> None:
    os.close(stdin)

    with pytest.raises(ConfigError, match="only once"):
        FileSource(["-", "-"], notify=lambda notice: None)


def test_an_input_rate_needs_standard_input_and_a_sane_value(tmp_path: Path, stdin: int) -> None:
    os.close(stdin)
    path = save(tmp_path / "a.wav", encoded(".wav", tone()))

    with pytest.raises(ConfigError, match="standard input"):
        FileSource([path], notify=lambda notice: None, input_rate=16_000)
    with pytest.raises(ConfigError, match="not 16"):
        FileSource(["-"], notify=lambda notice: None, input_rate=16)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes of this kind")
@pytest.mark.parametrize("sent", [b"", b"RIFF", encoded(".wav", tone())[:2_000]], ids=["nothing", "magic", "samples"])
def test_close_wakes_a_reader_that_waits_for_a_pipe(tmp_path: Path, sent: bytes) -> None:
    os.mkfifo(tmp_path / "pipe")
    holder = os.open(tmp_path / "pipe", os.O_RDWR)  # the pipe never ends
    os.write(holder, sent)
    source = FileSource([tmp_path / "pipe"], notify=lambda notice: None)
    chunks: list[np.ndarray | None] = []
    ended = threading.Event()

    def read_to_end() -> None:
        while not chunks or chunks[-1] is not None:
            chunks.append(source.read())
        ended.set()

    thread = threading.Thread(target=read_to_end)
    thread.start()
    assert not ended.wait(0.1)
    source.close()

    assert ended.wait(TIMEOUT_S)
    thread.join(TIMEOUT_S)
    os.close(holder)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe without a writer has ended")
def test_close_wakes_a_reader_whose_pipe_has_no_writer_yet(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = FileSource([tmp_path / "pipe"], notify=lambda notice: None)
    chunks: list[np.ndarray | None] = []
    thread = threading.Thread(target=lambda: chunks.append(source.read()), daemon=True)
    thread.start()

    source.close()

    thread.join(TIMEOUT_S)
    assert chunks == [None]


def test_close_is_idempotent_and_ends_the_reading(tmp_path: Path) -> None:
    source = FileSource([save(tmp_path / "a.wav", encoded(".wav", tone()))], notify=lambda notice: None)
    assert source.read() is not None

    source.close()
    source.close()

    assert source.read() is None


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_no_file_stays_open(tmp_path: Path) -> None:
    good = save(tmp_path / "a.wav", encoded(".wav", tone()))
    bad = save(tmp_path / "b.wav", b"no audio")
    before = os.listdir("/proc/self/fd")

    read_file(good)
    half_read = FileSource([good], notify=lambda notice: None)
    half_read.read()
    half_read.close()
    refusal(bad)

    assert os.listdir("/proc/self/fd") == before


def test_in_real_time_a_chunk_comes_when_its_sound_is_over(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", encoded(".wav", tone()))
    source = FileSource([path], notify=lambda notice: None, realtime=True)

    started_at = time.monotonic()
    for _ in range(10):
        source.read()

    assert time.monotonic() - started_at >= 0.2
    source.close()


def test_close_ends_the_wait_for_real_time(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", encoded(".wav", tone(60.0)))
    source = FileSource([path], notify=lambda notice: None, realtime=True)
    thread = threading.Thread(target=read_all, args=[source])
    thread.start()

    source.close()

    thread.join(TIMEOUT_S)
    assert not thread.is_alive()


def test_a_socket_is_refused_like_any_file_that_cannot_be_opened(tmp_path: Path) -> None:
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("no such sockets here")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        source = FileSource([tmp_path / "s"], notify=lambda notice: None)

        with pytest.raises(AudioFileError, match="cannot read"):
            source.read()


def test_a_pipe_is_read_where_the_system_knows_no_blocking_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ask.wav").write_bytes(encoded(".wav", tone(0.1)))
    monkeypatch.delattr(file_input.os, "set_blocking")
    monkeypatch.setattr(file_input, "may_wait", lambda path: True)

    with closing(file_input.open_input(str(tmp_path / "ask.wav"))) as file:
        assert file.read(4) == b"RIFF"
