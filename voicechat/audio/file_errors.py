"""Words for what goes wrong with files: names that are safe to print, reasons in the operating system's words."""

from __future__ import annotations

import os


def printable_path(path: str | os.PathLike[str]) -> str:
    """Quote a file name for a message: one line, whatever newlines, escapes or stray bytes the name holds."""
    name = os.fspath(path)
    return f"'{name}'" if name.isprintable() else repr(name)


def os_reason(error: OSError) -> str:
    """Give why the operating system refused, as in 'no space left on device'."""
    return (error.strerror or str(error) or type(error).__name__).lower()
