"""Transcripts for spreadsheets: a row per segment or, where the times of words are wanted, per word."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from voicechat.transcripts.form import Footer, Header, clean
from voicechat.types import Segment

COLUMNS = ("file", "start_s", "end_s", "speaker", "text")


class _Table:
    """Rows of COLUMNS, the names of the columns above the first."""

    def __init__(self) -> None:
        self._header: Header | None = None

    def begin(self, header: Header) -> str:
        again = self._header is not None  # behind another transcript
        self._header = header
        return "" if again else self._row(COLUMNS)

    def add(self, segment: Segment) -> str:
        return "".join(self._row(row) for row in self._rows(segment))

    def end(self, footer: Footer) -> str:  # noqa: ARG002
        return ""

    def _rows(self, segment: Segment) -> Iterator[tuple[str, ...]]:
        assert self._header is not None
        parts = segment.words if self._header.words and segment.words else (segment,)
        for part in parts:
            times = (f"{part.start_s:.3f}", f"{part.end_s:.3f}")
            yield (clean(self._header.file), *times, segment.speaker, clean(part.text))

    def _row(self, cells: tuple[str, ...]) -> str:
        raise NotImplementedError


class TabSeparated(_Table):
    """Cells that hold no tab, so that none is quoted."""

    def _row(self, cells: tuple[str, ...]) -> str:
        return "\t".join(cells) + "\n"


class CommaSeparated(_Table):
    """RFC 4180, but for line ends of one character."""

    def _row(self, cells: tuple[str, ...]) -> str:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        return line.getvalue()
