"""What a probe gives: one finding per thing it looked at. Knows neither probes nor how findings are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from voicechat.errors import VoiceChatError


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"  # a talk is possible, but not as good as it could be
    FAIL = "fail"  # no live talk before this is mended
    SKIPPED = "skipped"  # not tried, or not there and not needed; the detail says why


@dataclass(frozen=True)
class Finding:
    """What was found out about one thing."""

    name: str  # of the thing: "microphone"; docs/doctor.md lists them
    status: Status
    detail: str  # what was found; may hold names from drivers: untrusted text
    fix: str = ""  # what to do about it; "" where nothing need be done
    values: Mapping[str, object] = field(default_factory=dict)  # measured, by name and unit: "delay_ms"; for JSON


def finding_of(error: VoiceChatError, name: str, status: Status = Status.FAIL) -> Finding:
    """Give an error as a finding: what stands behind its first semicolon says what to do."""
    what, _, fix = str(error).partition("; ")
    return Finding(name, status, what, fix)


def can_talk(findings: Iterable[Finding]) -> bool:
    """Whether nothing stands in the way of a live talk."""
    return all(finding.status is not Status.FAIL for finding in findings)
