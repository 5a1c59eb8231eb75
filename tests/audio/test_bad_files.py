"""Every way in which a file can be bad: refused with one line, or read as far as it goes."""

from __future__ import annotations

import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.audio.recordings import encoded, float_wav, level, read_file, refusal, save, tone
from voicechat.audio.encoder import FORMATS
from voicechat.audio.file_source import FileSource
from voicechat.errors import AudioFileError
from voicechat.types import Notice, Severity

RNG = np.random.default_rng(3)


def warnings_of(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read a file: its samples and what was said about it."""
    notices: list[Notice] = []
    samples = read_file(path, notices.append)
    assert all(notice.severity is Severity.WARNING and notice.text.isprintable() for notice in notices)
    return samples, [notice.text for notice in notices]


def test_a_wrong_name_among_several_fails_at_once(tmp_path: Path) -> None:
    good = save(tmp_path / "good.wav", encoded(".wav", tone()))

    with pytest.raises(AudioFileError, match=r"typo\.wav': no such file"):
        FileSource([good, good, tmp_path / "typo.wav"], notify=lambda notice: None)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "is empty" in refusal(save(tmp_path / "a.wav", b""))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is unreadable to root")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", encoded(".wav", tone()))
    path.chmod(0)

    assert "permission denied" in refusal(path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"hello, this is no audio\n" * 50),
        ("notes.wav", b"hello, this is no audio\n" * 50),
        ("noise.wav", RNG.bytes(20_000)),
        ("zeros.wav", bytes(20_000)),
        ("a.json", b'{"a": 1}'),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", b"ffconcat version 1.0\nfile '/etc/hostname'\n"),
    ],
)
def test_what_is_not_audio_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    assert "not an audio file" in refusal(save(tmp_path / name, data))


def test_a_playlist_opens_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = save(tmp_path / "other.wav", encoded(".wav", tone()))
    playlist = save(tmp_path / "list.ffconcat", f"ffconcat version 1.0\nfile {other.name}\n".encode())

    assert "not an audio file" in refusal(playlist)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("n_bytes", [4, 12, 24, 40])
def test_a_header_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, n_bytes: int) -> None:
    data = encoded(suffix, tone())[:n_bytes]

    assert "header is damaged or cut off" in refusal(save(tmp_path / f"a{suffix}", data))


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        stream = output.add_stream("mpeg4", rate=10, width=32, height=32)
        output.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        output.mux(stream.encode(None))

    assert "is a video without sound" in refusal(tmp_path / "a.mp4")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_ends_early_is_read_as_far_as_it_goes(tmp_path: Path, suffix: str) -> None:
    data = encoded(suffix, tone(4.0))

    samples, warnings = warnings_of(save(tmp_path / f"a{suffix}", data[: len(data) * 5 // 8]))

    assert 1.5 < len(samples) / 16_000 < 3.0
    assert level(samples[:16_000]) == pytest.approx(0.354, rel=0.06)
    # The last page of an Ogg file that says how long it was is gone.
    assert suffix == ".ogg" or any("missing" in text or "lost" in text for text in warnings)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg"])
def test_a_damaged_middle_is_read_around_and_told(tmp_path: Path, suffix: str) -> None:
    data = bytearray(encoded(suffix, tone(6.0)))
    middle = len(data) // 2
    data[middle : middle + 300] = RNG.bytes(300)

    samples, warnings = warnings_of(save(tmp_path / f"a{suffix}", bytes(data)))

    assert len(samples) > 4.0 * 16_000
    assert level(samples[:16_000]) == pytest.approx(0.354, rel=0.06)
    assert level(samples[-16_000:]) == pytest.approx(0.354, rel=0.06)
    assert "is damaged at" in warnings[0]
    assert len(warnings) <= 2


def test_samples_that_are_no_numbers_are_silent_and_told_once(tmp_path: Path) -> None:
    samples = tone(1.0)
    samples[100:150] = np.nan
    samples[9_000] = np.inf

    read, warnings = warnings_of(save(tmp_path / "a.wav", float_wav(samples)))

    expected = np.where(np.isfinite(samples), samples, 0)
    np.testing.assert_array_equal(read, expected)
    assert len(warnings) == 1
    assert "51 samples were NaN or infinite" in warnings[0]


@pytest.mark.parametrize("sample_rate", [16_000, 48_000])
def test_floats_beyond_full_scale_are_clipped(tmp_path: Path, sample_rate: int) -> None:
    loud = tone(1.0, sample_rate=sample_rate) * 1e30

    samples = read_file(save(tmp_path / "a.wav", float_wav(loud, sample_rate=sample_rate)))

    assert np.abs(samples).max() == 1.0


def test_a_file_without_samples_is_told(tmp_path: Path) -> None:
    samples, warnings = warnings_of(save(tmp_path / "a.wav", encoded(".wav", np.zeros(0, np.float32))))

    assert len(samples) == 0
    assert "has no sound in it" in warnings[0]


def test_a_title_that_is_not_utf_8_does_not_matter(tmp_path: Path) -> None:
    data = encoded(".wav", tone(0.5))
    title = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"\xe4\xf6\xfc\0"

    samples = read_file(save(tmp_path / "a.wav", data[:36] + title + data[36:]))

    assert len(samples) == 8_000


def test_an_absurd_sample_rate_is_refused(tmp_path: Path) -> None:
    data = bytearray(encoded(".wav", tone()))
    data[24:28] = struct.pack("<I", 7)

    with pytest.raises(AudioFileError, match="7 Hz"):
        read_file(save(tmp_path / "a.wav", bytes(data)), lambda notice: None)


@pytest.mark.parametrize("name", ["new\nline.wav", "esc\x1b[31m.wav", "bidi\u202e.wav"])
def test_hostile_names_are_quoted_in_messages(tmp_path: Path, name: str) -> None:
    assert "no such file" in refusal(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_a_name_that_is_not_text_can_be_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))

    assert len(read_file(save(path, encoded(".wav", tone(0.1))))) == 1_600


@pytest.mark.parametrize("suffix", FORMATS)
def test_mutated_files_fail_or_read_but_never_crash(tmp_path: Path, suffix: str) -> None:
    original = encoded(suffix, tone(0.5))
    for _ in range(40):
        data = bytearray(original)
        for at in RNG.integers(0, min(len(data), 400), 8):
            data[at] = RNG.integers(256)
        path = save(tmp_path / f"a{suffix}", bytes(data))
        samples = np.zeros(0, np.float32)
        with suppress(AudioFileError):
            samples = read_file(path, lambda notice: None)
        assert np.isfinite(samples).all()
        assert np.abs(samples).max(initial=0) <= 1
