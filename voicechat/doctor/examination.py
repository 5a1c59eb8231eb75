"""Runs the probes in another process, watches the time, and gives what they find; knows no probe.

A probe that hangs is ended with its process, one that crashes ends it; both become a finding, and the next probe runs
in a new process.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import voicechat
from voicechat.doctor.finding import Finding, Status
from voicechat.doctor.plan import PROBES, START_LIMIT_S, Probe
from voicechat.doctor.subject import Subject

END_LIMIT_S = 1.0  # for a process that was killed; one that a driver holds in the kernel ends when that lets go
MAX_SAID = 200  # characters of what a probe said at its end
REPORT = "please report it, with what `voicechat -vv doctor` prints"
# To be run with -P: no file of the current directory may stand in for a module. The package may not be installed.
PROGRAM = "import sys; sys.path.append(sys.argv[1]); from voicechat.doctor.probing_process import main; main()"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """A probe has begun; it may take some seconds."""

    probe: Probe


def examine(
    subject: Subject, probes: Sequence[Probe] = PROBES, *, sound: bool = True
) -> Generator[Begun | Finding, None, None]:
    """Run the probes, and yield what they find as they find it.

    Args:
        sound: whether anything may be played or recorded.
    """
    missing: set[str] = set()  # names of findings that failed, or were never tried
    process: _Process | None = None
    try:
        for probe in probes:
            if (reason := _reason_to_skip(probe, missing, sound=sound)) is not None:
                found = _skipped((probe.name, *probe.more), reason)
            else:
                yield Begun(probe)
                process = process or _Process(subject)
                found = process.run(probe)
            for finding in found:
                if finding.status in (Status.FAIL, Status.SKIPPED):
                    missing.add(finding.name)
                yield finding
            if process is not None and not process.usable:
                process.close()
                process = None
    finally:
        if process is not None:
            process.close()


def _reason_to_skip(probe: Probe, missing: set[str], *, sound: bool) -> str | None:
    if probe.sound and not sound:
        return "nothing is played or recorded with --no-sound"
    needed = [name.replace("_", " ") for name in probe.needs if name in missing]
    return f"needs: {', '.join(needed)}" if needed else None


def _skipped(names: Iterable[str], reason: str) -> Iterator[Finding]:
    return (Finding(name, Status.SKIPPED, reason) for name in names)


class _Process:
    """A process that runs probes, one after another.

    Attributes:
        usable: False once it hung or ended.
    """

    def __init__(self, subject: Subject) -> None:
        self.usable = True
        self._errors = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by close)
        root = Path(voicechat.__file__).parent.parent
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._started_at = time.monotonic()
        self._ask({"subject": asdict(subject)})
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        # A daemon: a process that cannot be killed keeps its pipe, and with it this thread.
        self._reader = threading.Thread(target=self._read, name="voicechat-doctor", daemon=True)
        self._reader.start()

    def run(self, probe: Probe) -> Iterator[Finding]:
        """Run one probe; yield what it finds, and what it did not get to because it hung or crashed."""
        self._ask({"probe": asdict(probe)})
        deadline = max(time.monotonic(), self._started_at + START_LIMIT_S) + probe.limit_s
        owed = dict.fromkeys((probe.name, *probe.more))  # in order
        while self.usable:
            try:
                answer = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.usable = False
                yield from self._broken_off(probe, list(owed), *self._hung(probe))
                return
            if answer is None:
                self.usable = False
                yield from self._broken_off(probe, list(owed), *self._crashed(probe))
            elif "begin" in answer:
                deadline = time.monotonic() + probe.limit_s
            elif "finding" in answer:
                found = answer["finding"]
                owed.pop(found["name"], None)
                yield Finding(**found | {"status": Status(found["status"])})
            else:
                yield from _skipped(owed, f"needs: {probe.name.replace('_', ' ')}")
                return

    def close(self) -> None:
        """End the process, whatever it is doing. Idempotent."""
        self._popen.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(END_LIMIT_S)
        self._reader.join(END_LIMIT_S)
        if not self._reader.is_alive():
            for pipe in (self._popen.stdin, self._popen.stdout):
                assert pipe is not None
                with contextlib.suppress(OSError):  # what was not read by a process that has ended
                    pipe.close()
        self._errors.close()

    def _ask(self, message: dict[str, object]) -> None:
        assert self._popen.stdin is not None
        with contextlib.suppress(OSError):  # it has ended, which the reader finds out
            self._popen.stdin.write(json.dumps(message).encode() + b"\n")
            self._popen.stdin.flush()

    def _read(self) -> None:
        stdout = self._popen.stdout
        assert stdout is not None
        for line in stdout:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    @staticmethod
    def _broken_off(probe: Probe, owed: Sequence[str], what: str, fix: str) -> Iterator[Finding]:
        logger.info("probe %s: %s", probe.name, what)
        if owed:
            yield Finding(owed[0], Status.FAIL if probe.vital else Status.WARN, what, fix)
            yield from _skipped(owed[1:], f"needs: {owed[0].replace('_', ' ')}")

    @staticmethod
    def _hung(probe: Probe) -> tuple[str, str]:
        what = f"did not answer within {probe.limit_s:.0f} s"
        if not probe.vital:
            return what, "try again when this machine is less busy"
        return f"{what}: a driver or the sound server hangs", "unplug the device, or start the sound server anew"

    def _crashed(self, probe: Probe) -> tuple[str, str]:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(END_LIMIT_S)
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip()
        code = self._popen.returncode
        how = signal.Signals(-code).name if code is not None and code < 0 else f"code {code}"
        logger.debug("probe %s ended with %s:\n%s", probe.name, how, said)
        last_line = said.splitlines()[-1].strip()[:MAX_SAID] if said else "it said nothing"
        return f"the probe ended with {how}: {last_line}", REPORT
