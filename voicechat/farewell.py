"""The words that end a talk. Pure; whoever answers them and whoever ends the talk must agree."""

from __future__ import annotations

import re

_FAREWELL = re.compile(
    r"(?:please |okay |ok )?(?:stop|stop it|stop now|goodbye|good bye|bye|bye bye|quit|exit)(?: please| now)?"
)


def ends_the_talk(text: str) -> bool:
    """Tell whether the user has said nothing but that the talk is over."""
    return _FAREWELL.fullmatch(" ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())) is not None
