"""Writing replies to files: complete or not under their name, and nothing lost when the disk is full."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from tests.audio.recordings import encoded, level, read_all, read_file, tone
from voicechat.audio import file_sink
from voicechat.audio.encoder import FORMATS
from voicechat.audio.file_sink import FileSink
from voicechat.audio.file_source import FileSource
from voicechat.errors import AudioFileError, ConfigError
from voicechat.types import AudioChunk, CancelToken

GO = CancelToken()  # never cancelled
FULL = Path("/dev/full")
needs_full_device = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
needs_limits = pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits here")


def write_limited(path: Path, limit_bytes: int) -> str:
    """Write noise in a process whose files may grow to `limit_bytes` only; give its error."""
    program = dedent(f"""
        import resource, signal
        import numpy as np
        from voicechat.audio.file_sink import FileSink
        from voicechat.errors import AudioFileError
        from voicechat.types import AudioChunk, CancelToken
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails with an error of its own
        sink = FileSink({str(path)!r})
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2_400).astype(np.float32)
        try:
            for _ in range(300):
                sink.write(AudioChunk(noise, 24_000), CancelToken())
        except AudioFileError as exc:
            print(exc)
        sink.close()
    """)
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("suffix", [*FORMATS, ".WAV"])
def test_replies_follow_each_other_in_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"reply{suffix}"
    sink = FileSink(path)
    for _ in range(2):
        for chunk in np.array_split(tone(0.6, sample_rate=24_000), 7):
            sink.write(AudioChunk(chunk, 24_000), GO)
        sink.finish(GO)
    sink.close()

    samples = read_file(path)

    assert len(samples) / 16_000 == pytest.approx(1.2, abs=0.002)
    assert level(samples) == pytest.approx(0.354, rel=0.07)
    assert os.listdir(tmp_path) == [path.name]


def test_the_name_is_taken_only_when_the_file_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"
    path.write_bytes(b"the reply of yesterday")
    sink = FileSink(path)
    sink.write(AudioChunk(tone(), 16_000), GO)

    assert path.read_bytes() == b"the reply of yesterday"
    sink.close()

    assert path.read_bytes() == encoded(".wav", tone())


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_a_crash_leaves_behind_plays(tmp_path: Path, suffix: str) -> None:
    program = dedent(f"""
        import os
        from tests.audio.recordings import tone
        from voicechat.audio.file_sink import FileSink
        from voicechat.types import AudioChunk, CancelToken
        sink = FileSink({str(tmp_path / ("reply" + suffix))!r})
        for _ in range(30):
            sink.write(AudioChunk(tone(0.1), 16_000), CancelToken())
        os._exit(9)
    """)
    subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[2])
    (tmp_path / f"reply{suffix}.part").rename(tmp_path / f"rescued{suffix}")

    samples = read_all(FileSource([tmp_path / f"rescued{suffix}"], notify=lambda notice: None))

    assert len(samples) / 16_000 >= 2.7
    assert os.listdir(tmp_path) == [f"rescued{suffix}"]


def test_without_a_reply_there_is_no_file_and_one_that_was_there_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept.wav"
    kept.write_bytes(b"precious")

    FileSink(tmp_path / "new.mp3").close()
    FileSink(kept).close()

    assert kept.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [kept]


def test_it_counts_what_it_wrote_and_when_a_reply_began(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "reply.wav")
    assert sink.first_heard_at is None

    sink.write(AudioChunk(tone(0.5), 16_000), GO)
    first = sink.first_heard_at
    sink.write(AudioChunk(tone(0.25), 16_000), GO)
    assert first is not None
    assert sink.first_heard_at == first
    sink.finish(GO)
    assert sink.first_heard_at == first
    sink.write(AudioChunk(tone(0.25), 16_000), GO)

    assert sink.first_heard_at is not None
    assert sink.first_heard_at > first
    assert sink.heard_s() == pytest.approx(1.0)
    sink.close()


def test_nothing_is_written_once_cancelled_or_closed(tmp_path: Path) -> None:
    cancelled = CancelToken()
    cancelled.cancel()
    sink = FileSink(tmp_path / "reply.wav")

    sink.write(AudioChunk(tone(), 16_000), cancelled)
    sink.close()
    sink.write(AudioChunk(tone(), 16_000), GO)
    sink.close()

    assert sink.heard_s() == 0
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reply\.aac.*\.wav, \.mp3, \.flac, \.ogg"):
        FileSink(tmp_path / "reply.aac")


def test_a_place_that_cannot_be_written_fails_at_once(tmp_path: Path) -> None:
    (tmp_path / "directory.wav").mkdir()

    with pytest.raises(AudioFileError, match="no such file or directory"):
        FileSink(tmp_path / "missing" / "reply.wav")
    with pytest.raises(AudioFileError, match="it is a directory"):
        FileSink(tmp_path / "directory.wav")


def test_a_hostile_name_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError) as failure:
        FileSink(tmp_path / "missing" / "\x1b[31m\n.wav")

    assert str(failure.value).isprintable()


@needs_limits
@pytest.mark.parametrize("suffix", FORMATS)
def test_when_the_disk_is_full_what_was_written_is_kept_and_plays(tmp_path: Path, suffix: str) -> None:
    error = write_limited(tmp_path / f"reply{suffix}", 30_000)

    assert error.startswith(f"cannot write '{tmp_path}/reply{suffix}': file too large; about the first ")
    assert error.endswith(f"s are kept in '{tmp_path}/reply{suffix}.part'")
    assert "\n" not in error
    assert os.listdir(tmp_path) == [f"reply{suffix}.part"]
    (tmp_path / f"reply{suffix}.part").rename(tmp_path / f"rescued{suffix}")
    kept_s = float(error.split("the first ")[1].split(" s")[0])
    samples = read_all(FileSource([tmp_path / f"rescued{suffix}"], notify=lambda notice: None))
    assert len(samples) / 16_000 >= kept_s - 0.4  # a page of Ogg, a frame or two of the others
    assert kept_s > 0.3


@needs_full_device
def test_a_full_device_is_told(tmp_path: Path) -> None:
    (tmp_path / "reply.wav").symlink_to(FULL)
    sink = FileSink(tmp_path / "reply.wav")

    with pytest.raises(AudioFileError, match=r"reply\.wav': no space left on device$"):
        sink.write(AudioChunk(tone(), 16_000), GO)
    sink.close()

    assert FULL.is_char_device()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target.wav").write_bytes(b"old")
    (tmp_path / "reply.wav").symlink_to(tmp_path / "target.wav")

    sink = FileSink(tmp_path / "reply.wav")
    sink.write(AudioChunk(tone(), 16_000), GO)
    sink.close()

    assert (tmp_path / "reply.wav").is_symlink()
    assert (tmp_path / "target.wav").read_bytes().startswith(b"RIFF")


def test_a_file_can_be_answered_into_itself(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(encoded(".wav", tone(0.5)))
    source = FileSource([path], notify=lambda notice: None)
    sink = FileSink(path)

    while (chunk := source.read()) is not None:
        sink.write(AudioChunk(chunk, 16_000), GO)
    source.close()
    sink.close()

    assert path.read_bytes() == encoded(".wav", tone(0.5))


STDOUT_PROGRAM = dedent("""
    import sys
    from tests.audio.recordings import tone
    from voicechat.audio.file_sink import FileSink
    from voicechat.errors import AudioFileError
    from voicechat.types import AudioChunk, CancelToken
    try:
        sink = FileSink("-")
        for _ in range(int(sys.argv[1])):
            sink.write(AudioChunk(tone(0.5, sample_rate=24_000), 24_000), CancelToken())
        sink.close()
    except AudioFileError as exc:
        print(exc, file=sys.stderr)
