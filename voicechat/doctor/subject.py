"""What is examined: the settings of a talk, as far as probes care. Goes to another process, so it is plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Subject:
    """One set of settings."""

    mic: str = ""  # as in the configuration: part of a name, or an index; "" for the system's default
    speaker: str = ""
    buffer_ms: int = 100  # of the devices
    parts: Mapping[str, str] = field(default_factory=dict)  # backend by kind: {"engine": "cascade", "asr": ...}
    noise_floor_dbfs: float = 0.0  # as `voicechat setup` measured it; 0 if it did not
    echo_delay_ms: float = 0.0  # likewise
    canceller: str = ""  # "module:function" that is given the echo to cancel (`echo_left.Cancel`); "" for none
