"""Every form of a transcript can be read back, whatever was said, and by whom."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcripts.parsing import json_lines, srt_cues, table_rows, vtt_cues, written
from voicechat.errors import ConfigError
from voicechat.transcripts.form import ErrorRates, Footer, Header, clean, clock
from voicechat.transcripts.forms import FORMS, check_stream, form_names
from voicechat.types import Segment, Word

HOSTILE = st.text(
    st.one_of(st.sampled_from("\n\r\t\x1b[31m<>&-\"',;#*_`1.\u2028\u202e\ud800 你好é"), st.characters()), max_size=60
)


@st.composite
def transcripts(draw: st.DrawFn, text: st.SearchStrategy[str] = HOSTILE) -> list[Segment]:
    """Segments one behind the other, some of them with words."""
    segments = []
    at_s = draw(st.floats(0, 10_000))
    for _ in range(draw(st.integers(0, 5))):
        said = draw(text.filter(lambda each: clean(each) != ""))
        end_s = at_s + draw(st.floats(0.1, 20))
        words: tuple[Word, ...] = ()
        parts = said.split()
        if parts and draw(st.booleans()):
            step_s = (end_s - at_s) / len(parts)
            words = tuple(Word(part, at_s + step_s * i, at_s + step_s * (i + 0.9)) for i, part in enumerate(parts))
        segments.append(Segment(said, at_s, end_s, words, draw(st.sampled_from(["", "1", "2"]))))
        at_s = end_s + draw(st.floats(0.05, 5))
    return segments


def spoken(segments: list[Segment]) -> list[str]:
    return [clean(segment.text) for segment in segments]


@given(transcripts())
def test_plain_text_is_a_line_for_each_segment(segments: list[Segment]) -> None:
    lines = written("txt", segments).splitlines()

    assert [
        re.sub(r"^speaker \d: ", "", line) if s.speaker else line for line, s in zip(lines, segments, strict=True)
    ] == (spoken(segments))


@given(transcripts())
def test_subtitles_hold_all_words_in_order(segments: list[Segment]) -> None:
    for cues in (srt_cues(written("srt", segments)), vtt_cues(written("vtt", segments))):
        shown = "".join("".join(cue.lines) for cue in cues)
        shown = re.sub(r"Speaker \d:", "", shown)
        said = "".join(spoken(segments)).replace("-->", "->")
        assert re.sub(r"Speaker\d:|\s", "", shown).replace("-->", "->") == re.sub(r"Speaker\d:|\s", "", said)
        assert [cue.start_s for cue in cues] == sorted(cue.start_s for cue in cues)
        assert all(cue.start_s < cue.end_s for cue in cues)


@given(transcripts(), st.booleans())
def test_tables_have_a_row_for_each_segment_or_word(segments: list[Segment], words: bool) -> None:
    header = Header('a\tb,\n"c".mp3', "fake", words=words)
    expected = [part for each in segments for part in (each.words if words and each.words else (each,))]

    for rows in (
        table_rows(written("tsv", segments, header), tabs=True),
        table_rows(written("csv", segments, header), tabs=False),
    ):
        assert [row["text"] for row in rows] == [clean(part.text) for part in expected]
        assert [float(row["start_s"]) for row in rows] == pytest.approx([p.start_s for p in expected], abs=0.001)
        assert all(row["file"] == 'a b, "c".mp3' for row in rows)


@given(transcripts(), st.booleans())
def test_json_holds_the_texts_as_they_are(segments: list[Segment], words: bool) -> None:
    header = Header("caf\udce9.mp3", "fake", words=words)
    text = written("json", segments, header, Footer(12.3456, ErrorRates(0.25, 0.1)))

    whole = json.loads(text)

    assert text.isascii()
    assert whole["schema"] == 1
    assert whole["file"] == "caf\ufffd.mp3"
    assert whole["duration_s"] == 12.346
    assert whole["error_rates"] == {"words": 0.25, "characters": 0.1}
    assert [each["text"] for each in whole["segments"]] == [_whole(segment.text) for segment in segments]
    assert all(("words" in each) == words for each in whole["segments"])
    if words:
        told = [len(each["words"] or ()) for each in whole["segments"]]
        assert told == [len(segment.words) for segment in segments]


@given(transcripts())
def test_json_lines_are_an_event_each(segments: list[Segment]) -> None:
    lines = json_lines(written("jsonl", segments))

    assert [line["event"] for line in lines] == ["file_started", *["segment"] * len(segments), "file_done"]
    assert [line["text"] for line in lines[1:-1]] == [_whole(segment.text) for segment in segments]
    assert lines[-1]["segments"] == len(segments)
    assert {line["file"] for line in lines} == {"talk.mp3"}


@given(transcripts())
def test_markdown_shows_what_was_said_and_no_markup_of_its_own(segments: list[Segment]) -> None:
    title, *paragraphs = written("md", segments, Header("a_b #1.mp3", "fake")).rstrip("\n").split("\n\n")

    assert title == r"# a\_b \#1.mp3"
    texts = [re.sub(r"^\*\*.*?\*\* ?", "", paragraph) for paragraph in paragraphs]
    assert [re.sub(r"\\(.)", r"\1", text) for text in texts] == [
        re.sub(r"\\(.)", r"\1", t) for t in map(_unescaped, segments)
    ]
    assert not any(re.search(r"(?<!\\)(?:\\\\)*[<>*_`\[\]#|]", text) for text in texts)


def _unescaped(segment: Segment) -> str:
    return clean(segment.text).replace("\\", "\\\\")


def _whole(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def test_the_parts_of_every_form_put_together_are_the_whole() -> None:
    segments = [Segment("one.", 1, 2), Segment("two.", 3, 4, speaker="2")]

    for name in FORMS:
        assert written(name, segments).endswith("\n")


def test_a_caption_begins_with_the_speaker_where_the_speaker_changes() -> None:
    segments = [
        Segment("hello", 1, 2, speaker="1"),
        Segment("hi", 3, 4, speaker="2"),
        Segment("how are you", 5, 6, speaker="2"),
    ]

    assert [cue.lines for cue in srt_cues(written("srt", segments))] == [
        ("Speaker 1: hello",),
        ("Speaker 2: hi",),
        ("how are you",),
    ]
    assert "<v Speaker 2>hi" in written("vtt", segments)


def test_webvtt_tells_when_each_word_is_spoken() -> None:
    words = (Word("a", 1.0, 1.2), Word("b", 1.5, 1.8), Word("c", 2.0, 2.4))

    text = written("vtt", [Segment("a b c", 1.0, 2.4, words)], Header("x", "fake", words=True))

    assert "a <00:00:01.500>b <00:00:02.000>c" in text


def test_webvtt_shows_what_looks_like_a_tag() -> None:
    assert "a &lt;b&gt; &amp; --&gt; c" in written("vtt", [Segment("a <b> & --> c", 1, 2)])


def test_several_transcripts_in_one_stream_are_told_apart() -> None:
    for name, title in [("txt", "==> b.mp3 <=="), ("md", "# b.mp3"), ("csv", "b.mp3,1.000"), ("tsv", "b.mp3\t1.000")]:
        form = FORMS[name]()
        text = ""
        for file in ("a.mp3", "b.mp3"):
            text += form.begin(Header(file, "fake", titled=True)) + form.add(Segment("x", 1, 2)) + form.end(Footer(3))

        assert title in text
        assert text.count("start_s") == (name in ("csv", "tsv"))


@pytest.mark.parametrize(
    ("at_s", "shown"),
    [(0.0, "00:00:00.000"), (59.9996, "00:01:00.000"), (3661.5, "01:01:01.500"), (360_000.0, "100:00:00.000")],
)
def test_a_time_is_shown_in_hours_minutes_and_seconds(at_s: float, shown: str) -> None:
    assert clock(at_s) == shown


def test_formats_are_named_once_with_commas_or_without() -> None:
    assert form_names(["srt, json", "SRT", "txt"]) == ("srt", "json", "txt")
    with pytest.raises(ConfigError, match="no format is called 'doc'; known: txt, json"):
        form_names(["txt,doc"])


def test_what_one_output_cannot_hold_is_refused() -> None:
    check_stream(["jsonl"], 3)
    check_stream(["srt"], 1)
    with pytest.raises(ConfigError, match="takes one format"):
        check_stream(["srt", "txt"], 1)
    with pytest.raises(ConfigError, match="one file, and there are 2"):
        check_stream(["srt"], 2)
