"""Where transcripts go, and that they are there whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from voicechat.errors import AudioFileError, ConfigError
from voicechat.transcripts.outputs import form_of_file, is_file_name, plan, write_whole
from voicechat.transcripts.sources import Source


def source(path: str) -> Source:
    return Source(path, os.path.basename(path))


def test_a_transcript_is_called_as_its_recording() -> None:
    (outputs,) = plan([source("x/talk.mp3")], "out", ["srt", "json"])

    assert outputs == {"srt": Path("out/talk.srt"), "json": Path("out/talk.json")}


def test_the_folders_of_a_folder_stay_apart() -> None:
    plans = plan([Source("in/a/1.mp3", "a/1.mp3"), Source("in/b/1.mp3", "b/1.mp3")], "out", ["txt"])

    assert [each["txt"] for each in plans] == [Path("out/a/1.txt"), Path("out/b/1.txt")]


def test_where_only_the_suffix_differs_it_stays() -> None:
    plans = plan([source("talk.mp3"), source("talk.wav"), source("other.wav")], "out", ["txt"])

    assert [each["txt"].name for each in plans] == ["talk.mp3.txt", "talk.wav.txt", "other.txt"]


def test_two_recordings_for_one_transcript_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'a/t.wav' and 'b/t.wav' would both be written to 'out/t.wav.txt'"):
        plan([source("a/t.wav"), source("b/t.wav")], "out", ["txt"])


def test_no_transcript_is_written_over_a_recording(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").touch()

    with pytest.raises(ConfigError, match="would be written over a recording"):
        plan([source(str(tmp_path / "talk.txt"))], str(tmp_path), ["txt"])


def test_a_file_is_told_from_a_folder_by_its_name_or_by_what_is_there(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.d").mkdir()
    (tmp_path / "file").touch()

    assert [name for name in ("a.srt", "file", "a.txt", "b.doc") if is_file_name(name)] == [
        "a.srt",
        "file",
        "a.txt",
        "b.doc",
    ]
    assert not any(map(is_file_name, ("folder.d", "new", "new.srt/", "2026.11", ".")))


def test_the_format_of_a_file_is_its_suffix_or_what_was_asked_for(tmp_path: Path) -> None:
    assert form_of_file("a.SRT", []) == "srt"
    assert form_of_file("a.log", ["txt"]) == "txt"
    assert form_of_file("/dev/null", []) == "txt"
    with pytest.raises(ConfigError, match=r"cannot tell the format of 'a.doc'; name it .txt, .json"):
        form_of_file("a.doc", [])
    with pytest.raises(ConfigError, match="is one file, and there are 2 formats"):
        form_of_file("a.srt", ["srt", "txt"])


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "t.txt", "héllo\n")

    assert (tmp_path / "a" / "b" / "t.txt").read_bytes() == "héllo\n".encode()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["t.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="such a name cannot be there")
@pytest.mark.parametrize("name", [b"a\nb.txt", b"caf\xe9 \xff.txt", b"x" * 251 + b".txt", b" .txt"])
def test_any_name_that_the_system_takes_is_taken(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)

    write_whole(path, "text")

    assert os.listdir(os.fsencode(tmp_path)) == [name]


def test_what_was_there_stays_until_all_is_written_and_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")

    write_whole(tmp_path / "link.txt", "new")

    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
def test_who_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("old")

    with open(tmp_path / "t.txt") as old:
        write_whole(tmp_path / "t.txt", "new")

        assert old.read() == "old"


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.txt").write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AudioFileError, match=r"cannot write '.*t\.txt': no space left on device"):
        write_whole(tmp_path / "t.txt", "new")

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"t.txt": "old"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    reader = os.open(tmp_path / "pipe.txt", os.O_RDONLY | os.O_NONBLOCK)

    write_whole(tmp_path / "pipe.txt", "text")

    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe.txt").stat().st_mode)
