"""The built-in chat model: skills instead of a language model, so it needs no download, no network and no time.

Tries the skills in a declared order. It holds the running timers; everything else it says follows from the messages,
the options and the time of day.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from voicechat.errors import ConfigError
from voicechat.types import Message


@dataclass(frozen=True)
class Options:
    seed: int = 0  # of dice, coins and numbers; the same talk gets the same ones, 0 draws new ones every time
    clock_hours: int = 12  # how times are said: 12 or 24

    def __post_init__(self) -> None:
        if self.clock_hours not in (12, 24):
            raise ConfigError(f"clock_hours must be 12 or 24, not {self.clock_hours}")


def _local_now() -> datetime:
    return datetime.now().astimezone()


class SkillsModel:
    """Answers by skills and speaks up when a timer runs out. Safe to share between sessions and threads.

    Args:
        clock: counts the seconds of timers; a session expects `time.monotonic`.
        wall_clock: gives the local time with its zone.
    """

    def __init__(
        self,
        options: Options,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = _local_now,
    ) -> None:
        from voicechat.skills import (
            about,
            arithmetic,
            chance,
            courtesy,
            dates,
            eliza,
            knowledge,
            limits,
            names,
            repetition,
            silence,
            small_talk,
            spelling,
            times,
            units,
        )
        from voicechat.skills.timers import Timers

        self._options = options
        self._wall_clock = wall_clock
        self._timers = Timers(clock)
        # The first that has an answer gives it: exact skills first, then talk, then guesses, and eliza never says no.
        self._skills = (
            silence.answer,
            repetition.answer,
            spelling.answer,
            courtesy.farewell,
            self._timers.answer,
            chance.answer,
            units.answer,
            arithmetic.answer,
            times.answer,
            dates.answer,
            about.answer,
            limits.answer,
            courtesy.answer,
            names.answer,
            small_talk.answer,
            units.answer_in_part,
            arithmetic.answer_in_part,
            knowledge.answer,
            eliza.answer,
        )

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """Yield the reply to the last message, sentence by sentence."""
        yield from re.findall(r".+?(?:[.!?](?:\s+|$)|$)", self._reply(messages))

    def next_announcement_at(self) -> float | None:
        """Give the `time.monotonic()` at which the next timer runs out, None if none is running."""
        return self._timers.next_due_at()

    def announcement(self) -> str:
        """Give what to say about the timers that have run out, '' if none has; each is announced once."""
        return self._timers.take_due()

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _reply(self, messages: Sequence[Message]) -> str:
        from voicechat.skills.request import Request

        heard = messages[-1].text if messages else ""
        seed = f"{self._options.seed} {len(messages)} {heard}" if self._options.seed else None
        request = Request.of(
            heard,
            earlier=messages[:-1],
            now=self._wall_clock(),
            random=Random(seed),
            clock_hours=self._options.clock_hours,
        )
        return next(reply for skill in self._skills if (reply := skill(request)))


def load(options: Options) -> SkillsModel:
    return SkillsModel(options)
