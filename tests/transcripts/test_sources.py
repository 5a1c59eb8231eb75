"""Which files are meant by what is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voicechat.errors import AudioFileError, ConfigError
from voicechat.transcripts.sources import find_sources


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("take 10.wav", "take 2.wav", "Take 1.MP3", "notes.txt", ".hidden.wav", "sub/film.mkv", "sub/.x/y.wav"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "in"


def names(*paths: str, recursive: bool = False) -> list[str]:
    return [source.path for source in find_sources(paths, recursive=recursive)]


def test_a_folder_means_its_recordings_in_natural_order(folder: Path) -> None:
    assert names("in") == ["in/Take 1.MP3", "in/take 2.wav", "in/take 10.wav"]


def test_its_folders_are_meant_only_if_that_is_said(folder: Path) -> None:
    sources = find_sources(["in"], recursive=True)

    assert [source.below for source in sources] == ["sub/film.mkv", "Take 1.MP3", "take 2.wav", "take 10.wav"]


def test_a_file_that_is_named_may_be_called_anything_and_need_not_be_there(folder: Path) -> None:
    assert names("in/notes.txt", "in/missing.wav") == ["in/notes.txt", "in/missing.wav"]


def test_each_recording_is_done_once(folder: Path) -> None:
    os.symlink("take 2.wav", "in/same.wav")

    assert names("in/take 2.wav", "in", "./in/take 2.wav") == ["in/take 2.wav", "in/Take 1.MP3", "in/take 10.wav"]


def test_a_pattern_that_no_shell_has_filled_in_is_filled_in(folder: Path) -> None:
    assert names("in/*.wav") == ["in/take 2.wav", "in/take 10.wav"]
    assert names("**/*.mkv") == ["in/sub/film.mkv"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    Path("in/[1].wav").touch()

    assert names("in/[1].wav") == ["in/[1].wav"]


def test_standard_input_is_read_once(folder: Path) -> None:
    assert names("-", "in/take 2.wav") == ["-", "in/take 2.wav"]
    with pytest.raises(ConfigError, match="only once"):
        names("-", "-")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("in/*.ogg", "nothing matches 'in/\\*.ogg'"),
        ("in/sub/.x", "there are no recordings"),
        ("empty", "there are no recordings in 'empty'; --recursive"),
    ],
)
def test_what_means_nothing_is_said(folder: Path, path: str, message: str) -> None:
    Path("empty").mkdir()
    if path == "in/sub/.x":
        Path("in/sub/.x/y.wav").unlink()

    with pytest.raises(AudioFileError, match=message):
        names(path)
