"""Write the transcripts of a run: to one stream as they come, or to files when each is complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from voicechat.transcripts.form import Footer, Form, Header
from voicechat.transcripts.forms import FORMS
from voicechat.transcripts.json_forms import JsonLines
from voicechat.transcripts.outputs import write_whole
from voicechat.types import Segment


class StreamWriter:
    """Writes transcripts one behind the other."""

    def __init__(self, name: str, write: Callable[[str], None]) -> None:
        """Set up.

        Args:
            name: of the form.
            write: gets whole lines.
        """
        self._form = FORMS[name]()
        self._write = write

    def begin(self, header: Header) -> None:
        self._write(self._form.begin(header))

    def add(self, segment: Segment) -> None:
        self._write(self._form.add(segment))

    def end(self, footer: Footer) -> None:
        self._write(self._form.end(footer))

    def fail(self, message: str) -> None:
        """Tell a program that there will be no more of this transcript."""
        if isinstance(self._form, JsonLines):
            self._write(self._form.fail(message))


class FilesWriter:
    """Writes one transcript to a file of each form, at its end; until then there is nothing."""

    def __init__(self, outputs: Mapping[str, Path]) -> None:
        self._outputs: Sequence[tuple[Form, Path]] = [(FORMS[name](), path) for name, path in outputs.items()]
        self._texts: list[list[str]] = [[] for _ in self._outputs]

    def begin(self, header: Header) -> None:
        for (form, _), texts in zip(self._outputs, self._texts, strict=True):
            texts.append(form.begin(header))

    def add(self, segment: Segment) -> None:
        for (form, _), texts in zip(self._outputs, self._texts, strict=True):
            texts.append(form.add(segment))

    def end(self, footer: Footer) -> None:
        """Write the files, each whole or not at all.

        Raises:
            AudioFileError: If one cannot be written; those before it are.
        """
        for (form, path), texts in zip(self._outputs, self._texts, strict=True):
            write_whole(path, "".join([*texts, form.end(footer)]))

    def fail(self, message: str) -> None:
        """Forget the transcript."""
