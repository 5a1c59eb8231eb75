"""Transcripts for programs: one JSON object, or JSON lines that come as they are recognized.

Texts are data here: nothing is stripped, everything but printable ASCII is escaped.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from voicechat.transcripts.form import ErrorRates, Footer, Header
from voicechat.types import Segment

SCHEMA = 1  # raised when a field or an event is removed or changes its meaning; not when one is added

_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonObject:
    """One object per transcript, complete at the end."""

    def __init__(self) -> None:
        self._header: Header | None = None
        self._segments: list[Segment] = []

    def begin(self, header: Header) -> str:
        self._header = header
        self._segments = []
        return ""

    def add(self, segment: Segment) -> str:
        self._segments.append(segment)
        return ""

    def end(self, footer: Footer) -> str:
        assert self._header is not None
        words = self._header.words
        languages = Counter(segment.language for segment in self._segments if segment.language)
        whole = {
            "schema": SCHEMA,
            "file": whole_text(self._header.file),
            "recognizer": self._header.recognizer,
            "duration_s": round(footer.duration_s, 3),
            "language": languages.most_common(1)[0][0] if languages else None,
            "error_rates": _rates(footer.error_rates),
            "text": whole_text(" ".join(segment.text for segment in self._segments)),
            "segments": [segment_fields(segment, words=words) for segment in self._segments],
        }
        return json.dumps(whole, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


class JsonLines:
    """One object per event: file_started, each segment, file_done."""

    def __init__(self) -> None:
        self._header: Header | None = None
        self._n_segments = 0

    def begin(self, header: Header) -> str:
        self._header = header
        self._n_segments = 0
        return self._line("file_started", schema=SCHEMA, recognizer=header.recognizer)

    def add(self, segment: Segment) -> str:
        assert self._header is not None
        self._n_segments += 1
        return self._line("segment", **segment_fields(segment, words=self._header.words))

    def end(self, footer: Footer) -> str:
        return self._line(
            "file_done",
            duration_s=round(footer.duration_s, 3),
            segments=self._n_segments,
            error_rates=_rates(footer.error_rates),
        )

    def fail(self, message: str) -> str:
        """Give the line of a file that failed."""
        return self._line("file_failed", error=whole_text(message))

    def _line(self, event: str, **fields: Any) -> str:
        assert self._header is not None
        return _dumped({"event": event, "file": whole_text(self._header.file), **fields})


def segment_fields(segment: Segment, *, words: bool) -> dict[str, Any]:
    """Give a segment as what JSON holds."""
    fields: dict[str, Any] = {
        "start_s": round(segment.start_s, 3),
        "end_s": round(segment.end_s, 3),
        "speaker": segment.speaker or None,
        "language": segment.language or None,
        "text": whole_text(segment.text),
    }
    if words:
        told = [
            {"start_s": round(word.start_s, 3), "end_s": round(word.end_s, 3), "text": whole_text(word.text)}
            for word in segment.words
        ]
        fields["words"] = told or None
    return fields


def whole_text(text: str) -> str:
    """Give a text in which half of a surrogate pair, a byte that is not UTF-8, is U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def _rates(rates: ErrorRates | None) -> dict[str, float] | None:
    if rates is None:
        return None
    return {"words": round(rates.words, 4), "characters": round(rates.characters, 4)}


def _dumped(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=True, allow_nan=False) + "\n"
