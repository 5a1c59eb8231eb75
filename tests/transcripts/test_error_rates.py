"""Word and character error rates, and the form in which texts are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicechat.errors import ConfigError
from voicechat.transcripts.error_rates import Comparison, normalized, read_reference


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Hello,  World!\n", "hello world"),
        ("It’s rock ‘n’ roll", "it's rock n roll"),
        ("well-known co-op…", "well known co op"),
        ("STRASSE Straße", "strasse strasse"),
        ("ﬁne ①", "fine 1"),
        ("café", "café"),
        ("हिन्दी", "हिन्दी"),
        ("10 o'clock", "10 o'clock"),
        ("?!", ""),
    ],
)
def test_texts_are_compared_without_case_and_punctuation(text: str, form: str) -> None:
    assert normalized(text) == form


def test_an_error_is_a_word_that_was_changed_left_out_or_put_in() -> None:
    comparison = Comparison()

    assert comparison.add("The cat sat.", "the cat sat").words == 0
    assert comparison.add("the cat sat down", "the dog sat").words == 0.5
    assert comparison.add("one", "one two three").words == 2
    assert comparison.total().words == pytest.approx(4 / 8)


def test_characters_are_counted_with_the_spaces_between_words() -> None:
    assert Comparison().add("ab cd", "abcd").characters == pytest.approx(1 / 5)


def test_nothing_heard_is_all_wrong() -> None:
    rates = Comparison().add("one two", "")

    assert (rates.words, rates.characters) == (1, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"?!\n", "holds no words"), (b"caf\xe9", "is not UTF-8"), (None, "no such file")],
)
def test_a_reference_that_is_none_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "r.txt").write_bytes(content)

    with pytest.raises(ConfigError, match=message):
        read_reference(tmp_path / "r.txt")
