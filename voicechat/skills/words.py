"""Bring what was recognized or typed into one plain form that the skills can search.

Knows how English is written and misspelt, not what any of it means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MAX_CHARS = 1000  # of one request; more is no speech, and bounds every pattern and number below

# Typed signs as they are spoken. Superscripts come first: the compatibility form below would make 5² read 52.
_SIGNS: Sequence[tuple[str, str]] = (
    ("²", " squared "),
    ("³", " cubed "),
    ("½", " half "),
    ("[\u2018\u2019`´]", "'"),
    ("[\u2010-\u2015\u2212]", "-"),
    (r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", ""),
    ("%", " percent "),
    (r"°\s*c\b", " degrees celsius "),
    (r"°\s*f\b", " degrees fahrenheit "),
    ("°", " degrees "),
    (r"\*\*|\^", " to the power of "),
    (r"(?<=[0-9)])\s*x\s*(?=[0-9(])", " times "),
    (r"[*×]", " times "),
    (r"(?<=[0-9)])\s*/\s*(?=[0-9(])|÷", " divided by "),
    ("/", " per "),
    ("√", " square root of "),
    (r"\+", " plus "),
    (r"(?<=[0-9)])\s*-\s*(?=[0-9(])|(?<![^\s(])-\s*(?=[0-9(])", " minus "),
    ("&", " and "),
)
_CONTRACTIONS: Sequence[tuple[str, str]] = (
    (r"\bwon'?t\b", "will not"),
    (r"\bcan'?t\b", "cannot"),
    (r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should)n'?t\b", r"\1 not"),
    (r"\blet'?s\b", "let us"),
    (r"\b(what|who|where|when|how|that|it|he|she|there|here|today|tomorrow)'s\b", r"\1 is"),
    (r"\b(what|who|where|how)s\b", r"\1 is"),
    (r"\bi'?m\b", "i am"),
    (r"'re\b", " are"),
    (r"'ve\b", " have"),
    (r"'ll\b", " will"),
    (r"\b(i|you|he|she|we|they)'d\b", r"\1 would"),
    (r"\b([ap])\.\s?m\b\.?", r"\1m"),
)
_FILLERS = re.compile(
    r"\b(?:um+|uh+|erm?|hmm+|please)\b"
    r"|^(?:(?:ah|oh|okay|ok|well|so|(?:hey |hello |hi )?voice ?chat|(?:hey|hello|hi) computer)\b ?)+(?=.)"
)
# The converter takes "twenty and three" for 23 and "thirty second" for 32nd, so these words are kept from it.
_KEPT_FROM_NUMBERS = re.compile(r"\b(and|point|seconds?)\b")
_LONE_DIGITS = {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
}  # the converter leaves these be where they stand alone
_LONE_DIGIT = re.compile(r"\b(?:zero|one|two|three)\b")
_AND_INSIDE_NUMBER = re.compile(r"\b((?:hundred|thousand|million|billion)) and (?=[a-z])")
_DECIMAL = re.compile(r"\b(?:([0-9]+) )?point ((?:[0-9]+(?: |$))+)")


def clean(text: str) -> str:
    """Give `text` on one line, without control or invisible characters, cut at MAX_CHARS."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:MAX_CHARS]).split())


def plain(text: str) -> str:
    """Give `text` as a recognizer would: lower-case words, contractions written out, signs as words."""
    text = f" {text.lower()} "
    for pattern, spoken in _SIGNS:
        text = re.sub(pattern, spoken, text)
    folded = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in folded if not unicodedata.combining(c))
    for pattern, written_out in _CONTRACTIONS:
        text = re.sub(pattern, written_out, text)
    text = re.sub(r"(?<=[a-z])'(?=[a-z])", "", text)
    text = re.sub(r"(?<![0-9])\.(?=[0-9])", "0.", text)
    text = re.sub(r"[^a-z0-9.()]+|(?<![0-9])\.|\.(?![0-9])", " ", text)
    text = " ".join(text.split())
    return " ".join(_FILLERS.sub(" ", text).split())


def with_digits(words: str) -> str:
    """Give plain `words` with their numbers as digits: "twenty three point five" becomes "23.5"."""
    from text_to_num import alpha2digit

    words = _AND_INSIDE_NUMBER.sub(r"\1 ", words)
    pieces = _KEPT_FROM_NUMBERS.split(words)
    pieces = [alpha2digit(piece, "en") if piece.strip() else piece for piece in pieces]
    text = _LONE_DIGIT.sub(lambda match: _LONE_DIGITS[match[0]], "".join(pieces))
    text = re.sub(r"\ban? (?=[0-9])", "", text)  # a hundred
    return " ".join(_DECIMAL.sub(_joined_decimal, text).split())


def _joined_decimal(match: re.Match[str]) -> str:
    return f"{match[1] or '0'}.{match[2].replace(' ', '')} "
