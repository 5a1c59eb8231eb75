"""`voicechat engines`."""

from __future__ import annotations

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
        bool, typer.Option("--json", help="Print a JSON array: kind, name, needs, description.")
    ] = False,
) -> None:
    """List who can answer: engines, profiles, parts.

    The parts (vad, asr, llm, tts) are what the engine "cascade" is made of. What can be used now needs nothing; for
    the rest, there is the command that installs what is missing.
    """
    from voicechat.catalog import catalog

    rows = [{"kind": e.kind, "name": e.name, "needs": e.needs, "description": e.description} for e in catalog()]
    print_rows(rows, ("kind", "name", "needs", "description"), as_json=as_json)
