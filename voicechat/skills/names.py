"""Remember, for as long as the talk lasts, what the user's name is.

Knows only what was said; a recognizer hears names badly, so the name is said back.
"""

from __future__ import annotations

import re

from voicechat.skills.request import Request
from voicechat.skills.words import plain

_TOLD = re.compile(r"\b(?:my name is|call me|i am called) (?!not\b|what\b)([a-z]+)(?: [a-z]+)?$")
_ASKS = re.compile(r"\b(?:what|do you know|say|remember)\b.*\bmy name\b|^who am i\b")


def answer(request: Request) -> str | None:
    if told := _TOLD.search(request.words):
        return request.vary((f"Nice to meet you, {told[1].capitalize()}.", f"Hello, {told[1].capitalize()}."))
    if not _ASKS.search(request.words):
        return None
    for words in map(plain, reversed(request.asked)):
        if told := _TOLD.search(words):
            return f"You said that your name is {told[1].capitalize()}."
    return "I do not know. You have not told me your name."
