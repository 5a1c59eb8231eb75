"""Spell words: the letters one by one, so that a synthesizer reads each.

Knows nothing of how words sound.
"""

from __future__ import annotations

import re

from voicechat.skills.request import Request

MAX_LETTERS = 60

# "still" and "smell" are what a recognizer makes of "spell" in this question.
_ASKS = re.compile(
    r"\bhow (?:do|would|can|does|is|to|you|should)\b.*?\b(?:spells?|spelled|spelt|still|smell|spiel)\b ?(?P<how>.*)$"
    r"|\b(?:spell|spelling of|spelling)\b ?(?P<plain>.*)$"
)
_ARTICLES = re.compile(r"^(?:(?:out|the|a|this|word|words|for me)\b ?)+(?=\S)|\b(?:for me|again)$")


def answer(request: Request) -> str | None:
    found = _ASKS.search(request.words)
    if not found:
        return None
    words = _ARTICLES.sub("", found["how"] or found["plain"] or "").strip()
    letters = [c for c in words if c.isalnum()]
    if not letters:
        return "Which word shall I spell? Say, for example, spell necessary."
    if len(letters) > MAX_LETTERS:
        return "That is too long to spell. Give me a word or two."
    spelled = [", ".join(letter.upper() for letter in word if letter.isalnum()) for word in words.split()]
    if len(spelled) == 1:
        return f"{words.capitalize()} is spelled {spelled[0]}."
    return " ".join(f"{word.capitalize()}: {letters}." for word, letters in zip(words.split(), spelled, strict=True))
