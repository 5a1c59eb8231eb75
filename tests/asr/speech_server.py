"""A server with OpenAI's /v1/audio/transcriptions on 127.0.0.1: what it was asked, what it answers, its bad days."""

from __future__ import annotations

import io
import json
import threading
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np


@dataclass
class Request:
    """What was asked."""

    path: str
    key: str
    fields: dict[str, str]
    samples: np.ndarray  # int16 (n,)
    rate: int


@dataclass
class Answer:
    """What is answered to one request."""

    body: bytes | str | Mapping[str, Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int = -1  # close the connection after so many bytes of the body; -1: do not


def events(*parts: object) -> Answer:
    """Server-sent events, then the usual end."""
    lines = "".join(f"data: {json.dumps(part)}\n\n" for part in parts)
    return Answer(lines + "data: [DONE]\n\n", headers={"Content-Type": "text/event-stream"})


@dataclass
class SpeechServer:
    """Gives the answers in their order, the last one again and again."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> SpeechServer:
        handler = type("Handler", (_Handler,), {"server_data": self})
        # Serializes handing out the answers between the handlers' threads.
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="speech-server", kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def next(self, request: Request) -> Answer:
        with self.lock:
            self.requests.append(request)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Handler(BaseHTTPRequestHandler):
    server_data: SpeechServer
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def do_POST(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server_data.next(_understood(self.path, self.headers, body))
        content = answer.body if isinstance(answer.body, str | bytes) else json.dumps(answer.body)
        data = content.encode() if isinstance(content, str) else content
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", "Connection": "close"} | answer.headers
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data if answer.cut_after < 0 else data[: answer.cut_after])


def _understood(path: str, headers: Any, body: bytes) -> Request:
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    fields: dict[str, str] = {}
    samples, rate = np.zeros(0, np.int16), 0
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if name == "file":
            with wave.open(io.BytesIO(content)) as file:
                assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
                samples, rate = np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()
        else:
            fields[name] = content.decode()
    return Request(path, headers.get("Authorization", ""), fields, samples, rate)
