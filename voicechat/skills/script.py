"""Answer by a table: a pattern that is found in the user's words, and the lines to answer with.

The manner is that of J. Weizenbaum, "ELIZA - A Computer Program For the Study of Natural Language Communication Between
Man And Machine", Communications of the ACM 9(1), 1966, https://doi.org/10.1145/365153.365168: rows are tried by rank,
what a pattern's groups caught is turned from the speaker's view into the listener's ("my" becomes "your"), and the
lines of a row are used in turn. All lines are our own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from voicechat.skills.request import Request

# A pattern over Request.words, or several of which one is enough; the lines, where {0} is the first group, reflected.
Row = tuple[str | tuple[str, ...], Sequence[str]]

_MAX_SLOT_WORDS = 20
_REFLECTED = {
    "am": "are",
    "i": "you",
    "me": "you",
    "mine": "yours",
    "my": "your",
    "myself": "yourself",
    "your": "my",
    "yours": "mine",
    "yourself": "myself",
}
_REFLECTED_PAIRS = {
    ("am", "i"): "are you",
    ("i", "am"): "you are",
    ("was", "i"): "were you",
    ("i", "was"): "you were",
    ("are", "you"): "am I",
    ("you", "are"): "I am",
    ("were", "you"): "was I",
    ("you", "were"): "I was",
}
# "you" is "I" before one of these and "me" elsewhere.
_VERB = re.compile("can|could|did|do|had|have|know|may|must|said|say|should|think|tell|told|will|would")


class Script:
    """A table of rows, tried in order: the first whose pattern is found answers."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    @cached_property
    def _compiled(self) -> list[tuple[re.Pattern[str], Sequence[str]]]:
        rows = [("|".join(either) if isinstance(either, tuple) else either, lines) for either, lines in self._rows]
        return [(re.compile(rf"\b(?:{pattern})\b"), lines) for pattern, lines in rows]

    def answer(self, request: Request) -> str | None:
        for pattern, lines in self._compiled:
            if match := pattern.search(request.words):
                slots = [reflect(group or "") for group in match.groups()]
                return request.vary(lines).format(*slots)
        return None


def reflect(words: str) -> str:
    """Turn the speaker's view into the listener's: "i like you" becomes "you like me"."""
    remaining = words.split()[:_MAX_SLOT_WORDS]
    turned = []
    while remaining:
        word, following = remaining[0], remaining[1] if len(remaining) > 1 else ""
        pair = _REFLECTED_PAIRS.get((word, following))
        if pair is None and word == "you":
            turned.append("I" if _VERB.fullmatch(following) else "me")
        else:
            turned.append(pair or _REFLECTED.get(word, word))
        remaining = remaining[2 if pair else 1 :]
    return " ".join(turned)
