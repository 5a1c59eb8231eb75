"""The models on this machine: which are here, whole or in part; fetching, importing, checking, removing them.

    <VOICECHAT_HOME, or where this system keeps the user's data>/models/
        mini-omni/
            manifest.json       each file's origin, size and SHA-256
            checkpoint/ ...     as published.py names the parts and files

A file is in its place only once it is whole and checked, and only what the manifest has counts. To find a model is to
look at sizes: no file is read, and nothing is asked of any network.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from voicechat.errors import ModelError
from voicechat.models import download
from voicechat.models.manifest import Manifest, locked
from voicechat.models.published import MODELS, File, Part, Published

_SPARE_BYTES = 500_000_000  # of the disk that a download leaves free

Progress = Callable[[str, int, int], None]  # a file, how many bytes of it are there, how many it has


def _silent(file: str, n_bytes: int, n_total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Found:
    """What is here of a model."""

    folder: Path
    n_files: int  # whole ones
    missing: tuple[str, ...]  # files, each with its part's folder

    @property
    def whole(self) -> bool:
        return not self.missing


def models_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Give where models are kept; VOICECHAT_HOME moves it."""
    if home := env.get("VOICECHAT_HOME"):
        return Path(home).expanduser().absolute() / "models"
    import platformdirs

    return platformdirs.user_data_path("voicechat", appauthor=False) / "models"


def locate(name: str, root: Path | None = None) -> Path:
    """Give the folder of a model that is here, in a moment and without any network.

    Args:
        root: where models are kept; None for the user's.

    Raises:
        ModelError: If it is not here, or not all of it; the message has the command that fetches it.
    """
    model = MODELS[name]
    found = find(model, root or models_folder())
    if found.whole:
        return found.folder
    lacking = (
        f"{', '.join(found.missing)} missing in {found.folder}"
        if found.n_files
        else f"{shown(model.n_bytes)} of weights"
    )
    need = "is incomplete" if found.n_files else "needs"
    raise ModelError(f"{name} {need}{':' if found.n_files else ''} {lacking}; run: voicechat models pull {name}")


def find(model: Published, root: Path) -> Found:
    """Look what is here of a model, by the manifest and the sizes of the files."""
    folder = root / model.name
    entries = Manifest(folder).entries
    here = {key for key, entry in entries.items() if _size(folder / key) == entry["n_bytes"]}
    missing = [_key(part, file) for part in model.parts if part.instead not in here for file in part.files]
    return Found(folder, len(here), tuple(key for key in missing if key not in here))


def pull(
    model: Published,
    root: Path,
    *,
    progress: Progress = _silent,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    pause_s: float = 1.0,
) -> Path:
    """Fetch what is missing of a model, checked; what an earlier pull left is continued.

    What huggingface_hub has fetched before, for whatever program, is taken from its cache.

    Args:
        free_bytes: how much room a folder's disk has.
        pause_s: before another try after a cut connection.

    Returns:
        The model's folder.

    Raises:
        RemoteError: If the hub cannot be reached, or does not give what it must.
        ModelError: If there is not enough room, or files cannot be written.
    """
    folder = root / model.name
    with locked(folder):
        manifest = Manifest(folder)
        todo: list[tuple[Part, File, download.Remote]] = []
        for part, file in _missing(model, root):
            if _adopt(part, file, folder, manifest):
                progress(_key(part, file), file.n_bytes, file.n_bytes)
            else:
                revision = manifest.revision(part)
                remote = download.ask(part.repository, file.name, revision)
                manifest.revisions[part.repository] = remote.commit
                todo.append((part, file, remote))
        _check_room(folder, todo, free_bytes)
        for part, file, remote in todo:
            key = _key(part, file)
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)

            def report(n_bytes: int, key: str = key, n_total: int = remote.n_bytes) -> None:
                progress(key, n_bytes, n_total)

            digest = download.fetch(remote, path, sha256=file.sha256, progress=report, pause_s=pause_s)
            manifest.add(key, part.repository, remote.commit, path, digest)
        for left_over in folder.glob("*/.*.partial"):  # of a version that is not wanted any more
            left_over.unlink(missing_ok=True)
    return folder


def import_folder(model: Published, root: Path, source: Path, *, progress: Progress = _silent) -> Path:
    """Take a model from a folder that was copied by hand: this one's, a hub cache, or a clone of each repository.

    Files are linked where that is possible, else copied.

    Args:
        source: has each part's files in a folder called as the part, as its repository, or as the hub's cache calls it;
            the first part's may be in `source` itself.

    Returns:
        The model's folder.

    Raises:
        ModelError: If a file is missing or is not the published one, or cannot be copied.
    """
    if not source.is_dir():
        raise ModelError(f"there is no folder {source}")
    wanted = [(part, file, _in_source(source, model, part, file.name)) for part in model.parts for file in part.files]
    for part in model.parts:
        lacks_it = any(path is None for other, _, path in wanted if other is part)
        if part.instead and lacks_it and (taken := _instead(source, model, part)) is not None:
            wanted = [entry for entry in wanted if entry[0] is not part] + [taken]
    if missing := [_key(part, file) for part, file, path in wanted if path is None]:
        raise ModelError(f"{source} lacks {', '.join(missing)}; nothing was taken from it")
    folder = root / model.name
    with locked(folder):
        manifest = Manifest(folder)
        for part, file, path in wanted:
            assert path is not None
            key, n_bytes = _key(part, file), path.stat().st_size
            progress(key, 0, n_bytes)
            digest = _take(path, folder / key, sha256=file.sha256)
            revision = part.revision if file.sha256 else ""  # of what has no known checksum nobody can tell
            manifest.add(key, part.repository, revision, folder / key, digest)
            progress(key, n_bytes, n_bytes)
    return folder


