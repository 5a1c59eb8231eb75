"""What there is to talk with: engines, profiles and backends, and what each still needs before it can be used.

Imports the files of all of them, which loads no model; knows no configuration but the profiles that ship.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from voicechat import registry
from voicechat.config_files import profile_names, profile_path, read_toml
from voicechat.errors import VoiceChatError


@dataclass(frozen=True)
class Entry:
    """One thing to choose."""

    kind: str  # "profile", or one of registry.KINDS
    name: str
    needs: str  # the command that installs what is missing, or what is wrong with it; "" if it can be used now
    description: str


def catalog() -> list[Entry]:
    """List all there is: engines, profiles, then the backends of each kind."""
    backends = {(kind, name): _backend(kind, name) for kind in registry.KINDS for name in registry.backend_names(kind)}
    needs = {key: entry.needs for key, entry in backends.items()}
    return [
        *(entry for entry in backends.values() if entry.kind == "engine"),
        *(_profile(name, needs) for name in profile_names()),
        *(entry for entry in backends.values() if entry.kind != "engine"),
    ]


def _backend(kind: str, name: str) -> Entry:
    try:
        needs = _install(registry.missing_extra(kind, name)) or _pull(registry.weights(kind, name))
        return Entry(kind, name, needs, registry.backend_description(kind, name))
    except VoiceChatError as error:
        return Entry(kind, name, str(error), "")


def _profile(name: str, needs: dict[tuple[str, str], str]) -> Entry:
    path = profile_path(name, origin="catalog")
    parts = read_toml(path).get("talk", {})
    missing = [needs.get((kind, part), "") for kind, part in parts.items() if kind in registry.KINDS]
    return Entry("profile", name, next(filter(None, missing), ""), next(_comments(path.read_text("utf-8")), ""))


def _comments(text: str) -> Iterator[str]:
    return (line.lstrip("# ").rstrip(". ") for line in text.splitlines() if line.startswith("# "))


def _install(extra: str | None) -> str:
    return f"pip install 'voicechat[{extra}]'" if extra else ""


def _pull(model: str | None) -> str:
    if model is None:
        return ""
    from voicechat.models import hub
    from voicechat.models.published import MODELS

    here = hub.find(MODELS[model], hub.models_folder()).whole
    return "" if here else f"voicechat models pull {model}"
