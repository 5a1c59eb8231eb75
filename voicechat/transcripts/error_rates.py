"""How far a transcript is from what was said: word and character error rate, by jiwer.

Before they are compared, both texts are brought to the same form: Unicode NFKC, small letters, straight apostrophes,
everything else that is no letter, digit or mark made a space, spaces made one. Numbers stay as they are written ("10"
is not "ten"). The character error rate counts the spaces between words as characters.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from voicechat.audio.file_errors import os_reason, printable_path
from voicechat.errors import ConfigError
from voicechat.transcripts.form import ErrorRates

_APOSTROPHES = str.maketrans("’‘ʼ`", "''''")


class Comparison:
    """Compares transcripts with what was said, each by itself and all together."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._heard: list[str] = []

    def __len__(self) -> int:
        return len(self._said)

    def add(self, said: str, heard: str) -> ErrorRates:
        """Compare a transcript with what was said.

        Raises:
            ValueError: If nothing was said.
        """
        self._said.append(normalized(said))
        self._heard.append(normalized(heard))
        return _rates(self._said[-1:], self._heard[-1:])

    def total(self) -> ErrorRates:
        """Give the rates of all transcripts, in which a long one counts more."""
        return _rates(self._said, self._heard)


def _rates(said: list[str], heard: list[str]) -> ErrorRates:
    import jiwer

    return ErrorRates(words=float(jiwer.wer(said, heard)), characters=float(jiwer.cer(said, heard)))


def normalized(text: str) -> str:
    """Give a text in the form in which texts are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)
    kept = (
        char if char.isalnum() or unicodedata.category(char).startswith("M") or char == "'" else " " for char in plain
    )
    return " ".join(stripped for word in "".join(kept).split() if (stripped := word.strip("'")))


def read_reference(path: Path) -> str:
    """Read a text.

    Raises:
        ConfigError: If it cannot be read, is not UTF-8 or holds no words.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as exc:
        raise ConfigError(f"cannot read the reference {printable_path(path)}: {os_reason(exc)}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"cannot read the reference {printable_path(path)}: it is not UTF-8 text") from exc
    if not normalized(text):
        raise ConfigError(f"the reference {printable_path(path)} holds no words")
    return text
