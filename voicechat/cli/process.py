"""What every command shares with the process around it: signals, logging, and how an error is said."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from voicechat.errors import ConfigError

_SHORT = "voicechat: %(levelname)s: %(message)s"
_LONG = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)  # by the number of -v


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the process as an error would: everything is closed, nothing is left half-written."""
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # once is enough; a second one must not break off the closing
    raise SystemExit(128 + number)


def start_logging(verbosity: int) -> None:
    """Send voicechat's log to stderr: warnings, with 1 also what starts and stops, with 2 every turn."""
    logger = logging.getLogger("voicechat")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
    handler = logging.StreamHandler()
    handler.setFormatter(_SafeFormatter(_LONG if verbosity else _SHORT))
    logger.addHandler(handler)
    logger.setLevel(_LEVELS[min(verbosity, len(_LEVELS) - 1)])


def more_logging(verbosity: int) -> int:
    """Do the same for a -v that stands behind the command."""
    if verbosity:
        start_logging(verbosity)
    return verbosity


def complain(error: Exception) -> None:
    """Say an error in one line on stderr."""
    from voicechat.ui.error_line import error_line

    if sys.stderr is not None:  # as it is where there is no console
        typer.echo(error_line(error), err=True)


def complain_of_usage(error: typer.TyperException) -> None:
    """Say what is wrong with an option or argument in one line on stderr, and whose help to read."""
    command = getattr(getattr(error, "ctx", None), "command_path", "voicechat")
    message = error.format_message().rstrip(".")
    complain(ConfigError(f"{message[:1].lower()}{message[1:]}; see `{command} --help`"))


class _SafeFormatter(logging.Formatter):
    """Names of devices and files are logged too; none of them may control the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        from voicechat.ui.sanitize import printable

        record.levelname = record.levelname.lower()
        return printable(super().format(record))
