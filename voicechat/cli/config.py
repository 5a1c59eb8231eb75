"""`voicechat config show|path|init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicechat.cli import completion
from voicechat.cli.table import print_rows

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_SHOW_EPILOG = """
\b
Examples:
  voicechat config show
  voicechat config show --profile offline --set turn.end_silence_ms=900
  voicechat config show --json | jq -r '.[] | select(.origin != "default") | .key'
"""


@app.callback(invoke_without_command=True)
def config(context: typer.Context) -> None:
    """Show the settings; begin a file of your own.

    Settings come from, highest first: command-line flag, --set, VOICECHAT_* environment variable, --config file, your
    config.toml, profile, default.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(epilog=_SHOW_EPILOG)
def show(
    profile: Annotated[
        str | None, typer.Option(help="As in `voicechat talk`.", autocompletion=completion.profiles)
    ] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="As in `voicechat talk`.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="As in `voicechat talk`.", autocompletion=completion.assignments
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array: key, value, origin.")] = False,
) -> None:
    """Show every setting and where it came from.

    The origin is "default", a profile, a file, an environment variable or a flag.
    """
    from voicechat.config import load_config
    from voicechat.values import spelled

    flags = {"profile": profile} if profile is not None else {}
    settings = load_config(flags=flags, assignments=assignments or (), config_file=config_file).settings
    rows = [
        {"key": key, "value": s.value if as_json else spelled(s.value), "origin": s.origin}
        for key, s in settings.items()
    ]
    print_rows(rows, ("key", "value", "origin"), as_json=as_json)


@app.command()
def path() -> None:
    """Print where your config.toml is.

    It need not exist; VOICECHAT_HOME moves its folder.
    """
    from voicechat.config_files import user_file

    typer.echo(user_file())


@app.command()
def init(
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a config.toml for you to change.

    It has every key, commented out, with its default and what it does. The path is printed.
    """
    from voicechat.config_files import user_file, write_user_file

    write_user_file(user_file(), overwrite=force)
    typer.echo(user_file())
