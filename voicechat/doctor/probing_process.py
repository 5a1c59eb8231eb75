"""The process that runs probes: asked for on stdin, what they find goes out on stdout, a JSON object per line.

A driver can hang a process for ever, and a C library can end it. Here either costs one probe: `examination.py`
watches, and goes on with the next in a new process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from typing import IO, Any

from voicechat.doctor.finding import Finding, finding_of
from voicechat.doctor.plan import Probe
from voicechat.doctor.subject import Subject
from voicechat.errors import VoiceChatError

ProbeFunction = Callable[[Subject], Iterator[Finding]]


def main() -> None:
    """Take {"subject": {...}}, then run each {"probe": {...}} as it comes, until stdin ends.

    A probe is announced with {"begin": name}, then come its {"finding": {...}}, then {"end": name}.
    """
    subject = Subject(**json.loads(sys.stdin.readline())["subject"])
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
        for line in sys.stdin:
            _run(Probe(**json.loads(line)["probe"]), subject, answers)


def _run(probe: Probe, subject: Subject, answers: IO[str]) -> None:
    _send(answers, {"begin": probe.name})
    try:
        function: ProbeFunction = named_function(probe.function)
        for finding in function(subject):
            _send(answers, {"finding": asdict(finding)})
    except VoiceChatError as error:
        _send(answers, {"finding": asdict(finding_of(error, probe.name))})
    _send(answers, {"end": probe.name})


def _send(answers: IO[str], message: dict[str, object]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def named_function(name: str) -> Any:
    """Import the function that is called "module:function"."""
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
