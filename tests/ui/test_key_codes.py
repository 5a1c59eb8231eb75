from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.ui.key_codes import Action, Answer, Key, decode, key_of_char

RELEASE, REPEAT = Action.RELEASE, Action.REPEAT


@pytest.mark.parametrize(
    ("sequence", "name"),
    [
        *(("\x1b[D", "left"), ("\x1bOD", "left"), ("\x1b[1;1D", "left"), ("\x1b[1;5D", "c-left")),
        *(("\x1b[H", "home"), ("\x1bOH", "home"), ("\x1b[1~", "home"), ("\x1b[7~", "home")),
        *(("\x1b[F", "end"), ("\x1b[4~", "end"), ("\x1b[8~", "end"), ("\x1b[3~", "delete"), ("\x1b[3;5~", "c-delete")),
        ("\x1b[O", "focus-out"),
    ],
)  # fmt: skip
def test_the_dialects_of_terminals_are_known(sequence: str, name: str):
    assert decode(sequence) == Key(name)


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("\x1b[32;1:1;32u", Key(" ", " ")),
        ("\x1b[32;1:2;32u", Key(" ", " ", REPEAT)),
        ("\x1b[32;1:3u", Key(" ", "", RELEASE)),
        ("\x1b[32;193:1;32u", Key(" ", " ")),  # with caps lock and num lock
        ("\x1b[109:77;2;77u", Key("m", "M")),
        ("\x1b[109;1u", Key("m", "m")),  # a terminal that does not tell the text
        ("\x1b[109:77;2u", Key("m", "M")),
        ("\x1b[47:63;2;63u", Key("/", "?")),
        ("\x1b[1081::113;1;1081u", Key("q", "й")),  # a Cyrillic keyboard
        ("\x1b[113::97;1;113u", Key("q", "q")),  # a French one: what it says is what counts
        ("\x1b[0;;26085:26412u", Key("", "日本")),  # an input method
        ("\x1b[57399;129;48u", Key("", "0")),  # the keypad
        ("\x1b[27u", Key("escape")),
        ("\x1b[27;129:1u", Key("escape")),
        ("\x1b[27;1:3u", Key("escape", action=RELEASE)),
        ("\x1b[13u", Key("c-m")),
        ("\x1b[57414;129u", Key("c-m")),
        ("\x1b[127;1:2u", Key("c-h", action=REPEAT)),
        ("\x1b[99;5u", Key("c-c")),
        ("\x1b[117;133u", Key("c-u")),
        ("\x1b[1089::99;5u", Key("c-c")),
        ("\x1b[1;1:2D", Key("left", action=REPEAT)),
        ("\x1b[1;129:3D", Key("left", action=RELEASE)),
        ("\x1b[3;1:1~", Key("delete")),
        ("\x1b[57423u", Key("home")),
    ],
)
def test_the_kitty_protocol_tells_what_was_pressed_and_let_go(sequence: str, key: Key):
    assert decode(sequence) == key


@pytest.mark.parametrize(
    "sequence",
    ["\x1b[109;3u", "\x1b[109;9u", "\x1b[57441;2u", "\x1b[1114112u", "\x1b[9999999;1u", "\x1b[27;3u", "\x1b[99;13u"],
)
def test_other_keys_and_keys_with_other_modifiers_are_nothing(sequence: str):
    assert decode(sequence) is None


def test_answers_are_told_from_keys():
    assert decode("\x1b[?0u") == Answer(0)
    assert decode("\x1b[?31u") == Answer(31)
    assert decode("\x1b[?62;4;22c") == Answer(None)


@given(st.text("0123456789:;?<=> [OuDHF~cRm", max_size=24))
def test_no_sequence_is_an_error_and_none_types_what_cannot_be_shown(rest: str):
    key = decode(f"\x1b[{rest}")

    assert not isinstance(key, Key) or key.text == "" or key.text.isprintable()


@given(st.characters())
def test_a_character_is_itself_or_a_control_key(char: str):
    key = key_of_char(char)

    assert key is None or key == Key(char, char) or (key.text == "" and not char.isprintable())
