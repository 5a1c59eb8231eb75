"""The key that is held, or pressed twice, to talk: presses and times in, commands out. Pure.

A terminal that tells when a key is let go gives `TALK_DOWN` and `TALK_UP`. Any other gives `TALK_TOGGLE` for a press;
who holds the key there all the same has it repeated by the system, and talks as long as it is repeated: the first
repeat looks like a second press, so that one which comes soon waits for what follows.
"""

from __future__ import annotations

import math

from voicechat.ui.commands import Command

FIRST_REPEAT_S = 1.0  # the longest that systems wait with repeating a key that is held
REPEAT_S = 0.25  # then they repeat it more often than that


class TalkKey:
    """Follows one key; times are `time.monotonic()`.

    Attributes:
        reports_release: whether the terminal tells when the key is let go.
    """

    def __init__(self) -> None:
        self.reports_release = False
        self._held = False  # by what the terminal reports
        self._pressed_at = -math.inf
        self._undecided = False  # whether the last press was one, or the first repeat
        self._repeating = False

    def press(self, at: float) -> list[Command]:
        """Take a press, or what looks like one."""
        if self.reports_release:
            self._held, was_held = True, self._held
            return [] if was_held else [Command.TALK_DOWN]
        commands = self.pass_time(at)
        since_s = at - self._pressed_at
        self._pressed_at = at
        if self._undecided or self._repeating:
            self._undecided, self._repeating = False, True
        elif since_s <= FIRST_REPEAT_S:
            self._undecided = True
        else:
            commands.append(Command.TALK_TOGGLE)
        return commands

    def release(self) -> list[Command]:
        """Take that the key was let go, or that nobody would tell us if it were."""
        self._held, was_held = False, self._held
        return [Command.TALK_UP] if was_held else []

    def pass_time(self, at: float) -> list[Command]:
        """Decide what only time can tell; call it a few times a second."""
        if at - self._pressed_at <= REPEAT_S or not (self._undecided or self._repeating):
            return []
        self._undecided = self._repeating = False
        return [Command.TALK_TOGGLE]
