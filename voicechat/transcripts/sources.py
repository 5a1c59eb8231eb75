"""Which files are meant: names, folders, patterns and standard input; knows nothing of what is in them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voicechat.audio.file_errors import os_reason, printable_path
from voicechat.errors import AudioFileError, ConfigError

STDIN = "-"
_KINDS = (
    "3ga 3gp aac ac3 adts aif aifc aiff alac amr ape asf au avi caf dts eac3 flac flv gsm m2ts m4a m4b m4v mka mkv mov "
    "mp2 mp3 mp4 mpc mpeg mpg mts oga ogg ogv opus ra rm snd spx tak tta ts vob voc w64 wav wave weba webm wma wmv wv"
)
# What is taken from a folder; a file that is named may be called anything.
SUFFIXES = frozenset(f".{kind}" for kind in _KINDS.split())


@dataclass(frozen=True)
class Source:
    """A recording to transcribe."""

    path: str  # '-' is standard input
    below: str  # its path below the folder that was named, or its name: so its transcripts are called


def find_sources(paths: Sequence[str], *, recursive: bool = False) -> list[Source]:
    """Give the recordings that are meant, each once, those of a folder in natural order (take 2 before take 10).

    Args:
        paths: files, folders, patterns such as '*.mp3' that no shell has filled in, and '-'.
        recursive: also take what is in the folders of a folder.

    Raises:
        AudioFileError: If a folder holds no recording, or a pattern matches nothing.
        ConfigError: If standard input is named twice.
    """
    if paths.count(STDIN) > 1:
        raise ConfigError("standard input ('-') can be read only once; name it once")
    found: dict[str, Source] = {}
    for path in paths:
        for source in _sources(path, recursive):
            found.setdefault(STDIN if source.path == STDIN else os.path.realpath(source.path), source)
    return list(found.values())


def _sources(path: str, recursive: bool) -> Iterator[Source]:
    if path == STDIN:
        yield Source(STDIN, "stdin")
    elif os.path.isdir(path):
        yield from _in_folder(path, recursive)
    elif not os.path.lexists(path) and glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True), key=_natural)
        if not matches:
            raise AudioFileError(f"nothing matches {printable_path(path)}")
        for match in matches:
            if os.path.isdir(match):
                yield from _in_folder(match, recursive)
            else:
                yield Source(match, os.path.basename(match))
    else:
        yield Source(path, os.path.basename(path))  # should it be missing, that is told in its turn


def _in_folder(folder: str, recursive: bool) -> Iterator[Source]:
    paths: list[str] = []
    try:
        if recursive:
            for root, folders, names in os.walk(folder, onerror=_raise):
                folders[:] = [name for name in folders if not name.startswith(".")]
                paths += (os.path.join(root, name) for name in names)
        else:
            paths = [entry.path for entry in os.scandir(folder) if entry.is_file()]
    except OSError as exc:
        raise AudioFileError(
            f"cannot read the folder {printable_path(exc.filename or folder)}: {os_reason(exc)}"
        ) from exc
    recordings = sorted((path for path in paths if _is_recording(path)), key=_natural)
    if not recordings:
        hint = "" if recursive else "; --recursive looks into its folders, too"
        raise AudioFileError(f"there are no recordings in {printable_path(folder)}{hint}")
    for path in recordings:
        yield Source(path, os.path.relpath(path, folder))


def _is_recording(path: str) -> bool:
    name = os.path.basename(path)
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def _natural(path: str) -> list[tuple[int, int, str]]:
    """Give what to sort a path by: numbers by their value, letters whatever their case."""
    key: list[tuple[int, int, str]] = []
    for part in path.split(os.sep):
        key += (
            (1, int(run), "") if run.isdecimal() else (2, 0, run.casefold()) for run in re.split(r"(\d+)", part) if run
        )
        key.append((0, 0, ""))
    return [*key, (0, 0, path)]


def _raise(error: OSError) -> None:
    raise error
