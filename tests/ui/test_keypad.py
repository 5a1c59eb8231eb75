from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.ui.commands import Command, TypedLine
from voicechat.ui.key_codes import Action, Key, Paste
from voicechat.ui.keypad import Keypad

ENTER, ESCAPE, SPACE = Key("c-m"), Key("escape"), Key(" ", " ")
SPACE_UP = Key(" ", action=Action.RELEASE)


def typed(text: str) -> list[Key | Paste]:
    return [Key(char, char) for char in text]


def pushed(pad: Keypad, *keys: Key | Paste) -> list[Command | TypedLine]:
    return [command for key in keys for command in pad.push(key, at=10.0)]


@pytest.mark.parametrize(
    ("key", "command"),
    [
        (ESCAPE, Command.STOP_REPLY),
        (Key("m", "m"), Command.MUTE),
        (Key("m", "M"), Command.MUTE),
        (Key("r", "r"), Command.REPEAT),
        (Key("q", "q"), Command.QUIT),
        (Key("q", "й"), Command.QUIT),
        (Key("/", "?"), Command.HELP),
        (SPACE, Command.TALK_TOGGLE),
    ],
)
def test_each_key_has_its_command(key: Key, command: Command):
    assert pushed(Keypad(), key) == [command]


@pytest.mark.parametrize("key", [Key("x", "x"), Key("c-m"), Key("left"), Key("c-q"), Key("q", "a"), Key("/", "/")])
def test_any_other_key_does_nothing(key: Key):
    assert pushed(Keypad(), key) == []


def test_a_key_that_repeats_or_is_let_go_does_nothing_again():
    pad = Keypad()

    assert pushed(pad, Key("m", "m", Action.REPEAT), Key("q", "", Action.RELEASE)) == []


def test_a_message_is_typed_and_sent():
    pad = Keypad()

    assert pushed(pad, Key("t", "t"), *typed(" quit? m"), ENTER) == [Command.TYPE, TypedLine("quit? m")]
    assert pad.line is None
    assert pushed(pad, Key("m", "m")) == [Command.MUTE]


@pytest.mark.parametrize("leave", [[ESCAPE], [ENTER], [SPACE, ENTER]])
def test_typing_is_left_without_a_message(leave: list[Key]):
    pad = Keypad()

    assert pushed(pad, Key("t", "t"), *leave) == [Command.TYPE]
    assert pad.line is None


def test_escape_throws_away_what_was_typed():
    pad = Keypad()

    assert pushed(pad, *typed("tabc"), ESCAPE, *typed("td"), ENTER) == [Command.TYPE, Command.TYPE, TypedLine("d")]


def test_what_is_pasted_begins_a_message_and_is_never_a_command():
    pad = Keypad()

    assert pushed(pad, Paste("quit\r\nmute"), ENTER) == [TypedLine("quit mute")]
    assert pushed(pad, Paste("\x1b\x07"), Key("m", "m")) == [Command.MUTE]


def test_without_a_place_for_it_nothing_is_typed():
    pad = Keypad(can_type=False)

    assert pushed(pad, Key("t", "t"), Paste("abc"), Key("m", "m")) == [Command.MUTE]


def test_help_is_shown_until_it_is_asked_for_again():
    pad = Keypad()

    pushed(pad, Key("?", "?"))
    assert pad.help_shown
    pushed(pad, Key("?", "?"))
    assert not pad.help_shown


@pytest.mark.parametrize("end", [SPACE_UP, Key("focus-out")])
def test_the_talk_key_is_let_go_while_typing_or_with_the_focus(end: Key):
    pad = Keypad()
    pad.talk_key.reports_release = True

    assert pushed(pad, SPACE, Key(" ", " ", Action.REPEAT), Key("t", "t"), SPACE, end, end) == [
        Command.TALK_DOWN,
        Command.TYPE,
        Command.TALK_UP,
    ]
    assert pad.line is not None
    assert pad.line.text == " "


NAMES = st.sampled_from([" ", "t", "m", "c-m", "escape", "c-w", "focus-out"])
KEYS = st.builds(Key, NAMES, st.sampled_from(["", " ", "t", "é"]), st.sampled_from(Action))


@given(st.lists(st.tuples(KEYS | st.builds(Paste, st.text(max_size=5)), st.floats(0, 2)), max_size=30), st.booleans())
def test_talking_ends_only_after_it_began_and_messages_are_never_empty(
    keys: list[tuple[Key | Paste, float]], holds: bool
):
    pad = Keypad()
    pad.talk_key.reports_release = holds
    held, now = False, 0.0

    for key, later_s in keys:
        now += later_s
        for command in pad.push(key, now) + pad.pass_time(now):
            if isinstance(command, TypedLine):
                assert command.text.strip() == command.text != ""
            elif command in (Command.TALK_DOWN, Command.TALK_UP):
                assert holds
                assert held is (command is Command.TALK_UP)
                held = not held
