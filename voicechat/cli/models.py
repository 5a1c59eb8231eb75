"""`voicechat models list|pull|path|verify|remove`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicechat.cli.table import print_rows
from voicechat.errors import ModelError

if TYPE_CHECKING:
    from voicechat.models.hub import Progress
    from voicechat.models.published import Published

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_PULL_EPILOG = """
\b
Examples:
  voicechat models pull mini-omni
  HF_ENDPOINT=https://hf-mirror.example voicechat models pull mini-omni
  voicechat models pull mini-omni --from /media/stick/mini-omni
"""


def _names(incomplete: str) -> list[str]:
    from voicechat.models.published import MODELS

    return [name for name in MODELS if name.startswith(incomplete)]


Name = Annotated[
    str, typer.Argument(help="As `voicechat models list` has it.", show_default=False, autocompletion=_names)
]


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List, download, check, remove models.

    Models that are not built in are kept where this system keeps your data, or in VOICECHAT_HOME. Once one is here,
    nothing that uses it asks the network for anything.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array, one object per model, with all its files.")
    ] = False,
) -> None:
    """List the models there are, and which of them are here."""
    from voicechat.models import hub
    from voicechat.models.published import MODELS

    rows = []
    for model in MODELS.values():
        found = hub.find(model, hub.models_folder())
        here = "yes" if found.whole else "in part" if found.n_files else "no"
        rows.append(
            {
                "name": model.name,
                "here": here,
                "size": hub.shown(model.n_bytes),
                "licence": ", ".join(sorted({part.licence for part in model.parts})),
                "description": model.summary,
                "folder": str(found.folder),
                "missing": list(found.missing),
                "parts": [
                    {
                        "folder": part.folder,
                        "repository": part.repository,
                        "revision": part.revision,
                        "licence": part.licence,
                        "files": [vars(file) for file in part.files],
                    }
                    for part in model.parts
                ],
            }
        )
    print_rows(rows, ("name", "here", "size", "licence", "description"), as_json=as_json)


@app.command(epilog=_PULL_EPILOG)
def pull(
    name: Name,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Take it from a folder that was copied by hand; needs no network."),
    ] = None,
) -> None:
    """Download a model, or what is missing of it, and check it.

    An interrupted download goes on where it was cut off. HF_ENDPOINT names a mirror of the hub; HF_TOKEN, if it is
    set, is sent along. The model's folder is printed at the end.
    """
    from voicechat.models import download, hub

    model = _model(name)
    _say(f"{model.name}: about {hub.shown(model.n_bytes)}, into {hub.models_folder() / model.name}")
    for part in model.parts:
        size = hub.shown(sum(file.n_bytes for file in part.files))
        _say(f"  {part.repository}, {size}, licence {part.licence}: {download.HUB}/{part.repository}")
    try:
        with _bars() as progress:
            if source is None:
                folder = hub.pull(model, hub.models_folder(), progress=progress)
            else:
                folder = hub.import_folder(model, hub.models_folder(), source, progress=progress)
    except KeyboardInterrupt:
        _say("interrupted; what came is kept, pull again to go on")
        raise
    typer.echo(folder)


@app.command()
def path(name: Name) -> None:
    """Print the folder of a model that is here."""
    from voicechat.models import hub

    typer.echo(hub.locate(_model(name).name))


@app.command()
def verify(name: Name) -> None:
    """Read every file of a model and compare it with its checksum."""
    from voicechat.models import hub

    model = _model(name)
    with _bars() as progress:
        wrong = hub.verify(model, hub.models_folder(), progress=progress)
    if wrong:
        raise ModelError(f"{name}: {'; '.join(wrong)}; run: voicechat models remove {name}, then pull it again")
    typer.echo(f"{name}: every file is as it was fetched")


@app.command()
def remove(name: Name) -> None:
    """Delete a model."""
    from voicechat.models import hub

    n_bytes = hub.remove(_model(name), hub.models_folder())
    typer.echo(f"{name}: removed, {hub.shown(n_bytes)}")


def _model(name: str) -> Published:
    from voicechat.models.published import MODELS
    from voicechat.values import unknown

    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name]


def _say(line: str) -> None:
    if sys.stderr is not None:  # as it is where there is no console
        typer.echo(line, err=True)


@contextmanager
def _bars() -> Iterator[Progress]:
    """Show how far each file is, on a terminal; elsewhere nothing."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda file, n_bytes, n_total: None  # noqa: ARG005
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    tasks: dict[str, bars.TaskID] = {}
    with bars.Progress(*columns, console=Console(stderr=True)) as shown:

        def report(file: str, n_bytes: int, n_total: int) -> None:
            if file not in tasks:
                tasks[file] = shown.add_task(file, total=n_total)
            shown.update(tasks[file], completed=n_bytes)

        yield report