def _instead(source: Path, model: Published, part: Part) -> tuple[Part, File, Path] | None:
    owner, name = part.instead.split("/")
    other = next(other for other in model.parts if other.folder == owner)
    path = _in_source(source, model, other, name)
    return None if path is None else (other, File(name, 0), path)


def verify(model: Published, root: Path, *, progress: Progress = _silent) -> list[str]:
    """Read every file of a model that is here and hold it against its checksum; give what is wrong, a line for each.

    Raises:
        ModelError: If nothing of it is here, or a file cannot be read.
    """
    folder = root / model.name
    known = {_key(part, file): file.sha256 for part in model.parts for file in part.files}
    entries = Manifest(folder).entries
    if not entries:
        locate(model.name, root)
    wrong = [f"{key} is missing" for key in find(model, root).missing if key not in entries]
    for key, entry in entries.items():
        path = folder / key
        progress(key, 0, entry["n_bytes"])
        try:
            digest = download.check(path, entry["n_bytes"], sha256=entry["sha256"]) if path.exists() else ""
        except OSError as exc:
            raise ModelError(f"cannot read {path}: {exc.strerror or exc}") from exc
        if digest == "":
            wrong.append(f"{key} is missing")
        elif digest is None or known.get(key, "") not in ("", digest):
            wrong.append(f"{key} is not what was fetched")
        progress(key, entry["n_bytes"], entry["n_bytes"])
    return wrong


def remove(model: Published, root: Path) -> int:
    """Delete all that is here of a model, at once or not at all; give how many bytes that was.

    Raises:
        ModelError: If nothing of it is here, or it cannot be deleted.
    """
    folder = root / model.name
    if not folder.is_dir():
        raise ModelError(f"{model.name} is not here; {folder} does not exist")
    with locked(folder):
        n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        try:
            grave = Path(tempfile.mkdtemp(dir=root, prefix=f".{model.name}.removed."))
            os.replace(folder, grave / model.name)
            shutil.rmtree(grave)
        except OSError as exc:
            raise ModelError(f"cannot remove {folder}: {exc.strerror or exc}") from exc
    return n_bytes


def shown(n_bytes: int) -> str:
    """Spell a size: "3.8 GB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} bytes"


def _key(part: Part, file: File) -> str:
    return f"{part.folder}/{file.name}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _missing(model: Published, root: Path) -> Iterator[tuple[Part, File]]:
    missing = find(model, root).missing
    return ((part, file) for part in model.parts for file in part.files if _key(part, file) in missing)


def _adopt(part: Part, file: File, folder: Path, manifest: Manifest) -> bool:
    """Take a file whose checksum is known from where it already is: its own place, or the hub's cache."""
    if not file.sha256:
        return False
    path = folder / _key(part, file)
    for candidate in (path, _hub_cached(part, file)):
        if candidate is None or not candidate.is_file():
            continue
        with suppress(ModelError):  # damaged there; fetched, it will be right
            digest = _take(candidate, path, sha256=file.sha256)
            manifest.add(_key(part, file), part.repository, part.revision, path, digest)
            return True
    return False


def _hub_cached(part: Part, file: File) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ModuleNotFoundError:
        return None
    cached = try_to_load_from_cache(part.repository, file.name, revision=part.revision)
    return Path(cached) if isinstance(cached, str) else None


def _in_source(source: Path, model: Published, part: Part, name: str) -> Path | None:
    owner, _, short = part.repository.partition("/")
    folders = [source / part.folder, source / short, source / owner / short]
    folders += sorted((source / f"models--{owner}--{short}" / "snapshots").glob("*"))
    if part is model.parts[0]:
        folders.append(source)
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _take(source: Path, path: Path, *, sha256: str) -> str:
    """Link or copy a file into its place, checked first; give its SHA-256."""
    source = source.resolve()
    try:
        digest = download.check(source, source.stat().st_size, sha256=sha256)
        if digest is None:
            raise ModelError(f"{source} is not the published file: its checksum is wrong")
        if path.exists() and path.samefile(source):
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:  # another disk, or one that knows no links
            shutil.copyfile(source, temporary)
        os.replace(temporary, path)
    except OSError as exc:
        raise ModelError(f"cannot take {source} to {path}: {exc.strerror or exc}") from exc
    return digest


def _check_room(
    folder: Path, todo: list[tuple[Part, File, download.Remote]], free_bytes: Callable[[Path], int]
) -> None:
    left = sum(remote.n_bytes - download.n_fetched(remote, folder / _key(part, file)) for part, file, remote in todo)
    free = free_bytes(folder.parent)
    if left and free < left + _SPARE_BYTES:
        raise ModelError(
            f"not enough room in {folder}: {shown(left)} to fetch and {shown(_SPARE_BYTES)} to spare, "
            f"{shown(free)} free; VOICECHAT_HOME moves it to another disk"
        )
