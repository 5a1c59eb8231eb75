"""Any server with OpenAI's /v1/audio/transcriptions: OpenAI's own, speaches, vLLM, LocalAI, whisper.cpp's and others.

Knows what to ask and what an answer means; the requests themselves, with their retries, are in `_http_client.py`. What
a server says is data: it is cut to size and never believed to be well formed.
"""

from __future__ import annotations

import importlib.util
import io
import math
import os
import wave
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import numpy as np

from voicechat.asr._whole_pieces import clean, expected, is_silent
from voicechat.errors import ConfigError, ModelError, RemoteError
from voicechat.types import CAPTURE_RATE, Recognized, Transcript, Word
from voicechat.utterance import Utterance

if TYPE_CHECKING:
    from voicechat.asr._http_client import Client

REQUIRES = {"httpx2": "http"}

OPENAI = "https://api.openai.com/v1"
OPENAI_KEY = "OPENAI_API_KEY"
MAX_PIECE_S = 60.0  # 2 MB: no server refuses that
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Options:
    """What `[asr.http]` holds."""

    url: str = OPENAI  # of the server, up to /v1
    model: str = "whisper-1"  # as the server calls it
    key_variable: str = ""  # environment variable with the key; "": OPENAI_API_KEY for OpenAI, none for other servers
    language: str = ""  # spoken: en, de, fr, ...; "" to let the server find out
    task: Literal["transcribe", "translate"] = "transcribe"  # translate: into English
    prompt: str = ""  # a text that could stand before: its style is kept
    vocabulary: str = ""  # names and terms to expect, separated by commas
    batch_size: int = 4  # pieces of a file that are sent at once
    stream: bool = True  # in a talk: show the words as they are recognized, where the server offers that
    timeout_s: float = 60.0  # without an answer
    tries: int = 5  # of a request, while the server is busy or cannot be reached


class HttpTranscriber:
    """Recognize pieces of files, and what is said in a talk, on a server; from any thread."""

    max_piece_s = MAX_PIECE_S
    tells_words = True

    def __init__(self, client: Client, options: Options) -> None:
        self._client = client
        self._options = options
        self.batch_size = options.batch_size
        self._words_refused = False  # the server offers no word times; another thread may find out, too
        self._streaming_refused = False

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:
        """Give the words of each piece, float32 (n,) at 16 kHz, in order; without times where the server has none.

        Raises:
            RemoteError: If the server cannot be reached, refuses, or answers what cannot be understood.
        """
        with ThreadPoolExecutor(max(1, self.batch_size), thread_name_prefix="voicechat-asr-http") as pool:
            answers = [pool.submit(self._recognized, piece, words) for piece in pieces]
            try:
                return [answer.result() for answer in answers]
            finally:
                for answer in answers:
                    answer.cancel()  # after an error there is no use in the others

    def transcribe(self, frames: Iterable[np.ndarray]) -> Generator[Transcript, None, None]:
        """Wait for the end, then yield the words as the server recognizes them, and the final transcript.

        Raises:
            RemoteError: If the server cannot be reached, refuses, or answers what cannot be understood.
        """
        held = [np.zeros(0, np.float32), *frames]
        if isinstance(frames, Utterance) and frames.cancel.cancelled:
            return
        samples = clean(np.concatenate(held))
        if is_silent(samples):
            yield Transcript("", final=True)
            return
        text = ""
        for delta, whole in self._streamed(samples):
            if isinstance(frames, Utterance) and frames.cancel.cancelled:
                return
            text = text + delta if whole is None else whole
            if whole is None and text.strip():
                yield Transcript(text.strip())
        yield Transcript(text.strip(), final=True)

    def close(self) -> None:
        """Close the connections. Idempotent, from any thread."""
        self._client.close()

    def _recognized(self, piece: np.ndarray, words: bool) -> Recognized:
        samples = clean(piece)
        if is_silent(samples):
            return Recognized("")
        wanted = words and not self._words_refused
        answer = self._client.post(self._path(), self._fields(words=wanted), _wav(samples), refusable=wanted)
        if answer is None:  # it would have answered without the times
            self._words_refused = True
            answer = self._client.post(self._path(), self._fields(words=False), _wav(samples))
        assert answer is not None
        return _understood(answer, len(samples) / CAPTURE_RATE, self._options.language, words=words)

    def _streamed(self, samples: np.ndarray) -> Generator[tuple[str, str | None], None, None]:
        """Yield what comes of the text: more of it, or all of it."""
        streaming = self._options.stream and not self._streaming_refused
        fields = self._fields(words=False) | ({"stream": "true"} if streaming else {})
        begun = False
        for event in self._client.stream(self._path(), fields, _wav(samples), refusable=streaming):
            begun = True
            if event.get("type") == "transcript.text.delta":
                yield str(event.get("delta") or ""), None
            elif isinstance(event.get("text"), str):
                yield "", event["text"]
        if not begun and streaming:
            self._streaming_refused = True
            yield from self._streamed(samples)

    def _path(self) -> str:
        return "audio/translations" if self._options.task == "translate" else "audio/transcriptions"

    def _fields(self, *, words: bool) -> dict[str, str]:
        options = self._options
        fields = {"model": options.model, "response_format": "verbose_json" if words else "json"}
        if words:
            fields["timestamp_granularities[]"] = "word"
        if options.language and options.task == "transcribe":
            fields["language"] = options.language
        if prompt := expected(options.prompt, options.vocabulary):
            fields["prompt"] = prompt
        return fields


