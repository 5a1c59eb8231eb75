"""Answer when nothing was understood.

Knows nothing of why.
"""

from __future__ import annotations

from voicechat.skills.request import Request

_NOTHING = (
    "Sorry, I did not catch that. Could you say it again?",
    "Sorry, I did not catch that. Please come a little closer to the microphone.",
    "Sorry, I did not understand a word. Please say it once more, a little slower.",
)
_NOT_ENGLISH = (
    "Sorry, I only understand English. Ask me, for example, what time it is.",
    "Sorry, that was no English that I know. Could you say it in other words?",
)


def answer(request: Request) -> str | None:
    if request.words.strip("()"):
        return None
    has_letters = any(c.isalpha() for c in request.heard)
    return request.vary(_NOT_ENGLISH if has_letters else _NOTHING)
