"""A hub in miniature on 127.0.0.1: the endpoints, headers and redirects of the real one, and its bad days."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "c0ffee" * 6 + "beef"  # 40 digits
LARGE_BYTES = 10_000  # files from here on are stored elsewhere, as large ones are


@dataclass
class Request:
    """What was asked for."""

    method: str
    path: str
    range: str


@dataclass
class Hub:
    """The files it has, and how it behaves; both may be changed while it runs."""

    files: dict[str, bytes] = field(default_factory=dict)  # "owner/name/file" -> content
    cut_after: int = 0  # close the connection after so many bytes of a body, once; 0: never
    ignores_range: bool = False
    damaged: bool = False  # gives bytes that are not those it promises
    too_long: bool = False  # gives more of them than it promised
    answer: int = 0  # give this status to all; 0: do not
    is_hub: bool = True  # whether it answers with the headers of a hub
    prefix: str = ""  # of the path, as a mirror has one
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Hub:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False  # so that closing waits for them
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="hub-server", kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def asked(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        hub = self.hub
        self.close_connection = True  # the client keeps no connection, so that the server's threads end
        hub.requests.append(Request(self.command, unquote(self.path), self.headers.get("Range", "")))
        path = unquote(self.path).removeprefix(hub.prefix)
        stored = hub.files.get(path.removeprefix("/cdn/"))
        repository, _, rest = path.strip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        if hub.answer:
            self._refuse(hub.answer)
        elif path.startswith("/cdn/") and stored is not None:
            self._send(stored, {}, with_body=with_body)
        elif revision in ("main", COMMIT) and f"{repository}/{name}" in hub.files:
            self._resolve(f"{repository}/{name}", with_body=with_body)
        else:
            self._refuse(404)

    def _resolve(self, key: str, *, with_body: bool) -> None:
        content = self.hub.files[key]
        headers = {"X-Repo-Commit": COMMIT} if self.hub.is_hub else {}
        if len(content) < LARGE_BYTES:
            headers["ETag"] = f'"{hashlib.sha1(f"blob {len(content)}".encode() + bytes(1) + content).hexdigest()}"'
            self._send(content, headers, with_body=with_body)
            return
        headers["X-Linked-ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        headers["X-Linked-Size"] = str(len(content))
        headers["Location"] = f"http://localhost:{self.hub.port}{self.hub.prefix}/cdn/{key}"  # another host
        self._begin(302, headers, 0)

    def _refuse(self, status: int) -> None:
        headers = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "no"} if status == 404 else {}
        self._begin(status, headers, 0)

    def _begin(self, status: int, headers: dict[str, str], n_bytes: int) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(n_bytes), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, content: bytes, headers: dict[str, str], *, with_body: bool) -> None:
        hub = self.hub
        begin, status = 0, 200
        if (wanted := self.headers.get("Range")) and not hub.ignores_range:
            begin, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            headers = {**headers, "Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
        body = content[begin:] + (b"more" if hub.too_long and with_body else b"")
        self._begin(status, headers, len(body))
        if not with_body:
            return
        if hub.damaged:
            body = bytes(len(body))
        if 0 < hub.cut_after < len(body):
            body, hub.cut_after = body[: hub.cut_after], 0
        self.wfile.write(body)
