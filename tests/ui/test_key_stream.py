from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.ui.key_codes import Key, KeyEvent, Paste
from voicechat.ui.key_stream import ESCAPE_S, MAX_PASTE_CHARS, PASTE_S, KeyStream

# Pieces of what terminals send, whole and broken, between bytes of any kind.
PIECES = st.sampled_from(
    [
        *(b"\x1b", b"\x1b[", b"\x1b[D", b"\x1bOH", b"\x1b[1;5C", b"\x1b[32;1:3u", b"\x1b[200~", b"\x1b[201~"),
        *(b"\x1b]11;rgb:0/0/0\x07", b"\x1bP>|x\x1b\\", b"\x1b[?62c", b"\x1b[<0;1;1M", b"\x18", b"\x1b[[A"),
        *(b"\x1b\x1b", "é".encode(), "日👍".encode()),
        *(b"q", b" ", b"\r", b"\x7f", b"\x03", b"\xff", b"\xc3", b"\x9b", b"~", b"u", b";5", b"O", b"\x1b\\"),
    ]
)  # fmt: skip
INPUT = st.lists(st.one_of(PIECES, st.binary(max_size=4)), max_size=12).map(b"".join)


def keys(pieces: Iterable[bytes]) -> list[KeyEvent]:
    """Give the keys of all pieces, which come one shortly after the other, and then nothing more."""
    stream = KeyStream()
    found = [key for piece in pieces for key in stream.feed(piece)]
    while stream.patience_s is not None:
        found += stream.give_up()
    return found


@given(INPUT, st.lists(st.integers(0, 60), max_size=6))
def test_however_the_bytes_are_cut_the_keys_are_the_same(data: bytes, cuts: list[int]):
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]

    cut = keys(data[start:end] for start, end in pairwise(edges))

    assert cut == keys([data]) == keys(data[index : index + 1] for index in range(len(data)))


@given(INPUT)
def test_a_key_types_nothing_that_cannot_be_shown(data: bytes):
    assert all(key.text == "" or key.text.isprintable() for key in keys([data]) if isinstance(key, Key))


@pytest.mark.parametrize(
    "sequence",
    [
        b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07",
        b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\",
        b"\x1bP1+r544e=787465726d\x1b\\",
        b"\x1b[?2026;2$y",
        b"\x1b[<35;10;20m",
        b"\x1b[12;40R",
        b"\x1b[[A",
        b"\x1bOq",
        b"\x1b[I",
        b"\x1b[8;24;80t",
        b"\x1b[3 q",
        b"\x1bq",
        b"\x1b[201~",
        b"\x1b[" + b"1;" * 500 + b"q",
        b"\x1b[12\x18",
    ],
)
def test_nothing_of_a_sequence_that_is_no_key_is_taken_for_keys(sequence: bytes):
    assert [key for key in keys([sequence, b"x"]) if isinstance(key, Key) and key.text] == [Key("x", "x")]


def test_an_escape_character_alone_is_the_key_when_nothing_follows_in_time():
    stream = KeyStream()

    assert stream.patience_s is None
    assert stream.feed(b"\x1b") == []
    assert stream.patience_s == ESCAPE_S
    assert stream.give_up() == [Key("escape")]
    assert stream.feed(b"m") == [Key("m", "m")]
    assert stream.patience_s is None


def test_two_escape_characters_are_the_key_and_a_beginning():
    stream = KeyStream()

    assert stream.feed(b"\x1b\x1b") == [Key("escape")]
    assert stream.feed(b"[D") == [Key("left")]


def test_an_alt_key_that_looks_like_the_beginning_of_a_string_swallows_nothing_for_long():
    stream = KeyStream()

    assert stream.feed(b"\x1b]") == []
    assert stream.give_up() == []
    assert stream.feed(b"q") == [Key("q", "q")]


def test_a_control_character_breaks_a_sequence_off_and_counts():
    assert keys([b"\x1b[1\r"]) == [Key("c-m")]
    assert keys([b"\x1b[\x03"]) == [Key("c-c")]


def test_what_is_pasted_is_one_piece_whatever_it_holds():
    assert keys([b"\x1b[200~q\r\x1b[D\x03\n\x1b[201~m"]) == [Paste("q\r\x1b[D\x03\n"), Key("m", "m")]


def test_a_paste_whose_end_never_comes_ends_with_time():
    stream = KeyStream()

    assert stream.feed(b"\x1b[200~abc") == []
    assert stream.patience_s == PASTE_S
    assert stream.give_up() == [Paste("abc")]


def test_of_an_endless_paste_the_beginning_is_kept():
    (paste,) = keys([b"\x1b[200~", b"x" * (3 * MAX_PASTE_CHARS), b"\x1b[201~"])

    assert paste == Paste("x" * MAX_PASTE_CHARS)


@pytest.mark.parametrize(("encoding", "typed"), [("latin-1", b"\xe9"), ("utf-8", b"\xc3\xa9"), ("koi8-r", b"\xc0")])
def test_text_is_in_the_encoding_of_the_terminal(encoding: str, typed: bytes):
    assert KeyStream(encoding).feed(typed) == [Key(typed.decode(encoding), typed.decode(encoding))]
