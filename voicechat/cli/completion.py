"""What the shell offers for a value: names from the registry and the shipped files, nothing heavy imported."""

from __future__ import annotations

from collections.abc import Callable

from voicechat.errors import ConfigError


def profiles(incomplete: str) -> list[str]:
    from voicechat.config_files import profile_names

    return [name for name in profile_names() if name.startswith(incomplete)]


def engines(incomplete: str) -> list[str]:
    from voicechat.registry import engine_names

    return [name for name in engine_names() if name.startswith(incomplete)]


def backends(kind: str) -> Callable[[str], list[str]]:
    """Give the completer for the backends of a kind."""

    def complete(incomplete: str) -> list[str]:
        from voicechat.registry import backend_names

        return [name for name in backend_names(kind) if name.startswith(incomplete)]

    return complete


def assignments(incomplete: str) -> list[str]:
    """Offer every key, with its value as it is now."""
    from voicechat.config import load_config
    from voicechat.values import as_text

    try:
        settings = load_config().settings
    except ConfigError:  # of the user's file; the command itself will say so
        return []
    offers = (f"{key}={as_text(setting.value)}" for key, setting in settings.items())
    return [offer for offer in offers if offer.startswith(incomplete)]