""")


@pytest.mark.parametrize("n_chunks", [0, 4])
def test_standard_output_gets_a_wav_that_can_be_read_from_a_pipe(n_chunks: int) -> None:
    root = Path(__file__).parents[2]
    reader = dedent("""
        from tests.audio.recordings import read_all
        from voicechat.audio.file_source import FileSource
        print(len(read_all(FileSource(["-"], notify=lambda notice: None))))
    """)
    with subprocess.Popen(
        [sys.executable, "-c", STDOUT_PROGRAM, str(n_chunks)], stdout=subprocess.PIPE, cwd=root
    ) as program:
        result = subprocess.run(
            [sys.executable, "-c", reader], check=False, stdin=program.stdout, capture_output=True, cwd=root
        )

    assert int(result.stdout) == n_chunks * 8_000, result.stderr


@needs_limits
def test_a_reader_that_went_away_is_a_broken_pipe() -> None:
    root = Path(__file__).parents[2]
    reader, writer = os.pipe()
    os.close(reader)

    result = subprocess.run(
        [sys.executable, "-c", STDOUT_PROGRAM, "100"],
        check=False,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    os.close(writer)

    assert result.stderr.splitlines()[-1].startswith("BrokenPipeError")


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_what_an_earlier_talk_left_behind_is_not_written_over(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"reply{suffix}.part").write_bytes(b"rescue me")
    (tmp_path / f"reply{suffix}.2.part").write_bytes(b"me too")

    sink = FileSink(tmp_path / f"reply{suffix}")
    sink.write(AudioChunk(tone(), 16_000), GO)
    assert (tmp_path / f"reply{suffix}.3.part").exists()
    sink.close()

    assert sorted(os.listdir(tmp_path)) == [f"reply{suffix}", f"reply{suffix}.2.part", f"reply{suffix}.part"]
    assert (tmp_path / f"reply{suffix}.part").read_bytes() == b"rescue me"
    assert (tmp_path / f"reply{suffix}.2.part").read_bytes() == b"me too"


@pytest.mark.parametrize("error", [KeyboardInterrupt, AudioFileError, SystemExit])
def test_an_opening_that_is_broken_off_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken_off(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(file_sink, "AudioEncoder", broken_off)

    with pytest.raises(error):
        FileSink(tmp_path / "reply.wav")
    assert os.listdir(tmp_path) == []


def test_a_completion_that_is_broken_off_can_be_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_off(_descriptor: int) -> None:
        raise KeyboardInterrupt

    sink = FileSink(tmp_path / "reply.wav")
    sink.write(AudioChunk(tone(), 16_000), GO)
    with monkeypatch.context() as patch:
        patch.setattr(file_sink.os, "fsync", broken_off)
        with pytest.raises(KeyboardInterrupt):
            sink.close()
    sink.close()

    assert os.listdir(tmp_path) == ["reply.wav"]
    assert (tmp_path / "reply.wav").read_bytes() == encoded(".wav", tone())


@needs_limits
def test_standard_output_into_a_file_is_a_file_with_its_lengths(tmp_path: Path) -> None:
    with open(tmp_path / "reply.wav", "wb") as file:
        subprocess.run(
            [sys.executable, "-c", STDOUT_PROGRAM, "2"], check=True, stdout=file, cwd=Path(__file__).parents[2]
        )

    with wave.open(str(tmp_path / "reply.wav")) as reply:
        assert reply.getnframes() == 24_000
