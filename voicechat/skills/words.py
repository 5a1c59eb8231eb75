"""Bring what was recognized or typed into one plain form that the skills can search.

Knows how English is written and misspelt, not what any of it means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction

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
    r"|^(?:(?:ah|oh|okay|ok|well(?! done)|so|(?:hey |hello |hi )?voice ?chat|(?:hey|hello|hi) computer)\b ?)+(?=.)"
)
# What the converter makes of numbers is put right around it: it takes "twenty and three" for 23 and "thirty second" for
# 32nd, leaves "one" to "three" be where they stand alone, and knows neither trillions nor "2.5 million".
_DIGIT = "zero|one|two|three|four|five|six|seven|eight|nine"
_DIGITS = {word: str(digit) for digit, word in enumerate(_DIGIT.split("|"))}
_LONE_DIGIT = re.compile(rf"\b(?:{_DIGIT})\b")
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SCALE = "|".join(_SCALES)
_SCALED = re.compile(rf"\b([0-9]+(?:\.[0-9]+)?) ({_SCALE})\b(?: ([0-9]+)\b(?![.]))?")
_KEPT_FROM_NUMBERS = re.compile(rf"\b(and|plus|minus|point|seconds?|trillion|(?<=[0-9] )(?:{_SCALE}))\b")
# English says "and" only before what is below a hundred: "seven thousand and five hundred" are two numbers.
_BELOW_HUNDRED = rf"(?:{_DIGIT}|ten|eleven|twelve|[a-z]+teen|[a-z]+ty)\b"
_AND_INSIDE_NUMBER = re.compile(
    rf"\b(?:(hundred) and (?={_BELOW_HUNDRED})|({_SCALE}) and (?={_BELOW_HUNDRED}(?! (?:{_SCALE}))))"
)
_DECIMALS = re.compile(rf"\bpoint ((?:(?:{_DIGIT}|oh|[0-9]+)\b ?)+)")
_POINT = re.compile(r"\b(?:([0-9]+) )?point ([0-9]+)\b")


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

    words = _AND_INSIDE_NUMBER.sub(lambda match: f"{match[1] or match[2]} ", words)
    words = _DECIMALS.sub(_decimals, words)
    pieces = _KEPT_FROM_NUMBERS.split(words)  # every second one is a word that was kept
    pieces[::2] = [alpha2digit(piece.strip(), "en") for piece in pieces[::2]]
    text = _LONE_DIGIT.sub(lambda match: _DIGITS[match[0]], " ".join(filter(None, pieces)))
    text = _POINT.sub(lambda match: f"{match[1] or '0'}.{match[2]}", text)
    text = re.sub(r"\ban? (?=[0-9])", "", text)  # a hundred
    text = re.sub(r"\ban? trillion\b", "1 trillion", text)
    return " ".join(_SCALED.sub(_multiplied, text).split())


def _decimals(match: re.Match[str]) -> str:
    """Write "point one four" as "point 14"."""
    digits = "".join(_DIGITS.get(word, word).replace("oh", "0") for word in match[1].split())
    return f"point {digits} "


def _multiplied(match: re.Match[str]) -> str:
    """Write "2.5 million" and "3 trillion 500" in digits."""
    value = Fraction(match[1]) * _SCALES[match[2]]
    below = int(match[3] or 0)
    if value.denominator > 1 or below >= _SCALES[match[2]]:
        return match[0]
    return str(value + below)
