"""The forms a transcript can be written in, by name; each name is the suffix of its files, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from voicechat.errors import ConfigError
from voicechat.transcripts.documents import Markdown, PlainText
from voicechat.transcripts.form import Form
from voicechat.transcripts.json_forms import JsonLines, JsonObject
from voicechat.transcripts.subtitles import SubRip, WebVtt
from voicechat.transcripts.tables import CommaSeparated, TabSeparated

FORMS: dict[str, Callable[[], Form]] = {
    "txt": PlainText,
    "json": JsonObject,
    "jsonl": JsonLines,
    "srt": SubRip,
    "vtt": WebVtt,
    "tsv": TabSeparated,
    "csv": CommaSeparated,
    "md": Markdown,
}
SINGLE = frozenset({"json", "srt", "vtt"})  # hold one transcript and no other behind it


def form_names(given: Iterable[str]) -> tuple[str, ...]:
    """Read what was given as formats: names, several in one with commas between them; each counts once.

    Raises:
        ConfigError: If there is no such format.
    """
    names: dict[str, None] = {}
    for text in given:
        for name in (part.strip().lower() for part in text.split(",")):
            if name not in FORMS:
                raise ConfigError(f"no format is called {name!r}; known: {', '.join(FORMS)}")
            names[name] = None
    return tuple(names)


def check_stream(names: Sequence[str], n_files: int) -> None:
    """Refuse what one output cannot hold.

    Raises:
        ConfigError: If there are several formats, or several files in a format that holds one.
    """
    if len(names) > 1:
        raise ConfigError(f"standard output takes one format, not {', '.join(names)}; give --out DIR for several")
    if n_files > 1 and names[0] in SINGLE:
        raise ConfigError(f"{names[0]} holds the transcript of one file, and there are {n_files}; give --out DIR")
