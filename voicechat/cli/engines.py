"""`voicechat engines`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from voicechat.cli.table import print_rows

_EPILOG = """
\b
Examples:
  voicechat engines
  voicechat engines --json
  voicechat talk --vad silero     use one of them
  voicechat talk --profile NAME   use a whole set
"""


app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog=_EPILOG)
def engines(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array, one object per line of the list.")
    ] = False,
) -> None:
    """List who can answer: engines, profiles, parts.

    The parts (vad, asr, llm, tts) are what the engine "cascade" is made of. For what is not ready to be used, the
    command that installs what it needs is there.
    """
    from voicechat.catalog import catalog

    rows = [{"ready": not entry.needs} | asdict(entry) for entry in catalog()]
    print_rows(rows, ("kind", "name", "ready", "needs", "description"), as_json=as_json)
