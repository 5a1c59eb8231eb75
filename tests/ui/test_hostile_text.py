"""No untrusted text reaches a terminal raw, whichever view shows it, in whichever field it came."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.text import Text

from tests.ui.hostile import CLASSES, HOSTILE, cut_at_random, hostile_strings
from tests.ui.screens import PseudoTerminal, Screen, shown
from voicechat.types import (
    Notice,
    Outcome,
    SessionEvent,
    Severity,
    State,
    StateChanged,
    TextDelta,
    TurnDone,
    UserTranscript,
)
from voicechat.ui.error_line import error_line
from voicechat.ui.log import RichLog
from voicechat.ui.plain import PlainLog
from voicechat.ui.sanitize import StreamSanitizer, printable

N_STRINGS = [100_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]


def talk_of(strings: Iterator[str], *, made_safe: bool = False) -> Iterator[SessionEvent]:
    """Yield a talk in which every text, six to a turn, is one of `strings`, or what is safe of it."""
    rng = random.Random(5)
    texts = map(printable, strings) if made_safe else strings
    for turn, caption in enumerate(texts, start=1):
        yield StateChanged(State.HEARING, turn)
        yield UserTranscript(caption, turn=turn)
        yield UserTranscript(next(texts, ""), final=True, turn=turn)
        yield StateChanged(State.SPEAKING, turn)
        deltas = cut_at_random(next(strings, ""), rng)
        for delta in map(StreamSanitizer().push, deltas) if made_safe else deltas:
            yield TextDelta(delta, turn=turn)
        outcome = rng.choice([Outcome.COMPLETED, Outcome.INTERRUPTED])
        yield TurnDone(turn, next(texts, ""), next(texts, ""), outcome, user_s=1.0, reply_s=1.0)
        yield Notice(next(texts, ""), rng.choice(list(Severity)))


@pytest.mark.parametrize("attack", CLASSES.values(), ids=CLASSES.keys())
def test_bare_rich_lets_each_attack_through_and_our_views_do_not(attack: str):
    bare = Screen()
    bare.console.print(Text(attack))

    ours = shown(Screen(), talk_of(iter([attack] * 6)), live=False)

    assert HOSTILE.search(bare.written)
    assert not HOSTILE.search(ours)


@pytest.mark.parametrize("n_strings", N_STRINGS)
def test_nothing_hostile_reaches_the_terminal_for_good(n_strings: int):
    # Without colour and live region, the log itself writes no control character at all.
    for start in range(0, n_strings, 10_000):
        written = shown(Screen(), talk_of(hostile_strings(10_000, seed=start)), live=False)

        assert not HOSTILE.search(written)
        assert "[bold]" in written  # markup is text


@pytest.mark.parametrize(
    "n_strings", [6_000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_the_live_region_and_colours_write_what_they_write_for_safe_text(n_strings: int):
    # Here the log writes escapes of its own: they must be the very ones it writes for text without any.
    for start in range(0, n_strings, 3_000):
        hostile = shown(Screen(color=True), talk_of(hostile_strings(3_000, seed=start)))
        safe = shown(Screen(color=True), talk_of(hostile_strings(3_000, seed=start), made_safe=True))

        assert hostile == safe


@pytest.mark.parametrize("n_strings", N_STRINGS)
def test_nothing_hostile_leaves_the_plain_log_or_an_error(n_strings: int):
    out, err = io.StringIO(), io.StringIO()
    with PlainLog(out, err) as log:
        for event in talk_of(hostile_strings(n_strings, seed=11)):
            log.show(event)

    assert not HOSTILE.search(out.getvalue())
    assert not HOSTILE.search(err.getvalue())
    assert all(line.startswith(("you: ", "assistant: ")) for line in out.getvalue().splitlines())
    assert not any(HOSTILE.search(error_line(ValueError(text))) for text in hostile_strings(10_000, seed=12))


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_a_real_terminal_gets_only_our_own_bytes():
    def received(*, made_safe: bool) -> bytes:
        with PseudoTerminal() as terminal:
            environ = {"TERM": "xterm"}
            console = Console(file=terminal.slave, color_system="truecolor", width=60, height=20, _environ=environ)
            with RichLog(console, clock=lambda: 0.0) as log:
                for event in talk_of(hostile_strings(1_500, seed=21), made_safe=made_safe):
                    log.show(event)
        return terminal.received

    hostile = received(made_safe=False)

    assert hostile == received(made_safe=True)
    assert b"\x1b[?25h" in hostile  # it was taken for a terminal
