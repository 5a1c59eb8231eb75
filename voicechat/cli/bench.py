"""`voicechat bench mini-omni`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from voicechat.cli.table import print_rows
from voicechat.errors import ModelError

if TYPE_CHECKING:
    from voicechat.models.mini_omni.bench_parts import Parts

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_EPILOG = """
\b
Examples:
  voicechat bench mini-omni                    the pulled weights
  voicechat bench mini-omni --random-weights   without a download
  voicechat bench mini-omni --random-weights --naive --neighbours 1
  voicechat bench mini-omni --device cuda --dtype bfloat16 --json
"""


@app.callback(invoke_without_command=True)
def bench(context: typer.Context) -> None:
    """Measure how fast a model is on this machine."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("mini-omni", epilog=_EPILOG)
def mini_omni(
    *,
    random_weights: Annotated[
        bool,
        typer.Option("--random-weights", help="Measure weights of full size drawn at random: nothing is downloaded."),
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the weights, if not where `voicechat models pull` puts them."),
    ] = None,
    naive: Annotated[
        bool, typer.Option("--naive", help="Measure the published code's order of work, too, in float32.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ..., or mps.")] = "auto",
    dtype: Annotated[
        Literal["auto", "int8", "float32", "bfloat16", "float16"],
        typer.Option(help="Precision of the language model; auto: int8 on the CPU, else float32."),
    ] = "auto",
    neighbours: Annotated[
        int, typer.Option(min=0, max=64, metavar="N", help="Busy processes beside a second reply.")
    ] = 0,
    question_s: Annotated[
        float, typer.Option(min=0.5, max=29.0, metavar="SECONDS", help="How long the question is.")
    ] = 3.0,
    reply_s: Annotated[float, typer.Option(min=1.0, max=60.0, metavar="SECONDS", help="How long the reply is.")] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with everything measured.")] = False,
) -> None:
    """Measure Mini-Omni, part by part and in a reply.

    Takes about a minute, and 4 GB of memory. Each time is given beside something measured in the same run: a step
    beside only reading its weights, a reply beside the sound that it makes. What is slower than promised for two cores
    of a CPU is said at the end.
    """
    with _model_packages():
        from voicechat.models.mini_omni import bench, bench_report
    with _progress() as progress:
        parts = _parts(random_weights, weights, device, dtype, progress)
        plan = bench.Plan(
            question_s=question_s, reply_s=reply_s, ahead_ms=_ahead_ms(), n_neighbours=neighbours, naive=naive
        )
        report = bench.measure(parts, plan, progress)
    if as_json:
        typer.echo(json.dumps(bench_report.as_json(report)))
        return
    rows = [*bench_report.rows(report), *(("slower than promised", line) for line in bench_report.failures(report))]
    print_rows([{"what": what, "measured": value} for what, value in rows], ("what", "measured"), as_json=False)


def _parts(
    random_weights: bool,
    weights: Path | None,
    device: str,
    dtype: Literal["auto", "int8", "float32", "bfloat16", "float16"],
    progress: Callable[[str], None],
) -> Parts:
    from voicechat.models import hub
    from voicechat.models.device import choose
    from voicechat.models.mini_omni import bench_parts
    from voicechat.models.mini_omni.pipeline import chosen_precision

    choice = choose(device)
    precision = chosen_precision(dtype, choice)
    if random_weights:
        progress("drawing random weights, 3.2 GB")
        return bench_parts.at_random(precision, choice)
    try:
        folder = weights.expanduser() if weights is not None else hub.locate("mini-omni")
    except ModelError as error:
        raise ModelError(f"{error}; or measure random weights: --random-weights") from error
    progress("loading the weights")
    return bench_parts.from_folder(folder, precision, choice)


def _ahead_ms() -> float:
    """Give how long an engine has between the pause in which it begins to work and the end of the turn."""
    from voicechat.config import load_config
    from voicechat.listener import PAUSE_MS

    return max(0.0, load_config().patience.usual_ms - PAUSE_MS)


@contextmanager
def _model_packages() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("voicechat"):
            raise
        raise ModelError(f"bench needs the package {exc.name}; run: pip install 'voicechat[models]'") from exc


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Tell what is being done: on a terminal in one line that goes, elsewhere in a line for each."""
    if sys.stderr is None:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield lambda what: typer.echo(what, err=True)
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (bars.SpinnerColumn(), bars.TextColumn("{task.description}", markup=False), bars.TimeElapsedColumn())
    # Drawn once a second: what draws takes time from what is measured.
    with bars.Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=1) as shown:
        task = shown.add_task("starting", total=None)
        yield lambda what: shown.update(task, description=what)
