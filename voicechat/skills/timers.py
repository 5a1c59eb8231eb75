"""Timers that speak up: set, ask about and cancel them by their duration or by a name of their own.

The one skill that remembers something: the timers, which all sessions of a model share. Sleeps for nothing: whoever
owns the voice asks `next_due_at()` and then `take_due()`.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from voicechat.skills.durations import Duration, find_duration, say_duration
from voicechat.skills.numerals import article, count, listing
from voicechat.skills.request import Request

MAX_TIMERS = 20
MAX_DURATION_S = 24 * 3600

_TIMER = r"(?:timers?|time are|time or|timor|tamer|timber|time her|countdown|reminders?)"
_SET = (
    rf"^set\b|\b{_TIMER}\b|\bcount down\b|\b(?:wake|remind) me\b"
    r"|\b(?:set|start|make|create|begin|give me|need) (?:an? )?(?:alarm|timer)\b"
)
_CANCEL = r"\b(?:cancel\w*|council|counsel|stop|delete|clear|remove|end|kill|turn off|forget|abort|dismiss)\b"
_ASK_LEFT = (
    r"\bhow (?:long|much time|much longer|many (?:minutes|seconds|hours|timers))\b.*"
    rf"\b(?:left|remain\w*|to go|{_TIMER})\b"
    r"|\bhow (?:long|much time) is (?:lift|laughed|lived|live|loved)\b|\btime (?:is )?left\b"
    r"|\b(?:check|list|show|status of|what are|which|any|is there a|do i have|is the|is my|how is)\b.*"
    rf"\b{_TIMER}\b"
    rf"|\bwhat {_TIMER}"
)
_NAME = (
    rf"(?:^|\b(?:an?|the|my|another|set|start) )(?P<before>[a-z]+(?: [a-z]+)?) {_TIMER}\b",
    rf"\b{_TIMER} (?:called|named|labell?ed|for (?:the|my|some)) (?P<after>[a-z]+(?: [a-z]+)?)(?= for\b| 4\b|$)",
    r"\b(?:minutes?|seconds?|hours?) (?:called|named|for (?:the|my|some)) (?P<last>[a-z]+(?: [a-z]+)?)$",
)
_NOT_IN_NAMES = re.compile(
    "an?|the|my|me|new|another|timers?|alarm|set|said|sat|put|i|need|give|start|make|create|up|for|of|to|hours?|minutes?|seconds?|all|every|this|"
    "that|cancel|stop|first|last|is|on|which|one|half|quarter|and"
)
_TASK = re.compile(r"\bremind me (?:in .+? )?to (.+)$")
_HOW_LONG = "For how long? Say, for example, set a timer for five minutes."
_WHICH = "Which timer?"
_TOO_LONG = "My timers run from one second to 24 hours."


@dataclass(frozen=True)
class Timer:
    name: str  # "two minute timer", "pasta timer"
    called: frozenset[str]  # what it can be told apart by: "2 minute", "pasta"
    due_at: float  # on the clock of its Timers
    task: str = ""  # what to be reminded of


class Timers:
    """The running timers, and the skill that talks about them. Safe to use from any thread.

    Args:
        clock: gives the seconds that timers are counted in.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Serializes the sessions that share the timers.
        self._lock = threading.Lock()
        self._timers: list[Timer] = []  # the next one due first

    def next_due_at(self) -> float | None:
        """Give when the next timer runs out, on the clock; None if none is running."""
        with self._lock:
            return self._timers[0].due_at if self._timers else None

    def take_due(self) -> str:
        """Give what to say about the timers that have run out, and forget them; '' if none has."""
        with self._lock:
            now = self._clock()
            due = [timer for timer in self._timers if timer.due_at <= now]
            self._timers = self._timers[len(due) :]
        tasks = [f"It is time to {timer.task}." for timer in due if timer.task]
        names = [f"your {timer.name}" for timer in due if not timer.task]
        if names:
            tasks.insert(0, f"Y{listing(names)[1:]} {'is' if len(names) == 1 else 'are'} up.")
        return " ".join(tasks)

    def answer(self, request: Request) -> str | None:
        text = request.text
        duration = find_duration(text)
        answered = request.last_said == _HOW_LONG or request.last_said.startswith(_WHICH)
        if request.last_said.startswith(_WHICH) and (self._named(text) or re.search(r"\b(?:all|both|every)\b", text)):
            return self._cancel(text)
        if duration and re.search(rf"\badd\b.* to\b.*\b{_TIMER}", text):
            return self._extend(duration, text)
        if re.search(_CANCEL, text) and (re.search(rf"\b{_TIMER}\b", text) or self._is_named_cancel(text)):
            return self._cancel(text)
        if re.search(_ASK_LEFT, text) and (duration is None or not re.search(r"\b(?:set|start)\b", text)):
            return self._left(text) if self._is_about_timers(text) else None
        if duration and (re.search(_SET, text) or answered):
            name_source = request.previous().text if request.last_said == _HOW_LONG else text
            return self._set(duration, name_source)
        if re.search(rf"\b(?:set|start|make|create|need|new)\b.*\b{_TIMER}\b|^(?:a )?timer$|^remind me\b", text):
            return _HOW_LONG
        if re.search(r"\balarm\b|\bwake me\b", text):
            return "I cannot wake you at a time of day. But I can set a timer, say, for 20 minutes."
        return None

    def _set(self, duration: Duration, text: str) -> str:
        if not 1 <= duration.seconds <= MAX_DURATION_S:
            return _TOO_LONG
        label, task = _label(text), _task(text)
        called = frozenset(filter(None, (label, duration.name)))
        name = f"{label or duration.spoken_name} timer"
        with self._lock:
            if len(self._timers) >= MAX_TIMERS:
                return f"I already count {MAX_TIMERS} timers, and that is all I can keep. Cancel one first."
            timer = Timer(name, called, self._clock() + duration.seconds, task)
            self._timers = sorted([*self._timers, timer], key=lambda timer: timer.due_at)
        length = say_duration(duration.seconds)
        if task:
            return f"I will remind you in {length}."
        return f"{label.capitalize()} timer set for {length}." if label else f"Timer set for {length}."

    def _cancel(self, text: str) -> str:
        with self._lock:
            running = list(self._timers)
            chosen = [timer for timer in running if _is_called(timer, text)] or running
            if re.search(r"\b(?:all|both|every|everything|timers)\b", text):
                chosen = running
            elif len(chosen) > 1:
                return f"{_WHICH} You have {_choices(chosen)}. Say cancel all timers to stop them all."
            self._timers = [timer for timer in running if timer not in chosen]
        if not chosen:
            return "No timer is running."
        if len(chosen) > 1:
            return f"{'Both' if len(chosen) == 2 else f'All {count(len(chosen))}'} timers are cancelled."
        return f"Your {chosen[0].name} is cancelled."

    def _extend(self, duration: Duration, text: str) -> str:
        with self._lock:
            named = [timer for timer in self._timers if timer.name.removesuffix(" timer") in text]
            chosen = named or self._timers
            if len(chosen) != 1:
                return f"To which timer? You have {_choices(chosen)}." if chosen else "No timer is running."
            longer = replace(chosen[0], due_at=chosen[0].due_at + float(duration.seconds))
            if longer.due_at - self._clock() > MAX_DURATION_S:
                return _TOO_LONG
            others = [timer for timer in self._timers if timer is not chosen[0]]
            self._timers = sorted([*others, longer], key=lambda timer: timer.due_at)
            left_s = longer.due_at - self._clock()
        return f"Your {longer.name} now has {say_duration(math.ceil(left_s))} left."

    def _left(self, text: str) -> str:
        with self._lock:
            now = self._clock()
            timers = [timer for timer in self._timers if _is_called(timer, text)] or list(self._timers)
        if not timers:
            return "No timer is running."
        left = [(timer.name, say_duration(max(1, math.ceil(timer.due_at - now)))) for timer in timers]
        if len(left) == 1:
            return f"Your {left[0][0]} has {left[0][1]} left."
        return f"You have {count(len(left))} timers. " + " ".join(f"The {name} has {time} left." for name, time in left)

    def _named(self, text: str) -> list[Timer]:
        with self._lock:
            return [timer for timer in self._timers if _is_called(timer, text)]

    def _is_named_cancel(self, text: str) -> bool:
        """Whether "cancel" stands alone or with the name of a timer, or "all"."""
        return bool(self._named(text) or (self.next_due_at() and re.search(r"^cancel(?: all| it| that)?$", text)))

    def _is_about_timers(self, text: str) -> bool:
        """Whether "how long is left" can only mean a timer."""
        return self.next_due_at() is not None or bool(re.search(rf"\b(?:left|{_TIMER})\b", text))


def _label(text: str) -> str:
    for pattern in _NAME:
        if match := re.search(pattern, text):
            words = [word for word in match[match.lastgroup or 0].split() if not _NOT_IN_NAMES.fullmatch(word)]
            if words:
                return " ".join(words)
    return ""


def _task(text: str) -> str:
    """Give what "remind me in ten minutes to stretch" is about, as it is said back."""
    match = _TASK.search(text)
    task = re.sub(r"\b(?:in|for|after) [0-9].*$", "", match[1]).strip() if match else ""
    return re.sub(r"\bmy\b", "your", task)


def _is_called(timer: Timer, text: str) -> bool:
    return any(re.search(rf"\b{re.escape(name)}", text) for name in timer.called)


def _choices(timers: list[Timer]) -> str:
    return listing([f"{article(timer.name)} {timer.name}" for timer in timers])
