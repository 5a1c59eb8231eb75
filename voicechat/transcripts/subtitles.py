"""Captions as SubRip and as WebVTT (W3C Candidate Recommendation, 4 April 2019)."""

from __future__ import annotations

from collections.abc import Iterable

from voicechat.transcripts.captions import Caption, Captioner, Unit, text_of
from voicechat.transcripts.form import Footer, Header, clean, clock
from voicechat.types import Segment


class SubRip:
    """Numbered captions; where the speaker changes, they begin with who speaks."""

    def __init__(self) -> None:
        self._captioner = Captioner(label=True)
        self._n_captions = 0

    def begin(self, header: Header) -> str:  # noqa: ARG002
        return ""

    def add(self, segment: Segment) -> str:
        return self._written(self._captioner.push(_cleaned(segment)))

    def end(self, footer: Footer) -> str:  # noqa: ARG002
        return self._written(self._captioner.finish())

    def _written(self, captions: Iterable[Caption]) -> str:
        blocks = []
        for caption in captions:
            self._n_captions += 1
            lines = "\n".join(text_of(line).replace("-->", "->") for line in caption.lines)
            times = f"{clock(caption.start_s, separator=',')} --> {clock(caption.end_s, separator=',')}"
            blocks.append(f"{self._n_captions}\n{times}\n{lines}\n\n")
        return "".join(blocks)


class WebVtt:
    """Captions with a voice tag for each speaker and, where they are wanted, the times of the words."""

    def __init__(self) -> None:
        self._captioner = Captioner()
        self._words = False

    def begin(self, header: Header) -> str:
        self._words = header.words
        return "WEBVTT\n\n"

    def add(self, segment: Segment) -> str:
        self._words = self._words and bool(segment.words)
        return self._written(self._captioner.push(_cleaned(segment)))

    def end(self, footer: Footer) -> str:  # noqa: ARG002
        return self._written(self._captioner.finish())

    def _written(self, captions: Iterable[Caption]) -> str:
        blocks = []
        for caption in captions:
            lines = "\n".join(self._line(line, caption) for line in caption.lines)
            voice = f"<v Speaker {caption.speaker}>" if caption.speaker else ""
            blocks.append(f"{clock(caption.start_s)} --> {clock(caption.end_s)}\n{voice}{lines}\n\n")
        return "".join(blocks)

    def _line(self, line: tuple[Unit, ...], caption: Caption) -> str:
        if not self._words:
            return _escaped(text_of(line))
        # A time stamp within a caption must lie within it, and behind the one before.
        parts = []
        before_s = caption.start_s
        for index, unit in enumerate(line):
            stamp = f"<{clock(unit.start_s)}>" if before_s + 0.001 <= unit.start_s < caption.end_s - 0.001 else ""
            before_s = max(before_s, unit.start_s)
            parts.append(f"{unit.space if index else ''}{stamp}{_escaped(unit.text)}")
        return "".join(parts)


def _cleaned(segment: Segment) -> Segment:
    """Give a segment whose text is one safe line; words that are not in it any more go."""
    text = clean(segment.text)
    return segment if text == segment.text else Segment(text, segment.start_s, segment.end_s, speaker=segment.speaker)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
