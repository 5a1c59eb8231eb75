"""What a skill is asked: the user's words in the forms that skills search, and the talk so far.

Knows nothing of the skills themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Self

from voicechat.skills.words import clean, plain, with_digits
from voicechat.types import Message


@dataclass(frozen=True)
class Request:
    """One thing the user said.

    Attributes:
        heard: as it was recognized or typed, on one line.
        words: the same as plain lower-case words, contractions written out.
        text: `words` with the numbers in digits.
        earlier: the talk before it, oldest first.
        now: local time, with its zone.
        random: for dice; seeded, so that a talk can be repeated.
        clock_hours: 12 or 24, how the user wants times to be said.
    """

    heard: str
    words: str
    text: str
    earlier: Sequence[Message]
    now: datetime
    random: Random
    clock_hours: int = 12

    @classmethod
    def of(
        cls, heard: str, *, earlier: Sequence[Message] = (), now: datetime, random: Random, clock_hours: int = 12
    ) -> Self:
        heard = clean(heard)
        words = plain(heard)
        return cls(heard, words, with_digits(words), tuple(earlier), now, random, clock_hours)

    @property
    def said(self) -> list[str]:
        """What the assistant has said so far, oldest first."""
        return [clean(message.text) for message in self.earlier if message.role == "assistant"]

    @property
    def asked(self) -> list[str]:
        """What the user has said before this, oldest first."""
        return [clean(message.text) for message in self.earlier if message.role == "user"]

    @property
    def last_said(self) -> str:
        return next(reversed(self.said), "")

    def previous(self) -> Request:
        """Give the request before this one as it was asked; an empty one if there is none."""
        users = [i for i, message in enumerate(self.earlier) if message.role == "user"]
        heard, earlier = (self.earlier[users[-1]].text, self.earlier[: users[-1]]) if users else ("", ())
        return type(self).of(heard, earlier=earlier, now=self.now, random=self.random, clock_hours=self.clock_hours)

    def vary(self, lines: Sequence[str]) -> str:
        """Choose the line that was not said for the longest time, the first of those never said."""
        return min(lines, key=self._last_use)

    def _last_use(self, line: str) -> int:
        """Give the position of the last reply that was made from `line`, which may hold {} slots; -1 if none was."""
        fixed = line.partition("{")[0].strip()
        said = self.said
        # A reply that was interrupted is only the beginning of its line.
        uses = [i for i, reply in enumerate(said) if reply and (reply.startswith(fixed) or fixed.startswith(reply))]
        return uses[-1] if uses else -1


Skill = Callable[[Request], str | None]
