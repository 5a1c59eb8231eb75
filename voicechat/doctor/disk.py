"""Is there room on the disk, and may it be written to, where models and settings are kept?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from voicechat.config_files import user_file
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject
from voicechat.models.hub import models_folder, shown

LOW_BYTES = 1_000_000_000


def probe(_subject: Subject) -> Iterator[Finding]:
    """Look at the folders that voicechat writes to."""
    for name, folder in (("disk_models", models_folder()), ("disk_settings", user_file().parent)):
        try:
            there = _nearest(folder)
            free_bytes = shutil.disk_usage(there).free
        except OSError as exc:
            what = f"cannot look at {folder}: {exc.strerror or exc}"
            yield Finding(name, Status.WARN, what, "see that it is a folder")
            continue
        yield judge(name, folder, free_bytes=free_bytes, writable=os.access(there, os.W_OK))


def judge(name: str, folder: Path, *, free_bytes: int, writable: bool) -> Finding:
    """Say what a folder's room is worth."""
    values = {"folder": str(folder), "free_bytes": free_bytes, "writable": writable}
    if not writable:
        fix = f"give yourself the right to write to {folder}, or name another folder in VOICECHAT_HOME"
        return Finding(name, Status.WARN, f"{folder} cannot be written to", fix, values)
    detail = f"{shown(free_bytes)} free in {folder}"
    if free_bytes < LOW_BYTES:
        return Finding(name, Status.WARN, detail, "make room, or name a folder elsewhere in VOICECHAT_HOME", values)
    return Finding(name, Status.OK, detail, values=values)


def _nearest(folder: Path) -> Path:
    """Give the folder, or where it does not exist yet, the one it would be made in."""
    return next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))
