"""The process around the probes: whatever one does, it costs one finding, and the next one runs."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import pytest

from voicechat.doctor.examination import Begun, examine
from voicechat.doctor.finding import Finding, Status, can_talk
from voicechat.doctor.plan import PROBES, Probe
from voicechat.doctor.probing_process import named_function
from voicechat.doctor.subject import Subject

SUBJECT = Subject(mic="USB")


def probe(name: str, *, limit_s: float = 20.0, **changes) -> Probe:
    return Probe(name, f"trying {name}", f"tests.doctor.probes:{name}", limit_s, **changes)


def found(*probes: Probe, sound: bool = True) -> dict[str, Finding]:
    steps = examine(SUBJECT, probes, sound=sound)
    return {step.name: step for step in steps if isinstance(step, Finding)}


def test_probes_run_in_one_other_process_and_know_what_they_examine():
    first, second = (step for step in examine(SUBJECT, [probe("fine"), probe("fine")]) if isinstance(step, Finding))

    assert first == second
    assert first.detail == "mic 'USB'"
    assert first.values["process"] != os.getpid()


def test_each_is_announced_before_it_runs():
    steps = list(examine(SUBJECT, [probe("fine")]))

    assert isinstance(steps[0], Begun)
    assert steps[0].probe.title == "trying fine"


def test_an_error_of_ours_becomes_a_finding_with_what_to_do():
    steps = examine(SUBJECT, [probe("failing", more=("rest",)), probe("fine")])
    findings = [(step.name, step.status, step.fix) for step in steps if isinstance(step, Finding)]

    assert findings == [
        ("failing", Status.OK, ""),
        ("failing", Status.FAIL, "mend it"),
        ("rest", Status.SKIPPED, ""),  # it never got there
        ("fine", Status.OK, ""),
    ]


def test_a_bug_costs_one_finding_that_names_it_and_the_next_probe_runs():
    findings = found(probe("buggy", more=("other",)), probe("fine"))

    assert findings["buggy"].status is Status.WARN
    assert "code 1: ZeroDivisionError" in findings["buggy"].detail
    assert "report" in findings["buggy"].fix
    assert findings["other"].status is Status.SKIPPED
    assert findings["fine"].status is Status.OK


@pytest.mark.skipif(os.name == "nt", reason="Windows ends it by a code")
def test_a_library_that_ends_the_process_costs_one_finding_that_names_the_signal():
    findings = found(probe("crashing", vital=True), probe("fine"))

    assert findings["crashing"].status is Status.FAIL
    assert "SIGABRT" in findings["crashing"].detail
    assert findings["fine"].status is Status.OK


def test_a_probe_that_hangs_is_ended_and_the_next_one_runs():
    started_at = time.monotonic()
    findings = found(probe("hanging", limit_s=0.3, more=("rest",), vital=True), probe("fine"))

    assert time.monotonic() - started_at < 15
    assert findings["hanging"].detail == "so far"  # what it had found stays
    assert findings["rest"].status is Status.FAIL
    assert "did not answer within 0 s" in findings["rest"].detail
    assert findings["fine"].status is Status.OK


def test_what_a_library_prints_is_no_answer():
    assert found(probe("talkative"))["talkative"].detail == "said it"


def test_what_needs_a_finding_that_failed_or_was_skipped_is_skipped():
    findings = found(
        probe("failing"),
        probe("talkative", needs=("failing",), more=("besides",)),
        probe("fine", needs=("besides",)),
    )

    assert (findings["talkative"].status, findings["talkative"].detail) == (Status.SKIPPED, "needs: failing")
    assert findings["besides"].status is findings["fine"].status is Status.SKIPPED


def test_without_sound_nothing_that_plays_or_records_is_begun():
    steps = list(examine(SUBJECT, [probe("fine", sound=True)], sound=False))

    assert [type(step) for step in steps] == [Finding]
    assert "--no-sound" in steps[0].detail  # type: ignore[union-attr]


def test_closing_it_halfway_ends_its_process():
    steps = examine(SUBJECT, [probe("fine"), probe("hanging")])
    process = next(step for step in steps if isinstance(step, Finding)).values["process"]
    steps.close()

    gone = False
    with suppress(ProcessLookupError):
        os.kill(int(str(process)), 0)
        gone = os.name == "nt"  # where the number may be taken again
    assert gone or not os.path.exists(f"/proc/{process}")


def test_a_finding_that_failed_is_what_keeps_from_talking():
    assert can_talk([Finding("a", Status.OK, ""), Finding("b", Status.WARN, ""), Finding("c", Status.SKIPPED, "")])
    assert not can_talk([Finding("a", Status.OK, ""), Finding("b", Status.FAIL, "")])


def test_every_probe_can_be_imported_and_needs_only_what_comes_before_it():
    before: set[str] = set()
    for one in PROBES:
        assert callable(named_function(one.function))
        assert set(one.needs) <= before
        before |= {one.name, *one.more}
