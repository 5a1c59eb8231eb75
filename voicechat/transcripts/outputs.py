"""Where transcripts go: their names, and files that are there whole or not at all."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path

from voicechat.audio.file_errors import os_reason, printable_path
from voicechat.errors import AudioFileError, ConfigError
from voicechat.transcripts.forms import FORMS
from voicechat.transcripts.sources import Source

MAX_NAME_BYTES = 255  # of one file name, on all common systems


def is_file_name(out: str) -> bool:
    """Tell whether `--out` names a file: one that is there, or that would have a suffix made of letters."""
    if os.path.isdir(out) or out.endswith((os.sep, "/")):
        return False
    return os.path.lexists(out) or Path(out).suffix[1:].isalpha()


def form_of_file(out: str, names: Sequence[str]) -> str:
    """Give the format of the one file that is to be written.

    Args:
        names: of the formats that were asked for.

    Raises:
        ConfigError: If those are several, or it cannot be told.
    """
    suffix = Path(out).suffix[1:].lower()
    if len(names) > 1:
        raise ConfigError(f"--out {printable_path(out)} is one file, and there are {len(names)} formats; name a folder")
    if names:
        return names[0]
    if suffix and suffix not in FORMS and not os.path.exists(out):
        raise ConfigError(f"cannot tell the format of {printable_path(out)}; name it .{', .'.join(FORMS)}, or --format")
    return suffix if suffix in FORMS else "txt"


def plan(sources: Sequence[Source], out: str, names: Sequence[str]) -> list[dict[str, Path]]:
    """Give where each transcript goes, by format: `out`/talk.srt for talk.mp3.

    Where two recordings differ only in their suffix, it stays: talk.mp3.srt.

    Raises:
        ConfigError: If two recordings would be written to one file, or a transcript over a recording.
    """
    stems = [os.path.splitext(source.below)[0] for source in sources]
    whole = [source.below if stems.count(stem) > 1 else stem for source, stem in zip(sources, stems, strict=True)]
    plans = [{name: Path(out, f"{stem}.{name}") for name in names} for stem in whole]
    check_plan(sources, plans)
    return plans


def check_plan(sources: Sequence[Source], plans: Sequence[dict[str, Path]]) -> None:
    """Refuse what would be lost.

    Raises:
        ConfigError: If two recordings would be written to one file, or a transcript over a recording.
    """
    recordings = {os.path.realpath(source.path) for source in sources}
    taken: dict[str, Source] = {}
    for source, outputs in zip(sources, plans, strict=True):
        for path in outputs.values():
            key = os.path.realpath(path)
            if key in recordings:
                raise ConfigError(f"the transcript {printable_path(path)} would be written over a recording")
            if taken.setdefault(key, source) is not source:
                both = f"{printable_path(taken[key].path)} and {printable_path(source.path)}"
                raise ConfigError(
                    f"{both} would both be written to {printable_path(path)}; write them to different folders"
                )


def beside(path: Path, ending: str) -> Path:
    """Give a hidden name next to a file, cut to what a name may be."""
    name = os.fsencode(f".{path.name}{ending}")
    if len(name) > MAX_NAME_BYTES:
        tail = f"-{zlib.crc32(os.fsencode(path.name)):08x}{ending}".encode()
        name = name[: MAX_NAME_BYTES - len(tail)] + tail
    return path.with_name(os.fsdecode(name))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that under its name there is only ever all of it; folders are made. A pipe gets it as it is.

    Raises:
        AudioFileError: If it cannot be written; what was there before stays.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    data = text.encode("utf-8", "replace")
    part = beside(target, ".part")
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            target.write_bytes(data)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)  # there only if it did not get its name
    except OSError as exc:
        raise unwritable(path, exc) from exc


def unwritable(path: Path, error: OSError) -> AudioFileError:
    """Make the error for a file that cannot be written."""
    return AudioFileError(f"cannot write {printable_path(path)}: {os_reason(error)}")
