"""One file from the hub, or from a mirror of it (HF_ENDPOINT): asked for, fetched, continued after any interruption.

huggingface_hub's own download begins anew in every process and throws away what it has when it is cut off; of a file of
2.8 GB much is worth keeping. So its client asks and fetches (proxies, tokens, HF_HUB_OFFLINE are its business), and the
bytes are ours.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from voicechat.errors import ModelError, RemoteError

if TYPE_CHECKING:
    import httpx2

HUB = "https://huggingface.co"

_TIMEOUT_S = 30.0  # without a byte
_TRIES = 5  # in a row that bring nothing
_CHUNK_BYTES = 1 << 20
_PASSING = (408, 429, 500, 502, 503, 504)  # answers that may be others soon
_SHA256_LENGTH, _SHA1_LENGTH = 64, 40


class _Interrupted(RemoteError):
    """Raised for what may be over at the next try."""


@dataclass(frozen=True)
class Remote:
    """A file as the hub has it."""

    url: str  # of that very commit
    commit: str
    etag: str  # SHA-256 of a large file, git's hash of a small one
    n_bytes: int


def endpoint() -> str:
    """Give the hub's address: HF_ENDPOINT, or the public one."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB


def ask(repository: str, name: str, revision: str) -> Remote:
    """Ask what a file is, without fetching it.

    Raises:
        RemoteError: If the hub cannot be reached, refuses, or does not have it.
        ModelError: If huggingface_hub is not installed.
    """
    with _translated(f"{name} of {repository}"):
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(repository, name, revision=revision, endpoint=endpoint())
        found = get_hf_file_metadata(url, timeout=_TIMEOUT_S, endpoint=endpoint(), library_name="voicechat")
    if found.commit_hash is None or found.etag is None or found.size is None:
        raise RemoteError(f"{endpoint()} does not answer as a hub does; HF_ENDPOINT must be a mirror of {HUB}")
    url = hf_hub_url(repository, name, revision=found.commit_hash, endpoint=endpoint())
    return Remote(url, found.commit_hash, found.etag, found.size)


def partial_path(remote: Remote, path: Path) -> Path:
    """Give where the bytes of a file are until it is whole; another version of it has another place."""
    return path.with_name(f".{path.name}.{hashlib.sha256(remote.etag.encode()).hexdigest()[:12]}.partial")


def n_fetched(remote: Remote, path: Path) -> int:
    """Tell how many bytes an earlier download left."""
    partial = partial_path(remote, path)
    return min(remote.n_bytes, partial.stat().st_size) if partial.exists() else 0


def fetch(
    remote: Remote,
    path: Path,
    *,
    sha256: str = "",
    progress: Callable[[int], None] = lambda n_bytes: None,  # noqa: ARG005
    pause_s: float = 1.0,
) -> str:
    """Bring a file into its place once it is whole and right; cut off before, the next call goes on from there.

    Args:
        sha256: what it must be, besides what the hub says.
        progress: told how many bytes are there, each time there are more.
        pause_s: how long to wait before another try, longer each time.

    Returns:
        The file's SHA-256.

    Raises:
        RemoteError: If the hub cannot be reached or refuses, or the bytes are not those that were promised.
        ModelError: If the file cannot be written.
    """
    partial = partial_path(remote, path)
    try:
        if path.exists() and (digest := check(path, remote.n_bytes, sha256=sha256, etag=remote.etag)) is not None:
            progress(remote.n_bytes)
            return digest
        with partial.open("ab") as file:
            if file.tell() > remote.n_bytes:
                file.truncate(0)
            progress(file.seek(0, os.SEEK_END))
            _fill(remote, file, progress, pause_s)
            file.flush()
            os.fsync(file.fileno())
        digest = check(partial, remote.n_bytes, sha256=sha256, etag=remote.etag)
        if digest is None:
            partial.unlink()
            raise RemoteError(f"{remote.url} came damaged and was deleted: its checksum is wrong; try again")
        os.replace(partial, path)
    except OSError as exc:
        raise ModelError(f"cannot write {path}: {exc.strerror or exc}; what came is kept, pull again to go on") from exc
    return digest


