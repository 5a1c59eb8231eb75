"""Say what the user wants said, and say again what was said before.

Knows nothing of what the words mean.
"""

from __future__ import annotations

import re

from voicechat.skills.request import Request

_SAY_AGAIN = re.compile(
    r"^(?:(?:can|could|would|will) you )?(?:(?:say|saying|repeat|tell me|read) )?(?:that |it |this |the last one )?"
    r"(?:(?:once )?again|once more|1 more time|one more time)(?: for me)?$"
    r"|^(?:(?:can|could|would|will) you )?repeat(?: that| it| this| yourself| the last one| what you said)?$"
    r"|^(?:i beg your )?pardon(?: me)?$|^come again$|^(?:what|huh|excuse me|sorry|sorry what)$"
    r"|^what (?:did|was it) you (?:just )?(?:say|said)$|^what was that$"
    r"|^i (?:did not|cannot|could not) (?:hear|understand|catch|get) (?:you|that|it|what you said)$"
)
_WHAT_I_SAID = re.compile(r"^what did i (?:just )?(?:say|said|ask)(?: you)?$|^repeat (?:my|what i) \w+$")
_SAY_THIS = re.compile(
    r"(?i)^.*?\b(?:repeat after me|repeat the words?|repeat the (?:phrase|sentence|following)|"
    r"(?:can|could|would|will) you (?:please )?say|^(?:please |now |and )*(?:say|repeat)(?! after me\b))"
    r"(?:[\s,:;.\"']+|$)(?P<words>.*)$"
)
_MAX_CHARS = 300


def answer(request: Request) -> str | None:
    if _WHAT_I_SAID.search(request.words):
        asked = request.asked
        return f"You said: {_sentence(asked[-1])}" if asked and asked[-1] else "You have said nothing before that."
    if request.words and _SAY_AGAIN.search(request.words):
        return request.last_said or "I have not said anything yet."
    found = _SAY_THIS.search(request.heard)
    if not found:
        return None
    words = found["words"].strip(" \"'\u201c\u201d")
    if not any(c.isalnum() for c in words):
        return "What shall I say?"
    return _sentence(words)


def _sentence(words: str) -> str:
    words = words[:_MAX_CHARS]
    return words[0].upper() + words[1:] + ("" if words[-1] in ".!?" else ".")
