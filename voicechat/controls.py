"""What the keys of a talk do: commands in, calls on the session out; and what the screen says of the microphone.

Knows nothing of terminals; one thread.
"""

from __future__ import annotations

from collections.abc import Callable

from voicechat.session import Session
from voicechat.ui.commands import Command, TypedLine
from voicechat.ui.status import Mic


class Controls:
    """Passes on what the user asks for with keys.

    Args:
        push_to_talk: whether the microphone is open only while the talk key says so.
        show_mic: told whenever the user is listened to, or no longer.
    """

    def __init__(self, session: Session, *, push_to_talk: bool, show_mic: Callable[[Mic], None]) -> None:
        self._session = session
        self._push_to_talk = push_to_talk
        self._show_mic = show_mic
        self._muted = False
        self._talking = False  # the talk key is down
        self._show()

    def follow(self, command: Command | TypedLine) -> bool:
        """Do what is asked; give whether that is to end the talk."""
        session = self._session
        match command:
            case TypedLine(text=text):
                session.say(text)
            case Command.TALK_DOWN:
                self._talk(True)
            case Command.TALK_UP:
                self._talk(False)
            case Command.TALK_TOGGLE if self._push_to_talk:
                self._talk(not self._talking)
            case Command.TALK_TOGGLE:
                session.toggle_talk()
            case Command.STOP_REPLY:
                session.interrupt()
            case Command.MUTE:
                self._muted = not self._muted
                session.mute(self._muted)
            case Command.REPEAT:
                session.repeat()
        self._show()
        return command is Command.QUIT

    def turn_ended(self) -> None:
        """Note that what the user said is over, with the talk key or without."""
        self._talking = False
        self._show()

    def _talk(self, talking: bool) -> None:
        self._talking = talking
        if talking:
            self._session.talk()
        else:
            self._session.end_talk()

    def _show(self) -> None:
        self._show_mic(Mic(self._muted, self._push_to_talk, self._talking))
