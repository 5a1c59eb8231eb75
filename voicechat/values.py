"""One configured value: its type, its text form, and the name that a misspelt one could have meant.

Knows no file, no table and no backend. Every message says what was wrong, the value, and where it came from.
"""

from __future__ import annotations

import difflib
import math
import reprlib
from collections.abc import Iterable
from typing import TypeAlias

from voicechat.errors import ConfigError

Value: TypeAlias = str | int | float | bool

_TYPE_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def typed(value: object, expected: type, *, key: str, origin: str) -> Value:
    """Give `value` as the type that `key` has; a whole number passes for a number, nothing else is converted.

    Args:
        expected: one of str, int, float and bool.
        origin: where the value came from, for the message.

    Raises:
        ConfigError: If it is of another type, or a number that is not finite.
    """
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            value = math.inf if value > 0 else -math.inf
    if type(value) is not expected or (isinstance(value, float) and not math.isfinite(value)):
        raise ConfigError(f"{key} must be {_TYPE_NAMES[expected]}, not {shown(value)} (from {origin})")
    return value  # type: ignore[return-value]  # mypy cannot follow `type(value) is expected`


def parsed(text: str, expected: type, *, key: str, origin: str) -> Value:
    """Read a value that came as text, from the environment or `--set`.

    Args:
        expected: one of str, int, float and bool.
        origin: where the text came from, for the message.

    Raises:
        ConfigError: If the text does not spell a value of that type.
    """
    if expected is bool:
        word = text.strip().lower()
        return word in _TRUE if word in _TRUE | _FALSE else typed(text, bool, key=key, origin=origin)
    if expected is str:
        return text
    try:
        number: object = int(text) if expected is int else float(text)
    except ValueError:
        number = text  # refused below, as the text that it is
    return typed(number, expected, key=key, origin=origin)


def as_text(value: Value) -> str:
    """Give the text that `parsed` reads back."""
    return value if isinstance(value, str) else spelled(value)


def spelled(value: Value) -> str:
    """Spell a value as TOML does: 'text' becomes '"text"', True becomes 'true'."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # all that TOML wants escaped besides
    return repr(value)


def shown(value: object) -> str:
    """Give `value` for a message: quoted if it is text, cut short if it is long."""
    return spelled(value) if isinstance(value, bool) else _short.repr(value)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give "; did you mean 'x'?" for the known name that is most like `name`, '' if none is."""
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def unknown(what: str, name: str, known: Iterable[str]) -> ConfigError:
    """Make the error for a name that does not exist: "no vad is called 'x'; known: silero, webrtc"."""
    names = sorted(known)
    return ConfigError(f"no {what} is called {shown(name)}{did_you_mean(name, names)}; known: {', '.join(names)}")
