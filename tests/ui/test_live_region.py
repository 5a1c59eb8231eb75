from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from tests.ui.screens import Emulator, Screen
from voicechat.ui.live_region import LiveRegion

drawings = st.lists(
    st.tuples(
        st.lists(st.text("abc ", max_size=18), max_size=6),  # the region
        st.lists(st.text("XYZ", min_size=1, max_size=50), max_size=2),  # what stays, above it
    )
)


def lines(texts: list[str]) -> list[Text]:
    return [Text(text) for text in texts]


@settings(deadline=None)  # slow only where the machine is busy
@given(drawings)
def test_the_terminal_shows_what_stays_and_below_it_the_region(drawn: list[tuple[list[str], list[str]]]):
    screen = Screen(width=20)
    region = LiveRegion(screen.console)
    region.open()
    stays = ""
    for texts, above in drawn:
        region.draw(lines(texts), above=lines(above))
        stays += "".join(f"{text}\n" for text in above)

        expected = Emulator(20)
        expected.feed(stays + "\n".join(texts))
        assert screen.rows == "\n".join(expected.rows).rstrip().split("\n")


@settings(deadline=None)  # slow only where the machine is busy
@given(st.lists(st.text("abc", max_size=38), min_size=1, max_size=5), st.integers(2, 60), st.text("xyz", max_size=5))
def test_a_terminal_that_changed_its_width_keeps_nothing_of_the_old_region(texts: list[str], width: int, after: str):
    screen, terminal = Screen(width=40), Emulator(40)
    region = LiveRegion(screen.console)
    region.draw(lines(["gone"]), above=lines(["stays"]))
    region.draw(lines(texts))
    terminal.feed(screen.written)
    n_before = len(screen.written)

    terminal.resize(width)
    screen.console.size = (width, 24)  # type: ignore[assignment]
    region.draw(lines([after]))

    terminal.feed(screen.written[n_before:])
    assert "".join(terminal.rows) == "stays" + after


def test_the_same_again_writes_nothing():
    screen = Screen()
    region = LiveRegion(screen.console)
    region.draw(lines(["one", "two"]))
    written = screen.written

    region.draw(lines(["one", "two"]))

    assert screen.written == written


def test_only_lines_from_the_first_that_changed_are_written():
    screen = Screen()
    region = LiveRegion(screen.console)
    region.draw(lines(["one", "two", "three"]))
    n_before = len(screen.written)

    region.draw(lines(["one", "two", "four"]))

    assert screen.written[n_before:] == "\r\x1b[2Kfour"


def test_a_change_of_style_alone_is_drawn():
    screen = Screen(color=True)
    region = LiveRegion(screen.console)
    region.draw([Text.assemble(("one", "red"))])

    region.draw([Text.assemble(("one", "green"))])

    assert screen.written.endswith("\x1b[32mone\x1b[0m")


def test_of_a_region_that_is_too_tall_the_end_is_shown():
    screen = Screen(height=4)
    region = LiveRegion(screen.console)

    region.draw(lines(list("abcdef")))

    assert screen.rows == ["d", "e", "f"]


def test_closing_erases_the_region_and_shows_the_cursor():
    screen, terminal = Screen(), Emulator(80)
    region = LiveRegion(screen.console)
    region.open()
    region.draw(lines(["now"]), above=lines(["stays"]))

    region.close()

    assert "\x1b[?25l" in screen.written
    terminal.feed(screen.written)
    assert terminal.cursor_shown
    assert screen.rows == ["stays"]


@pytest.mark.parametrize("why", ["dumb", "not wanted"])
def test_without_a_region_only_what_stays_is_written(why: str):
    screen = Screen()
    if why == "dumb":
        screen.console._environ = {"TERM": "dumb"}
    region = LiveRegion(screen.console, enabled=why != "not wanted")
    region.open()
    region.draw(lines(["now"]), above=lines(["stays"]))
    region.draw(lines(["later"]))
    region.close()

    assert screen.written == "stays\n"
