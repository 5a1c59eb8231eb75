"""What is known of the files of one model's folder, and the right to change them: one process at a time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from voicechat.errors import ModelError
from voicechat.models.published import Part

NAME = "manifest.json"
VERSION = 1


class Manifest:
    """What is known of a model's files; written after each one, so that an interruption loses none."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self.entries: dict[str, dict[str, Any]] = {}
        try:
            loaded = json.loads(self._path.read_bytes())
            for key, entry in loaded["files"].items():
                texts = (entry["sha256"], entry["repository"], entry["revision"])
                if isinstance(entry["n_bytes"], int) and all(isinstance(text, str) for text in texts):
                    self.entries[key] = dict(entry)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            self.entries = {}  # damaged: as if nothing were here; pull checks what is and writes it again
        # By repository, the commit that its files are of, where it is known.
        self.revisions = {
            entry["repository"]: entry["revision"] for entry in self.entries.values() if entry["revision"]
        }

    def revision(self, part: Part) -> str:
        """Give the revision to ask for: all files of a part are of one commit."""
        return str(self.revisions.get(part.repository, part.revision)) if part.revision == "main" else part.revision

    def add(self, key: str, repository: str, revision: str, path: Path, sha256: str) -> None:
        """Note a file that is in its place, whole and checked.

        Args:
            revision: the commit it is of; "" if nobody can tell.

        Raises:
            ModelError: If it cannot be written.
        """
        size = path.stat().st_size
        self.entries[key] = {"repository": repository, "revision": revision, "n_bytes": size, "sha256": sha256}
        document = {"version": VERSION, "files": self.entries}
        temporary = self._path.with_name(f".{NAME}.new")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(document, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except OSError as exc:
            raise ModelError(f"cannot write {self._path}: {exc.strerror or exc}") from exc


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing a model's folder; the lock ends with the process, however it ends."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = (folder.parent / f".{folder.name}.lock").open("ab")
    except OSError as exc:
        raise ModelError(f"cannot write in {folder}: {exc.strerror or exc}") from exc
    with file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise ModelError(f"{folder} is being changed by another voicechat; wait until it is done") from exc
        yield
