"""Transcripts for people: plain text, a line per segment, and Markdown."""

from __future__ import annotations

import re

from voicechat.transcripts.form import Footer, Header, clean, clock, speaker_name
from voicechat.types import Segment

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_BLOCK_START = re.compile(r"^([-+=]|\d+[.)])")


class PlainText:
    """One line per segment, and before it who speaks, where that is known."""

    def begin(self, header: Header) -> str:
        return f"==> {clean(header.file)} <==\n" if header.titled else ""

    def add(self, segment: Segment) -> str:
        name = speaker_name(segment)
        return f"{name}: {clean(segment.text)}\n" if name else f"{clean(segment.text)}\n"

    def end(self, footer: Footer) -> str:  # noqa: ARG002
        return ""


class Markdown:
    """A heading with the name of the file, then a paragraph per segment, and when it begins."""

    def begin(self, header: Header) -> str:
        return f"# {_escaped(header.file)}\n\n"

    def add(self, segment: Segment) -> str:
        label = " ".join(filter(None, (clock(segment.start_s).partition(".")[0], speaker_name(segment))))
        return f"**{label}** {_escaped(segment.text)}\n\n"

    def end(self, footer: Footer) -> str:  # noqa: ARG002
        return ""


def _escaped(text: str) -> str:
    """Give a text that Markdown shows as it is."""
    return _BLOCK_START.sub(r"\\\1", _SPECIAL.sub(r"\\\1", clean(text)))
