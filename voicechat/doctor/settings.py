"""Reads the settings of the talk that is examined; a file that is wrong is a finding like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from voicechat.config import Config, TalkConfig, load_config
from voicechat.config_files import user_file
from voicechat.doctor.finding import Finding, Status, finding_of
from voicechat.doctor.subject import Subject
from voicechat.errors import ConfigError


def examined(
    *,
    flags: Mapping[str, object] | None = None,
    assignments: Sequence[str] = (),
    config_file: Path | None = None,
    canceller: str = "",
) -> tuple[Subject, Finding]:
    """Give what to examine, and what is to be said of its settings.

    Args:
        flags, assignments, config_file: as for `load_config`.
        canceller: as `Subject` has it.

    Raises:
        ConfigError: If it is the arguments that are wrong.
    """
    flags = flags or {}
    own = user_file()
    try:
        config = load_config(flags=flags, assignments=assignments, config_file=config_file)
    except ConfigError:
        wrong = _own_error()
        if wrong is None:
            raise
        mic, speaker = (str(flags.get(key, "")) for key in ("audio.mic", "audio.speaker"))
        finding = finding_of(wrong, "config")
        return (
            Subject(mic=mic, speaker=speaker, canceller=canceller),
            replace(finding, fix=finding.fix or f"correct it there, or move {own} away"),
        )
    where = str(own) if own.exists() else f"there is no {own} yet, and need be none"
    values: dict[str, object] = {"profile": config.profile, "file": str(own), "file_exists": own.exists()}
    return subject_of(config, canceller=canceller), Finding(
        "config", Status.OK, f"{where}; profile {config.profile}", values=values
    )


def subject_of(config: Config, *, canceller: str = "") -> Subject:
    """Give the part of a configuration that probes care for."""
    audio = config.audio
    return Subject(
        mic=audio.mic,
        speaker=audio.speaker,
        buffer_ms=audio.buffer_ms,
        parts={field.name: getattr(config.talk, field.name) for field in fields(TalkConfig)},
        noise_floor_dbfs=audio.noise_floor_dbfs,
        echo_delay_ms=audio.echo_delay_ms,
        canceller=canceller,
    )


def _own_error() -> ConfigError | None:
    """Give what is wrong with the user's file and environment, None if they can be used."""
    try:
        load_config()
    except ConfigError as error:
        return error
    return None
