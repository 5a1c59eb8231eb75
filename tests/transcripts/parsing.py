"""Read transcripts back, as other programs would: the opposite of every form."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import dataclass

from voicechat.transcripts.form import Footer, Header
from voicechat.transcripts.forms import FORMS
from voicechat.types import Segment


@dataclass(frozen=True)
class Cue:
    """A caption as a player sees it."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


def written(name: str, segments: list[Segment], header: Header | None = None, footer: Footer | None = None) -> str:
    """Give a transcript in a form."""
    form = FORMS[name]()
    parts = [form.begin(header or Header("talk.mp3", "fake")), *map(form.add, segments)]
    return "".join([*parts, form.end(footer or Footer(60.0))])


_SRT = re.compile(r"(\d+)\n(\d+):(\d\d):(\d\d),(\d{3}) --> (\d+):(\d\d):(\d\d),(\d{3})\n((?:.+\n)+)\n")
_VTT = re.compile(r"(\d+):(\d\d):(\d\d)\.(\d{3}) --> (\d+):(\d\d):(\d\d)\.(\d{3})\n((?:.+\n)+)\n")


def srt_cues(text: str) -> list[Cue]:
    """Read SubRip; anything that is no caption fails."""
    matches = list(_SRT.finditer(text))
    assert "".join(match.group() for match in matches) == text
    assert [int(match[1]) for match in matches] == list(range(1, len(matches) + 1))
    return [_cue(match.groups()[1:]) for match in matches]


def vtt_cues(text: str) -> list[Cue]:
    """Read WebVTT with its tags taken away; anything that is no caption fails."""
    assert text.startswith("WEBVTT\n\n")
    body = text.removeprefix("WEBVTT\n\n")
    matches = list(_VTT.finditer(body))
    assert "".join(match.group() for match in matches) == body
    cues = [_cue(match.groups()) for match in matches]
    return [
        Cue(cue.start_s, cue.end_s, tuple(html.unescape(re.sub(r"<[^>]*>", "", line)) for line in cue.lines))
        for cue in cues
    ]


def table_rows(text: str, *, tabs: bool) -> list[dict[str, str]]:
    if tabs:
        names, *rows = [line.split("\t") for line in text.splitlines()]
        return [dict(zip(names, row, strict=True)) for row in rows]
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def json_lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def _cue(groups: tuple[str, ...]) -> Cue:
    numbers = [int(group) for group in groups[:8]]
    start_s = numbers[0] * 3600 + numbers[1] * 60 + numbers[2] + numbers[3] / 1000
    end_s = numbers[4] * 3600 + numbers[5] * 60 + numbers[6] + numbers[7] / 1000
    return Cue(start_s, end_s, tuple(groups[8].removesuffix("\n").split("\n")))
