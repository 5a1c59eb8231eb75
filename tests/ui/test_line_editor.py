from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.ui.hostile import HOSTILE, hostile_strings
from voicechat.ui.key_codes import Key
from voicechat.ui.line_editor import MAX_CHARS, LineEditor

FAMILY = "👩\u200d👩\u200d👧"
NAMES = st.sampled_from(
    [
        "left",
        "right",
        "home",
        "end",
        "c-left",
        "c-right",
        "c-h",
        "delete",
        "c-w",
        "c-u",
        "c-k",
        "c-a",
        "c-e",
        "up",
        "f5",
    ]
)
TEXTS = st.text(st.characters() | st.sampled_from("ab  é\u0301\u200d👧日"), max_size=6)
EDITS = st.lists(NAMES | TEXTS.map(lambda text: f"text:{text}"), max_size=30)


def edited(*edits: str) -> LineEditor:
    """Give a line into which was typed what begins with `text:`; anything else is the name of a key."""
    line = LineEditor()
    for edit in edits:
        if edit.startswith("text:"):
            line.insert(edit.removeprefix("text:"))
        else:
            line.press(Key(edit))
    return line


def shown(*edits: str) -> str:
    line = edited(*edits)
    return f"{line.text[: line.cursor]}|{line.text[line.cursor :]}"


def test_the_keys_of_a_shell_edit_the_line():
    assert shown("text:hello world") == "hello world|"
    assert shown("text:hello world", "left", "left", "c-h") == "hello wo|ld"
    assert shown("text:hello world", "home", "delete", "right") == "e|llo world"
    assert shown("text:hello world", "c-w") == "hello |"
    assert shown("text:hello world  ", "c-w") == "hello |"
    assert shown("text:hello world", "c-left") == "hello |world"
    assert shown("text:hello world", "c-left", "c-left", "c-right") == "hello| world"
    assert shown("text:hello world", "c-left", "c-u") == "|world"
    assert shown("text:hello world", "c-left", "c-k") == "hello |"
    assert shown("text:b", "c-a", "text:a", "c-e", "text:c") == "abc|"
    assert shown("left", "right", "home", "end", "c-h", "delete", "c-w", "c-u", "c-k", "c-left", "c-right") == "|"


def test_what_looks_like_one_character_is_one():
    assert shown(f"text:a{FAMILY}b", "left", "left") == f"a|{FAMILY}b"
    assert shown(f"text:a{FAMILY}", "c-h") == "a|"
    assert shown("text:e", "text:\u0301", "c-h") == "|"
    assert shown("text:日本", "left", "delete") == "日|"


def test_line_ends_and_tabs_that_are_pasted_become_spaces():
    assert edited("text:one\r\ntwo\rthree\nfour\tfive").text == "one two three four five"


@given(EDITS)
def test_whatever_is_typed_the_cursor_is_in_the_line_and_the_line_is_harmless(edits: list[str]):
    line = edited(*edits)

    assert 0 <= line.cursor <= len(line.text) <= MAX_CHARS
    assert not HOSTILE.search(line.text)
    assert "\n" not in line.text
    assert "\t" not in line.text


def test_nothing_that_attacks_a_terminal_gets_into_the_line():
    for text in hostile_strings(2000, seed=4):
        line = edited("text:before", "left", f"text:{text}")

        assert not HOSTILE.search(line.text)
        assert line.text.startswith("befor")
        assert line.text.endswith("e")


@given(EDITS)
def test_moving_never_changes_the_text_and_right_undoes_left(edits: list[str]):
    line = edited(*edits, "end")
    text = line.text

    for _ in range(len(text)):
        line.press(Key("left"))
    assert (line.text, line.cursor) == (text, 0)
    for _ in range(len(text)):
        line.press(Key("right"))
    assert (line.text, line.cursor) == (text, len(text))


def test_a_line_has_an_end():
    line = edited(f"text:{'x' * (MAX_CHARS - 1)}", "home", "text:abc")

    assert line.text.startswith("axx")
    assert len(line.text) == MAX_CHARS
