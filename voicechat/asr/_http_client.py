"""One request to a recognizing server: sent again while the server is busy, read within limits, its errors in one line.

Knows HTTP, server-sent events and OpenAI's form of an error; nothing of what a transcript is. The key goes into a
header and nowhere else: no log, no message, and no other server, as no redirection is followed.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2

from voicechat.errors import RemoteError

logger = logging.getLogger(__name__)

FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 30.0  # before another try; each pause is about twice the one before
MAX_ANSWER_BYTES = 16 << 20
MAX_MESSAGE = 200  # characters of what a server says about an error
_PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)  # answers that may be others soon
_REFUSED = (400, 415, 422)  # answers to a request that asks for what the server does not offer
_FINAL_CODES = ("insufficient_quota", "billing_hard_limit_reached")  # too many requests, for good


class Client:
    """Sends requests from any thread."""

    def __init__(
        self, url: str, key: str, *, timeout_s: float, n_tries: int, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._url, self._key = url.rstrip("/"), key
        self._client = httpx2.Client(headers=headers, timeout=timeout_s, follow_redirects=False)
        self._n_tries, self._first_pause_s = n_tries, first_pause_s
        self._closed = threading.Event()  # wakes who waits for another try

    def post(
        self, path: str, fields: Mapping[str, str], wav: bytes, *, refusable: bool = False
    ) -> dict[str, Any] | None:
        """Send a recording; give the answer, a JSON object.

        Args:
            refusable: whether it may be refused for what it asks for besides the text: the answer is then None.

        Raises:
            RemoteError: If the server cannot be reached, refuses, or answers something else.
        """
        answers = list(self.stream(path, fields, wav, refusable=refusable))
        return answers[-1] if answers else None

    def stream(
        self, path: str, fields: Mapping[str, str], wav: bytes, *, refusable: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Send a recording; yield each event of the answer, which may also be a single object. See `post`."""
        for n_try in range(1, self._n_tries + 1):
            begun = False
            try:
                for event in self._answer(path, fields, wav, refusable=refusable):
                    begun = True
                    yield event
                return
            except _Passing as passing:
                if begun or n_try == self._n_tries:
                    raise RemoteError(str(passing)) from passing.__cause__
                pause_s = passing.wait_s if passing.wait_s is not None else self._pause_s(n_try)
                logger.info("%s; try %d in %.1f s", passing, n_try + 1, pause_s)
                if self._closed.wait(min(pause_s, MAX_PAUSE_S)):
                    raise RemoteError(f"{self._url} is not asked any more: closed") from passing

    def close(self) -> None:
        """Close the connections; who waits for another try gets a RemoteError. Idempotent, from any thread."""
        self._closed.set()
        self._client.close()

    def _answer(self, path: str, fields: Mapping[str, str], wav: bytes, *, refusable: bool) -> Iterator[dict[str, Any]]:
        request = self._client.stream(
            "POST", f"{self._url}/{path}", data=dict(fields), files={"file": ("speech.wav", wav, "audio/wav")}
        )
        try:
            with request as response:
                if response.status_code != 200:
                    if refusable and response.status_code in _REFUSED:
                        return
                    raise self._error(response)
                if response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    yield from self._events(response)
                else:
                    yield self._object(_body(response, self._url))
        except httpx2.TimeoutException as exc:
            raise _Passing(f"{self._url} does not answer in time") from exc
        except httpx2.HTTPError as exc:
            reason = self._shown(str(exc)) or type(exc).__name__
            raise _Passing(f"cannot reach {self._url}: {reason}") from exc
        except RuntimeError as exc:  # how a closed client refuses
            if not self._closed.is_set():
                raise
            raise RemoteError(f"{self._url} is not asked any more: closed") from exc

    def _events(self, response: httpx2.Response) -> Iterator[dict[str, Any]]:
        """Yield the objects of server-sent events."""
        data: list[str] = []
        n_bytes = 0
        for line in response.iter_lines():
            n_bytes += len(line)
            if n_bytes > MAX_ANSWER_BYTES:
                raise RemoteError(f"{self._url} answers without end")
            if line.startswith("data:"):
                data.append(line.removeprefix("data:").removeprefix(" "))
            elif not line and data:
                text, data = "\n".join(data), []
                if text == "[DONE]":
                    return
                event = self._object(text.encode())
                if event.get("type") == "error" or isinstance(event.get("error"), Mapping):
                    raise RemoteError(f"{self._url} failed: {self._message(event)}")
                yield event
        if data and (text := "\n".join(data)) != "[DONE]":
            yield self._object(text.encode())

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            loaded = json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise RemoteError(f"{self._url} answers something else than JSON: {self._shown(repr(body[:60]))}") from exc
        if not isinstance(loaded, dict):
            raise RemoteError(f"{self._url} answers something else than a JSON object: {self._shown(repr(body[:60]))}")
        return loaded

    def _error(self, response: httpx2.Response) -> Exception:
        status = response.status_code
        body = _body(response, self._url)
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = {}
        message = self._message(told) if isinstance(told, dict) else ""
        code = str((told.get("error") or {}).get("code")) if isinstance(told, dict) and _is_error(told) else ""
        text = f"{self._url} answers {status}" + (f": {message}" if message else "")
        if status in (401, 403):
            return RemoteError(f"{text}; check the key")
        if status in _PASSING and code not in _FINAL_CODES:
            return _Passing(text, wait_s=_seconds(response.headers.get("Retry-After", "")))
        return RemoteError(text)

    def _message(self, told: Mapping[str, Any]) -> str:
        error = told.get("error", told.get("detail", told.get("message", "")))
        return self._shown(str(error.get("message", "")) if isinstance(error, Mapping) else str(error))

    def _shown(self, text: str) -> str:
        """Make a server's words fit for a line of a terminal, and keep the key out of them."""
        hidden = text.replace(self._key, "...") if self._key else text
        return "".join(c if c.isprintable() else " " for c in hidden)[:MAX_MESSAGE].strip()

    def _pause_s(self, n_try: int) -> float:
        usual_s: float = min(MAX_PAUSE_S, self._first_pause_s * 2.0 ** (n_try - 1))
        return usual_s * random.uniform(0.75, 1.25)  # so that requests refused together do not come back together


class _Passing(Exception):
    """Raised for what may be over at the next try."""

    def __init__(self, text: str, *, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.wait_s = wait_s  # as the server says


def _body(response: httpx2.Response, url: str) -> bytes:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise RemoteError(f"{url} answers without end")
    return body


def _is_error(told: Mapping[str, Any]) -> bool:
    return isinstance(told.get("error"), Mapping)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None
