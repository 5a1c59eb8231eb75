"""How help is made: plain text, at no cost for what is not asked for, a command's many options under headings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class SectionedCommand(TyperCommand):
    """Lists each option under the heading it was declared with (`rich_help_panel`); Typer does so only with rich."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "rich_help_panel", None) or "Options", []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


class LazyGroup(TyperGroup):
    """Imports a command only to run it; to list it, its summary is enough.

    Attributes:
        summaries: what help says of each command, by name.
        package: whose modules the commands are; each has a Typer called `app`.
    """

    summaries: ClassVar[Mapping[str, str]]
    package: ClassVar[str]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(self.summaries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in self.summaries and cmd_name not in self.commands:
            self.commands[cmd_name] = get_command(import_module(f"{self.package}.{cmd_name.replace('-', '_')}").app)
        elif cmd_name not in self.summaries and not self.commands:
            for name in self.summaries:  # the error names the nearest of those that are here
                self.get_command(ctx, name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))
