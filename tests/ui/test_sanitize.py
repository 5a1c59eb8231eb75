from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.hostile import HOSTILE, cut_at_random, hostile_strings
from voicechat.errors import ConfigError
from voicechat.ui.error_line import error_line
from voicechat.ui.sanitize import MAX_SEQUENCE_CHARS, StreamSanitizer, printable

# Weighted towards what matters: any text, and text made of the characters that sequences are made of.
texts = st.one_of(st.text(), st.text(st.sampled_from("\x1b[]P_\\;09mh \x07\x18\x9b\x9c\x9d\n\u202e\ud800a(")))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x1b[31mred\x1b[0mb", "aredb"),
        ("a\x1b[?1049hb", "ab"),
        ("a\x1b[1;2 qb", "ab"),  # with an intermediate byte
        ("a\x9b31mb", "ab"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]0;title\x1b\\b", "ab"),
        ("a\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x9d0;title\x9cb", "ab"),
        ("a\x1bPpayload\nof two lines\x1b\\b", "ab"),
        ("a\x90payload\x1b\\b", "ab"),
        ("a\x1b_apc\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d", "abcd"),
        ("a\x9fapc\x9cb\x9epm\x9cc\x98sos\x9cd", "abcd"),
        ("a\x1bcb", "ab"),
        ("a\x1b(0b", "ab"),
        ("a\x1b#8b", "ab"),
        ("a\x1b\x1b[2Jb", "ab"),
        ("a\x1b", "a"),
        ("a\x1b[31", "a"),
        ("a\x1b]0;title\x18b", "ab"),  # CAN gives a sequence up
        ("a\x1b[3\nb", "a\nb"),  # a line end breaks one off
        ("a\x1b[3éb", "aéb"),
        ("one\r\ntwo\tthree\x00\x08\x0b\x7f\x85", "one\ntwo\tthree"),
        ("\u202eabc\u202c\u2066d\u2069\u200e\u200f\u061c", "abcd"),
        ("a\u2028b\u2029c\ufeffd\ufff9e\ufffb\U000e0041\u206af\u206f", "abcdef"),
        ("caf\udce9", "caf"),
        ("[bold]not markup[/] :smile:", "[bold]not markup[/] :smile:"),
        ("日本語 שלום नमस्\u200dते 👩\u200d👧 e\u0301", "日本語 שלום नमस्\u200dते 👩\u200d👧 e\u0301"),
    ],
)
def test_sequences_go_with_their_payload_and_words_stay(raw: str, shown: str):
    assert printable(raw) == shown


def test_single_line_turns_newlines_and_tabs_into_spaces():
    assert printable("one\ntwo\tthree\r\n", single_line=True) == "one two three "


@given(texts)
def test_nothing_hostile_is_left(text: str):
    assert not HOSTILE.search(printable(text))


@given(texts)
def test_sanitizing_twice_changes_nothing(text: str):
    once = printable(text)

    assert printable(once) == once


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_letters_marks_numbers_and_signs_are_kept(text: str):
    assert printable(text) == text


@given(texts, st.lists(st.integers(0, 40)))
def test_a_text_in_pieces_gives_the_same_as_the_whole(text: str, cuts: list[int]):
    stream = StreamSanitizer()
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]

    pieces = [stream.push(text[start:end]) for start, end in itertools.pairwise(bounds)]

    assert "".join(pieces) == printable(text)


def test_hostile_strings_in_pieces_give_the_same_as_the_whole():
    rng = random.Random(7)
    for text in hostile_strings(20_000, seed=7):
        stream = StreamSanitizer()
        assert "".join(map(stream.push, cut_at_random(text, rng))) == printable(text)


def test_flush_forgets_an_open_sequence():
    stream = StreamSanitizer()
    stream.push("one \x1b]0;never ended ")

    stream.flush()

    assert stream.push("two") == "two"


@pytest.mark.parametrize("opening", ["\x1b]0;", "\x1bP", "\x9d", "\x1b[", "\x1b("])
def test_a_sequence_that_never_ends_does_not_swallow_the_talk(opening: str):
    filler = " " if opening == "\x1b(" else "1"
    stream = StreamSanitizer()

    shown = stream.push(opening) + "".join(stream.push(filler) for _ in range(MAX_SEQUENCE_CHARS + 10))
    shown += stream.push("heard again")

    assert shown.endswith("heard again")
    assert len(shown) < 30


def test_an_error_is_one_safe_line():
    error = ConfigError("no profile\n'\x1b]0;x\x07\u202eevil\udcff'; known: a, b")

    assert error_line(error) == "voicechat: error: no profile 'evil'; known: a, b"


def test_an_error_without_words_shows_its_kind():
    assert error_line(KeyError()) == "voicechat: error: KeyError"
