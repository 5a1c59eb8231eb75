"""Ask a skill something, on a fixed day: Sunday, November 22nd, 2026, 3:05 PM in Berlin."""

from __future__ import annotations

from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from voicechat.skills.request import Request, Skill
from voicechat.types import Message

NOW = datetime(2026, 11, 22, 15, 5, tzinfo=ZoneInfo("Europe/Berlin"))


def request(text: str, *earlier: Message, now: datetime = NOW, seed: int = 1, clock_hours: int = 12) -> Request:
    return Request.of(text, earlier=earlier, now=now, random=Random(seed), clock_hours=clock_hours)


def ask(skill: Skill, *texts: str) -> str | None:
    """Say the texts one after another; give the reply to the last."""
    return talk(skill, *texts)[-1]


def talk(skill: Skill, *texts: str) -> list[str | None]:
    messages: list[Message] = []
    replies = []
    for text in texts:
        replies.append(skill(request(text, *messages)))
        messages += [Message("user", text), Message("assistant", replies[-1] or "")]
    return replies
