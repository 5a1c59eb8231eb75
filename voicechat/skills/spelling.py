"""Spell words: the letters one by one, so that a synthesizer reads each.

Knows nothing of how words sound.
"""

from __future__ import annotations

import re

from voicechat.skills.request import Request

MAX_LETTERS = 60

# "still" and "smell" are what a recognizer makes of "spell" in this question.
_ASKS = re.compile(
    r"\bhow (?:do|would|can|does|is|to|you|should)\b.*?\b(?:spells?|still|smell|spiel)\b ?(?P<how>.*)$"
    r"|\bhow is (?P<passive>.+) (?:spelled|spelt)$"
    r"|\b(?:spell|spelling of|spelling)\b ?(?P<plain>.*)$"
)
_AROUND = re.compile(r"^(?:(?:out|the|a|this|word|words|for me|please)\b ?)+(?=\S)|\b(?:for me|again|please)$")


def answer(request: Request) -> str | None:
    heard = " ".join(re.sub(r"[^\w' ]|_", " ", request.heard.lower()).split())
    found = _ASKS.search(heard)
    if not found:
        return None
    words = _AROUND.sub("", found["how"] or found["passive"] or found["plain"] or "").strip()
    letters = sum(c.isalnum() for c in words)
    if not letters:
        return "Which word shall I spell? Say, for example, spell necessary."
    if letters > MAX_LETTERS:
        return "That is too long to spell. Give me a word or two."
    spelled = [(word.capitalize(), ", ".join(c.upper() for c in word if c.isalnum())) for word in words.split()]
    if len(spelled) == 1:
        return f"{spelled[0][0]} is spelled {spelled[0][1]}."
    return " ".join(f"{word}: {letters}." for word, letters in spelled if letters)
