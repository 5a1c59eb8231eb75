"""`voicechat setup`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from voicechat.cli.process import more_logging
from voicechat.errors import ConfigError

_EPILOG = """
\b
It asks; you type a number, or part of a name, and Enter. Nothing is written
before the last question, and Ctrl-C leaves everything as it was.

\b
Without a terminal:
  voicechat talk --mic NAME --speaker NAME
  or audio.mic and audio.speaker in the file that `voicechat config path` names
  or the environment's VOICECHAT_AUDIO_MIC and VOICECHAT_AUDIO_SPEAKER
"""

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog=_EPILOG)
def setup(
    _verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, callback=more_logging, show_default=False, help="Log more.")
    ] = 0,
) -> None:
    """Choose microphone and speaker; hear and be heard.

    Lists them by name, shows how loud you are, plays a few notes, measures how late the microphone hears the speaker,
    and writes your choice into your config.toml, in which all else stays as it is.
    """
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise ConfigError(
            "setup asks questions, which needs a terminal; in a script give `voicechat talk` --mic and --speaker, or"
            " set audio.mic and audio.speaker (`voicechat config path` says where, `voicechat devices` has the names)"
        )
    from voicechat.cli.setup_dialog import SetupDialog
    from voicechat.config import load_config

    try:
        if not SetupDialog(load_config()).run():
            typer.echo("nothing was changed")
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("\nnothing was changed")
        raise
