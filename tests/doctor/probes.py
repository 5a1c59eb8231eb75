"""Probes that go wrong in each way there is; `test_examination.py` has them run in another process."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.subject import Subject
from voicechat.errors import AudioDeviceError


def fine(subject: Subject) -> Iterator[Finding]:
    yield Finding("fine", Status.OK, f"mic {subject.mic!r}", values={"process": os.getpid()})


def talkative(_subject: Subject) -> Iterator[Finding]:
    sys.stdout.write("what a library says\n")
    os.write(1, b"{}\n")
    yield Finding("talkative", Status.OK, "said it")


def failing(_subject: Subject) -> Iterator[Finding]:
    yield Finding("failing", Status.OK, "so far")
    raise AudioDeviceError("it broke; mend it")


def buggy(_subject: Subject) -> Iterator[Finding]:
    yield Finding("buggy", Status.OK, str(1 // int(bool(os.environ.get("NEVER")))))


def crashing(_subject: Subject) -> Iterator[Finding]:
    os.abort()
    yield Finding("crashing", Status.OK, "never")


def hanging(_subject: Subject) -> Iterator[Finding]:
    yield Finding("hanging", Status.OK, "so far")
    threading.Event().wait()
