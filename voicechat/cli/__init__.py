"""The command line: one file per command; each parses, calls, prints. The only place that ends the process.

A new command is a file here that makes `app`, and a line in COMMANDS. Help is plain text: rich would cost more than all
the rest of `voicechat --help`, and is for the talk itself.
"""

from __future__ import annotations

import errno
import os
import select
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from voicechat import __version__
from voicechat.cli.help import LazyGroup
from voicechat.cli.process import complain, complain_of_usage, end_on_signals, start_logging
from voicechat.errors import VoiceChatError

# Command -> what `voicechat --help` says of it. The file of that name is imported when the command is called.
COMMANDS = {
    "talk": "Talk with the assistant: speak, pause, hear the answer.",
    "transcribe-file": "Write down what is said in audio and video files.",
    "doctor": "Find out what keeps this machine from talking.",
    "setup": "Choose microphone and speaker; hear and be heard.",
    "devices": "List the microphones and speakers.",
    "engines": "List who can answer: engines, profiles, parts.",
    "models": "List, download, check, remove models.",
    "bench": "Measure how fast a model is on this machine.",
    "config": "Show the settings; begin a file of your own.",
}

_INTERRUPTED = 130  # 128 + SIGINT, as shells count
_STDOUT = 1  # its descriptor
_READER_GONE = 141  # 128 + SIGPIPE: what cat and grep end with when head has read enough

_EPILOG = """
\b
Examples:
  voicechat talk                                  speak; it answers
  voicechat talk --input ask.wav --output re.wav  from file to file
  voicechat talk --help                           all that it can be told
  voicechat transcribe-file film.mkv --out film.srt
  voicechat devices                               microphones and speakers
  voicechat config show                           settings and their origins

\b
Settings come from, highest first: command-line flag, --set, VOICECHAT_*
environment variable, --config file, your config.toml, profile, default.
VOICECHAT_HOME moves the folder of your config.toml.

\b
Exit codes:
  0    all went well
  1    an error, said in one line on stderr
  2    a wrong option, name or setting
  3    some of the files failed, the others are done
  4    the input ended and nobody had spoken
  130  Ctrl-C
  141  whoever read the output stopped reading
  143  SIGTERM (129: the terminal was closed)
"""


class _Commands(LazyGroup):
    summaries = COMMANDS
    package = __name__


app = typer.Typer(
    name="voicechat",
    cls=_Commands,
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voicechat {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def voicechat(
    context: typer.Context,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            show_default=False,
            help="Log to stderr what happens; -vv logs every turn.",
        ),
    ] = 0,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hold a spoken conversation with a model from the terminal."""
    start_logging(verbose)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and end the process with its exit code."""
    end_on_signals()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where there is no console
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal that is not UTF-8
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; errors become one line on stderr, bugs keep their traceback.

    Args:
        arguments: what follows `voicechat`; None for the process's own.
    """
    try:
        result = app(args=arguments, prog_name="voicechat", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except VoiceChatError as error:
        complain(error)
        return error.exit_code
    except typer.TyperException as error:  # a wrong option or argument
        complain_of_usage(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    except SystemExit as error:
        # Typer ends so on any broken pipe; only one of stdout is no bug.
        if isinstance(error.__context__, BrokenPipeError):
            return _without_reader(error.__context__)
        raise
    except BrokenPipeError as error:
        return _without_reader(error)
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _give_up_stdout()
        complain(VoiceChatError("cannot write the output: no space left on the device"))
        return VoiceChatError.exit_code
    return result if isinstance(result, int) else 0


def _without_reader(error: BrokenPipeError) -> int:
    """Give the exit code if it is stdout that nobody reads any more (`| head`); any other broken pipe is a bug."""
    if hasattr(select, "poll"):  # Windows has none
        poll = select.poll()
        poll.register(_STDOUT, select.POLLOUT)
        if not any(events & select.POLLERR for _, events in poll.poll(0)):
            raise error
    _give_up_stdout()
    return _READER_GONE


def _give_up_stdout() -> None:
    """Let what Python would still flush at its end go nowhere, not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