def check(path: Path, n_bytes: int, *, sha256: str = "", etag: str = "") -> str | None:
    """Hash a file: its SHA-256, or None if it is not what it must be.

    Args:
        sha256: what it must be, if that is known.
        etag: what the hub says it is.
    """
    if path.stat().st_size != n_bytes:
        return None
    digests = [hashlib.sha256()]
    if len(etag) == _SHA1_LENGTH:
        digests.append(hashlib.sha1(f"blob {n_bytes}\0".encode(), usedforsecurity=False))  # as git hashes it
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            for digest in digests:
                digest.update(chunk)
    found = [digest.hexdigest() for digest in digests]
    wrong = (sha256 and sha256 != found[0]) or (len(etag) in (_SHA1_LENGTH, _SHA256_LENGTH) and etag not in found)
    return None if wrong else found[0]


def _fill(remote: Remote, file: BinaryIO, progress: Callable[[int], None], pause_s: float) -> None:
    """Append what is missing, over as many connections as it takes while each brings something."""
    n_vain = 0
    while (begin := file.tell()) < remote.n_bytes:
        reason = "the connection ended"
        try:
            with _translated(remote.url):
                for chunk in _chunks(remote, file):
                    file.write(chunk)
                    progress(file.tell())
        except _Interrupted as error:
            reason = str(error)
        if file.tell() > remote.n_bytes:
            file.truncate(0)
            raise RemoteError(f"{remote.url} is longer than the {remote.n_bytes} bytes it was said to have; try again")
        n_vain = n_vain + 1 if file.tell() <= begin else 0
        if n_vain == _TRIES:
            raise RemoteError(f"{reason}; {file.tell()} of {remote.n_bytes} bytes are kept, pull again to go on")
        if file.tell() < remote.n_bytes:
            time.sleep(pause_s * (1 + n_vain))


def _chunks(remote: Remote, file: BinaryIO) -> Iterator[bytes]:
    """Yield what comes over one connection, from where the file ends."""
    from huggingface_hub import get_session, get_token

    begin = file.tell()
    headers = {"User-Agent": "voicechat", "Accept-Encoding": "identity"}
    if token := get_token():
        headers["Authorization"] = f"Bearer {token}"  # the client drops it when it is sent on to another host
    if begin:
        headers["Range"] = f"bytes={begin}-"
    stream = get_session().stream("GET", remote.url, headers=headers, timeout=_TIMEOUT_S, follow_redirects=True)
    with stream as response:
        response.raise_for_status()
        if begin and not _continues(response, begin):  # some mirrors and proxies send it from the start
            file.truncate(0)
        yield from response.iter_bytes(_CHUNK_BYTES)


def _continues(response: httpx2.Response, begin: int) -> bool:
    return response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {begin}-")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Say in one line what the hub's client raises."""
    try:
        import httpx2
        from huggingface_hub import errors
    except ModuleNotFoundError as exc:
        raise ModelError("downloading needs the package huggingface_hub; run: pip install 'voicechat[models]'") from exc
    try:
        yield
    except errors.OfflineModeIsEnabled as exc:
        raise RemoteError(f"cannot fetch {what}: HF_HUB_OFFLINE is set") from exc
    except (errors.HfHubHTTPError, httpx2.HTTPStatusError) as exc:
        status = exc.response.status_code
        kind = _Interrupted if status in _PASSING else RemoteError
        reason = "it is not there" if status == HTTPStatus.NOT_FOUND else f"the answer was {status}"
        raise kind(f"cannot fetch {what} from {endpoint()}: {reason}") from exc
    except errors.FileMetadataError as exc:
        raise RemoteError(f"cannot fetch {what} from {endpoint()}: it does not answer as a hub does") from exc
    except httpx2.HTTPError as exc:
        reason = str(exc).partition("\n")[0] or type(exc).__name__
        raise _Interrupted(f"cannot fetch {what} from {endpoint()}: {reason}") from exc
