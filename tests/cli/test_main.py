"""The process around a command: exit codes, one line for an error, a traceback for a bug."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import voicechat
from voicechat import config_files, errors
from voicechat.cli import COMMANDS, run
from voicechat.cli.process import start_logging

ROOT = Path(voicechat.__file__).parent.parent
POSIX = pytest.mark.skipif(os.name == "nt", reason="pipes and signals of POSIX")
HOSTILE = "x\x1b]0;title\x07\x1b[2J\x9b31m\u202ey\nvoicechat: all is well"

# Says that it runs, then waits to be ended; what is closed at the end says so, though a second signal comes meanwhile.
WAITING = """
import os, signal, sys
from voicechat import cli, config_files
signal.signal(int(os.environ["SIGNAL"]), signal.SIG_DFL)  # nohup leaves SIGHUP ignored
def wait(*_):
    try:
        print("running", flush=True)
        signal.pause()
    finally:
        os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        print("closed", flush=True)
config_files.user_file = wait
sys.argv = ["voicechat", "config", "path"]
cli.main()
"""


def voicechat_process(*arguments, stdout, **env):
    """Run voicechat in a process of its own, with its output buffered as it is for most."""
    return subprocess.run(
        [sys.executable, "-m", "voicechat", *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | env,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )


@pytest.fixture
def failing(monkeypatch):
    """Makes `voicechat config path` raise what the test gives."""

    def make(error):
        def user_file():
            raise error

        monkeypatch.setattr(config_files, "user_file", user_file)
        return ["config", "path"]

    return make


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_and_every_exit_code(capsys, arguments):
    assert run(arguments) == 0

    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in ("talk", "devices", "engines", "config"))
    assert all(f"\n    {code} " in printed for code in (0, 1, 2, 4, 130, 141, 143))
    assert max(map(len, printed.splitlines())) <= 80


def test_the_version_is_the_packages(capsys):
    assert run(["--version"]) == 0

    assert capsys.readouterr().out == f"voicechat {voicechat.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tlak"], "no such command 'tlak'. Did you mean 'talk'?; see `voicechat --help`"),
        (["--verbos"], "no such option: --verbos"),
        (["talk", "--vat", "x"], "no such option: --vat"),
        (["talk", "--vad"], "option '--vad' requires an argument; see `voicechat"),
        (["talk", "--input-rate", "x"], "invalid value for '--input-rate'"),
        (["config", "shwo"], "no such command 'shwo'"),
    ],
)
def test_wrong_usage_is_one_line_and_2(capsys, arguments, message):
    assert run(arguments) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"voicechat: error: {message}")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.VoiceChatError, 1),
        (errors.ConfigError, 2),
        (errors.AudioFileError, 1),
        (errors.AudioDeviceError, 1),
        (errors.ModelError, 1),
        (errors.RemoteError, 1),
        (errors.NoSpeechError, 4),
    ],
)
def test_an_error_is_one_line_and_the_exit_code_of_its_class(capsys, failing, error, code):
    assert run(failing(error("no such thing: 'x'"))) == code

    assert capsys.readouterr().err == "voicechat: error: no such thing: 'x'\n"


@pytest.mark.parametrize("where", ["error", "argument", "option", "file", "log"])
def test_hostile_text_reaches_the_terminal_as_one_harmless_line(capsys, failing, where, voicechat_home):
    if where == "error":
        run(failing(errors.ModelError(HOSTILE)))
    elif where == "argument":
        run([HOSTILE])
    elif where == "option":
        run(["talk", f"--{HOSTILE}"])
    elif where == "file":
        run(["config", "show", "--config", HOSTILE])
    else:
        start_logging(0)
        logging.getLogger("voicechat.test").warning("%s", HOSTILE.replace("\n", " "))

    printed = capsys.readouterr().err
    assert printed.startswith("voicechat: ")
    assert printed.count("\n") == 1
    assert printed.rstrip("\n").isprintable()


def test_ctrl_c_is_130_without_a_word(capsys, failing):
    assert run(failing(KeyboardInterrupt())) == 130

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("bug", [ZeroDivisionError("x"), OSError(5, "Input/output error"), BrokenPipeError(32, "x")])
def test_a_bug_keeps_its_traceback(failing, bug):
    with pytest.raises(type(bug)) as caught:
        run(failing(bug))

    assert caught.value is bug


@POSIX
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (getattr(signal, "SIGHUP", 1), 129)])
def test_a_signal_closes_everything_and_is_its_exit_code(number, code):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        cwd=ROOT,
        env=os.environ | {"SIGNAL": str(int(number))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "running\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (code, "closed\n", "")


@POSIX
def test_a_reader_that_has_read_enough_ends_it_quietly_with_141():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed_pipe:
        ended = voicechat_process("config", "path", stdout=closed_pipe)

    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no full device")
def test_output_that_does_not_fit_on_the_disk_is_one_line():
    with open("/dev/full", "wb") as full:
        ended = voicechat_process("config", "path", stdout=full)

    assert ended.returncode == 1
    assert ended.stderr == b"voicechat: error: cannot write the output: no space left on the device\n"


@POSIX
@pytest.mark.parametrize("arguments", [["config", "path"], ["--help"], ["--no-such-option"]])
def test_closed_output_streams_are_no_crash(arguments):
    ended = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m voicechat {' '.join(arguments)} >&- 2>&-"], cwd=ROOT, check=False
    )

    assert ended.returncode == (2 if arguments == ["--no-such-option"] else 0)


@POSIX
def test_a_terminal_that_is_not_utf_8_is_no_crash():
    ended = voicechat_process(
        "config", "path", stdout=subprocess.PIPE, PYTHONIOENCODING="latin-1", VOICECHAT_HOME="/tmp/łµ"
    )

    assert (ended.returncode, ended.stdout) == (0, b"/tmp/\\u0142\xb5/config.toml\n")


@pytest.mark.parametrize(("flags", "level"), [([], logging.WARNING), (["-v"], logging.INFO), (["-vv"], logging.DEBUG)])
def test_v_before_the_command_sets_what_is_logged(flags, level):
    run([*flags, "config", "path"])

    logger = logging.getLogger("voicechat")
    assert logger.level == level
    assert len(logger.handlers) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_a_command_is_the_first_line_of_its_help(capsys, name):
    assert run([name, "--help"]) == 0

    printed = capsys.readouterr().out
    assert printed.startswith(f"Usage: voicechat {name} ")
    assert printed.split("\n\n")[1].strip() == COMMANDS[name]
    assert "-completion" not in printed
