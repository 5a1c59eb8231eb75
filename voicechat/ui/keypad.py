"""What the keys mean: keys and times in, commands and typed messages out. Pure; one thread."""

from __future__ import annotations

from voicechat.ui.commands import Command, TypedLine
from voicechat.ui.key_codes import Action, Key, Paste
from voicechat.ui.line_editor import LineEditor
from voicechat.ui.talk_key import TalkKey

COMMANDS = {
    "escape": Command.STOP_REPLY,
    "m": Command.MUTE,
    "t": Command.TYPE,
    "r": Command.REPEAT,
    "q": Command.QUIT,
    "?": Command.HELP,
}
_TALK_KEY = " "
_ENTER = ("c-m", "c-j")


class Keypad:
    """Follows what is typed.

    Args:
        can_type: whether there is a place on the screen for a line that is being typed.

    Attributes:
        line: the message being typed, None if none is; the other keys are then part of it.
        help_shown: whether the user wants to see what the keys do.
        talk_key: the key that is held or pressed to talk.
    """

    def __init__(self, *, can_type: bool = True) -> None:
        self.line: LineEditor | None = None
        self.help_shown = False
        self.talk_key = TalkKey()
        self._can_type = can_type

    def push(self, key: Key | Paste, at: float) -> list[Command | TypedLine]:
        """Take a key, `at` in `time.monotonic()`; TYPE and HELP are done here and only told."""
        commands: list[Command | TypedLine] = []
        if isinstance(key, Paste):
            self._paste(key.text)
        elif key.name == "focus-out" or (key.action is Action.RELEASE and key.name == _TALK_KEY):
            commands += self.talk_key.release()  # where the terminal has lost the focus, the release goes elsewhere
        elif key.action is Action.RELEASE:
            pass
        elif self.line is not None:
            commands += self._type(key, self.line)
        elif key.action is Action.PRESS:
            commands += self._command(key, at)
        return commands

    def pass_time(self, at: float) -> list[Command | TypedLine]:
        """Give what only time can tell; call it a few times a second."""
        return list(self.talk_key.pass_time(at))

    def _paste(self, text: str) -> None:
        """Put it into the message, which it begins if there is none: it is never taken for commands."""
        if not self._can_type:
            return
        line = LineEditor() if self.line is None else self.line
        line.insert(text)
        self.line = line if line.text else self.line

    def _command(self, key: Key, at: float) -> list[Command]:
        if key.text == _TALK_KEY:
            return self.talk_key.press(at)
        # Where the keyboard has other letters, those that stand on the keys: by name, if the terminal tells it.
        command = COMMANDS.get(key.text.lower() if key.text.isascii() and key.text else key.name)
        if command is None or (command is Command.TYPE and not self._can_type):
            return []
        if command is Command.TYPE:
            self.line = LineEditor()
        elif command is Command.HELP:
            self.help_shown = not self.help_shown
        return [command]

    def _type(self, key: Key, line: LineEditor) -> list[TypedLine]:
        if key.name in _ENTER:
            self.line = None
            text = line.text.strip()
            return [TypedLine(text)] if text else []
        if key.name == "escape":
            self.line = None
        else:
            line.press(key)
        return []