def load(options: Options) -> HttpTranscriber:
    """Make ready to ask the server; nothing is sent yet.

    Raises:
        ConfigError: If an option cannot be, or a key is not there or would be sent in the clear.
        ModelError: If httpx2 is not installed.
    """
    key = _key(options)
    for name, low, high in (("batch_size", 1, 64), ("timeout_s", 1, 3600), ("tries", 1, 20)):
        if not low <= (value := getattr(options, name)) <= high:
            raise ConfigError(f"asr.http.{name} must be from {low} to {high}, not {value}")
    if importlib.util.find_spec("httpx2") is None:
        raise ModelError("http needs the package httpx2; run: pip install 'voicechat[http]'")
    from voicechat.asr._http_client import Client

    return HttpTranscriber(Client(options.url, key, timeout_s=options.timeout_s, n_tries=options.tries), options)


def _key(options: Options) -> str:
    """Give the key for a server, '' if it gets none: OpenAI's is for OpenAI only."""
    parts = urlsplit(options.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ConfigError(f"asr.http.url must be like {OPENAI}, not {options.url!r:.80}")
    is_openai = parts.hostname == urlsplit(OPENAI).hostname
    variable = options.key_variable or (OPENAI_KEY if is_openai else "")
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise ConfigError(f"{parts.hostname} wants a key: set the environment variable {variable}")
    if key and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(f"the key in {variable} would be sent in the clear to {parts.hostname}; use https://")
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"the key in {variable} has characters that no key has; set it again")
    return key


def _wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(CAPTURE_RATE)
        writer.writeframes((samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _understood(answer: Mapping[str, Any], duration_s: float, language: str, *, words: bool) -> Recognized:
    """Read an answer; what is not as it should be in its details is left out."""
    if not isinstance(text := answer.get("text"), str):
        raise RemoteError(f"the server's answer has no text: {str(answer)[:80]!r}")
    told = answer.get("language")
    if not language and isinstance(told, str) and 2 <= len(told) <= 3 and told.isalpha():
        language = told.lower()
    listed = answer.get("words") if words else ()
    found = [_word(entry, duration_s) for entry in listed] if isinstance(listed, list) else []
    return Recognized(text.strip(), tuple(word for word in found if word is not None), language if text.strip() else "")


def _word(entry: object, duration_s: float) -> Word | None:
    if not isinstance(entry, Mapping) or not isinstance(text := entry.get("word"), str) or not text.strip():
        return None
    start_s, end_s = entry.get("start"), entry.get("end")
    if not isinstance(start_s, int | float) or not isinstance(end_s, int | float):
        return None
    if not math.isfinite(start_s) or not math.isfinite(end_s):
        return None
    start_s = min(max(0.0, start_s), duration_s)
    return Word(text.strip(), start_s, min(max(start_s, end_s), duration_s))
