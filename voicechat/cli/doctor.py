"""`voicechat doctor`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicechat import __version__
from voicechat.cli import completion
from voicechat.cli.process import more_logging

if TYPE_CHECKING:
    from rich.console import Console

    from voicechat.doctor.examination import Begun
    from voicechat.doctor.finding import Finding

_EPILOG = """
\b
Examples:
  voicechat doctor
  voicechat doctor --mic USB --speaker HDMI
  voicechat doctor --no-sound            plays and records nothing
  voicechat doctor --json | jq -r '.findings[] | select(.status == "fail").fix'

\b
Exit codes:
  0    nothing stands in the way of a live talk
  1    something does
  2    a wrong option, name or setting on the command line
  130  Ctrl-C

It plays a short sweep and records three seconds, of which nothing is kept.
"""

SCHEMA = 1  # of --json; docs/doctor.md
CANCELLER = "voicechat.audio.echo_canceller:cancel_all"  # what is tried, as a `doctor.echo_left.Cancel`
app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog=_EPILOG)
def doctor(
    mic: Annotated[
        str | None, typer.Option(metavar="NAME", help="Examine this microphone, as in `voicechat talk`.")
    ] = None,
    speaker: Annotated[str | None, typer.Option(metavar="NAME", help="Examine this speaker, likewise.")] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="As in `voicechat talk`.", autocompletion=completion.profiles),
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="As in `voicechat talk`.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="As in `voicechat talk`.", autocompletion=completion.assignments
        ),
    ] = None,
    no_sound: Annotated[bool, typer.Option("--no-sound", help="Play nothing and record nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/doctor.md).")] = False,
    _verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, callback=more_logging, show_default=False, help="Log more.")
    ] = 0,
) -> None:
    """Find out what keeps this machine from talking.

    Tries all that a live talk needs (the installation, the devices, how loud and how late the microphone hears the
    speaker, models, disk, GPU) and says what to do about what is wrong.
    """
    from voicechat.doctor.examination import examine
    from voicechat.doctor.finding import can_talk
    from voicechat.doctor.settings import examined

    given = {"profile": profile, "audio.mic": mic, "audio.speaker": speaker}
    flags = {key: value for key, value in given.items() if value is not None}
    canceller = CANCELLER if find_spec("livekit") else ""
    subject, of_settings = examined(
        flags=flags, assignments=assignments or (), config_file=config_file, canceller=canceller
    )
    with closing(examine(subject, sound=not no_sound)) as steps:
        findings = _show(of_settings, steps, as_json=as_json)
    if not can_talk(findings):
        raise typer.Exit(1)


def _show(first: Finding, steps: Iterator[Begun | Finding], *, as_json: bool) -> list[Finding]:
    """Show the findings as they come, and give them all; JSON comes at the end."""
    if as_json:
        findings = [first, *_findings(steps)]
        typer.echo(json.dumps(report(findings), indent=2))
        return findings
    if sys.stdout is None or not sys.stdout.isatty():
        return list(_plain(first, _findings(steps)))
    return _on_terminal(first, steps)


def report(findings: Sequence[Finding]) -> dict[str, Any]:
    """Give what --json prints; docs/doctor.md promises its form."""
    from dataclasses import asdict

    from voicechat.doctor.finding import can_talk

    return {
        "schema": SCHEMA,
        "version": __version__,
        "can_talk": can_talk(findings),
        "findings": [asdict(finding) for finding in findings],
    }


def _findings(steps: Iterable[Begun | Finding]) -> Iterator[Finding]:
    from voicechat.doctor.finding import Finding

    return (step for step in steps if isinstance(step, Finding))


def _plain(first: Finding, others: Iterable[Finding]) -> Iterator[Finding]:
    from itertools import chain

    from voicechat.ui.sanitize import printable

    typer.echo("STATUS\tCHECK\tFOUND\tFIX")
    for finding in chain([first], others):
        cells = (finding.status, finding.name, finding.detail, finding.fix)
        typer.echo("\t".join(printable(cell, single_line=True) for cell in cells))
        yield finding


_STATUS_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "skipped": "dim"}
_STATUS_COLUMNS = max(map(len, _STATUS_STYLES))
_NAME_COLUMNS = 17


def _on_terminal(first: Finding, steps: Iterator[Begun | Finding]) -> list[Finding]:
    from rich.console import Console

    from voicechat.doctor.finding import Finding

    console = Console(highlight=False)
    findings = [first]
    _print_row(console, first)
    with console.status("", spinner="line") as status:
        for step in steps:
            if isinstance(step, Finding):
                findings.append(step)
                _print_row(console, step)
            else:
                status.update(f"[dim]{step.probe.title} ...[/dim]")
    _print_verdict(console, findings)
    return findings


def _print_row(console: Console, finding: Finding) -> None:
    """Print one row of the table; what to do stands below what was found."""
    from rich.table import Table
    from rich.text import Text

    from voicechat.ui.sanitize import printable

    style = _STATUS_STYLES[finding.status]
    found = Text(printable(finding.detail, single_line=True), "dim" if finding.status == "skipped" else "")
    if finding.fix:
        found.append(f"\nto do: {printable(finding.fix, single_line=True)}", "yellow")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=_STATUS_COLUMNS)
    table.add_column(width=_NAME_COLUMNS)
    table.add_column(overflow="fold")
    table.add_row(Text(finding.status, style), Text(finding.name.replace("_", " "), style), found)
    console.print(table)


def _print_verdict(console: Console, findings: Sequence[Finding]) -> None:
    from rich.text import Text

    failed = [finding.name.replace("_", " ") for finding in findings if finding.status == "fail"]
    warned = [finding.name.replace("_", " ") for finding in findings if finding.status == "warn"]
    if failed:
        verdict = Text(f"a live talk is not possible yet: {', '.join(failed)}", "bold red")
    elif warned:
        verdict = Text(f"a live talk is possible; it may be better: {', '.join(warned)}", "bold")
    else:
        verdict = Text("all is well: voicechat talk", "bold green")
    console.print()
    console.print(verdict)
