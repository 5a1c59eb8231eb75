"""The configuration: every key, its value, and where the value came from.

Highest first: command-line flag, `--set`, `VOICECHAT_*` environment, `--config` file, the user's file, profile,
`default.toml`. Knows keys and layers; of a backend it knows nothing but the names and defaults of its options.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from voicechat import registry
from voicechat.config_files import config_path, profile_path, read_toml, user_file
from voicechat.errors import ConfigError
from voicechat.patience import FIXED_S, PATIENCE, Patience, fixed, named
from voicechat.values import Value, did_you_mean, parsed, shown, typed, unknown

_Number = TypeVar("_Number", int, float)
_Table = TypeVar("_Table")


def _within(default: _Number, low: _Number, high: _Number) -> _Number:
    """Declare a field with the range, both ends included, that its value must be in; the default may lie outside."""
    number: _Number = field(default=default, metadata={"low": low, "high": high})
    return number


@dataclass(frozen=True)
class TalkConfig:
    """Who answers: an engine, and the parts that a cascade is made of."""

    engine: str = "cascade"
    vad: str = "webrtc"
    turn_detector: str = "rules"
    asr: str = "pocketsphinx"
    llm: str = "skills"
    tts: str = "espeak"


@dataclass(frozen=True)
class AudioConfig:
    """The devices of a live talk."""

    mic: str = ""  # part of its name, or its index; "" for the system's default
    speaker: str = ""
    buffer_ms: int = _within(100, 10, 1000)  # of the device itself
    wait: bool = True  # for a device that went away
    aec: bool = True  # cancel the echo of the speaker in the microphone
    headphones: bool = False  # the microphone does not hear the speaker
    half_duplex: bool = False  # do not listen while a reply is spoken
    noise_floor_dbfs: float = _within(0.0, -120.0, 0.0)  # as `voicechat setup` measured it; 0 if it did not
    echo_delay_ms: float = _within(0.0, 0.0, 2000.0)  # likewise


@dataclass(frozen=True)
class TurnConfig:
    """Where a turn begins and ends."""

    patience: str = "normal"  # what `patience.named` knows
    end_silence_ms: int = _within(0, 100, 10_000)  # 0 leaves it to patience
    min_speech_ms: int = _within(200, 20, 5000)
    max_turn_s: float = _within(30.0, 1.0, 300.0)
    pre_roll_ms: int = _within(300, 0, 2000)
    push_to_talk: bool = False


@dataclass(frozen=True)
class UiConfig:
    """What is shown."""

    meter: bool = True
    keys: bool = True
    hold: bool = True  # the talk key is held, where the terminal can tell when it is let go


_TABLES: dict[str, type] = {"talk": TalkConfig, "audio": AudioConfig, "turn": TurnConfig, "ui": UiConfig}

# Variables that configure voicechat itself and are no key.
ENVIRONMENT = {"VOICECHAT_HOME": "the folder of your config.toml"}


@dataclass(frozen=True)
class Setting:
    """A value and where it came from: "default", "profile offline", a file, a variable or a flag."""

    value: Value
    origin: str


@dataclass(frozen=True)
class Config:
    """A whole configuration.

    Attributes:
        settings: every key, dotted ("vad.webrtc.aggressiveness"), in the order of `default.toml`.
    """

    profile: str
    talk: TalkConfig
    audio: AudioConfig
    turn: TurnConfig
    ui: UiConfig
    settings: Mapping[str, Setting]

    def options(self, kind: str, name: str) -> dict[str, object]:
        """Give what is set for a backend, by the names of its options: `options("vad", "webrtc")`."""
        prefix = f"{kind}.{name}."
        return {key.removeprefix(prefix): s.value for key, s in self.settings.items() if key.startswith(prefix)}

    @property
    def patience(self) -> Patience:
        """How long a pause is waited for: a silence in milliseconds wins, unless patience was asked for just now."""
        if self.turn.end_silence_ms and not self.origin("turn.patience").startswith("--"):
            return fixed(self.turn.end_silence_ms)
        found = named(self.turn.patience)
        assert found is not None  # load_config has checked it
        return found

    def origin(self, key: str) -> str:
        """Give where the value of `key` came from."""
        return self.settings[key].origin


def load_config(
    *,
    flags: Mapping[str, object] | None = None,
    assignments: Sequence[str] = (),
    config_file: Path | None = None,
    env: Mapping[str, str] = os.environ,
) -> Config:
    """Read all the layers and check every value.

    Args:
        flags: value by dotted key, text for any type; "tts.voice" is the option `voice` of whichever tts is chosen.
        assignments: what was given with `--set`, each "KEY=VALUE".
        config_file: the file given with `--config`; unlike the user's own it must exist.

    Raises:
        ConfigError: If a file cannot be read or is not TOML, a key or name does not exist, or a value cannot be.
    """
    keys = _Keys()
    flags = flags or {}
    own = user_file(env)
    layers = [  # lowest first
        _file_layer(keys, read_toml(own, missing_ok=True), str(own)),
        _file_layer(keys, read_toml(config_file), str(config_file)) if config_file else {},
        _environment_layer(keys, env),
        _assignment_layer(keys, assignments),
        {key: keys.setting_from(value, key, _flag(key, value)) for key, value in flags.items() if not _of_part(key)},
    ]
    profile = _merged([keys.layer(), *layers])["profile"]
    path = profile_path(str(profile.value), origin=profile.origin)
    profile_layer = _file_layer(keys, read_toml(path), f"profile {path.stem}")
    settings = _merged([keys.layer(), profile_layer, *layers])
    _check_names(settings)

    for key, value in flags.items():
        if _of_part(key):
            kind, _, option = key.partition(".")
            part_key = f"{kind}.{settings[f'talk.{kind}'].value}.{option}"
            settings[part_key] = keys.setting_from(value, part_key, _flag(key, value))
    settings = _merged([keys.layer(), settings])  # in order, with the options that only now were learnt
    tables: dict[str, Any] = {table: _table(cls, table, settings) for table, cls in _TABLES.items()}
    return Config(profile=path.stem, **tables, settings=MappingProxyType(settings))


_Layer = dict[str, Setting]


class _Keys:
    """The keys that exist, with their defaults; those of a backend that `default.toml` leaves out are asked of it."""

    def __init__(self) -> None:
        self._defaults: dict[str, Value] = {}
        for key, value in _leaves(read_toml(config_path("default.toml"))):
            assert isinstance(value, str | int | float | bool), key
            self._defaults[key] = value

    def layer(self) -> _Layer:
        """Give the lowest layer."""
        return {key: Setting(value, "default") for key, value in self._defaults.items()}

    def setting(self, value: object, key: str, origin: str) -> Setting:
        """Check a value that has a type of its own."""
        if key == "turn.patience" and isinstance(value, int | float) and not isinstance(value, bool):
            value = f"{value:g}"  # seconds
        checked = typed(value, self._type(key, origin), key=key, origin=origin)
        _check_range(key, checked, origin)
        return Setting(checked, origin)

    def setting_from(self, value: object, key: str, origin: str) -> Setting:
        """Check a value that may be the text of one."""
        if isinstance(value, str):
            value = parsed(value, self._type(key, origin), key=key, origin=origin)
        return self.setting(value, key, origin)

    def of_variables(self, names: Sequence[str]) -> dict[str, str]:
        """Give the key that each environment variable sets, for those that set one."""
        for kind in registry.KINDS:
            for backend in registry.backend_names(kind):
                if any(name.startswith(_variable(f"{kind}.{backend}.")) for name in names):
                    self._learn(kind, backend)
        keys = {_variable(key): key for key in self._defaults}
        return {name: keys[name] for name in names if name in keys}

    def variables(self) -> list[str]:
        """List the environment variables that set a key."""
        return [_variable(key) for key in self._defaults]

    def is_table(self, key: str) -> bool:
        """Whether `key` is not a key but a table of them, possibly an empty one."""
        kind, _, backend = key.partition(".")
        is_backend = kind in registry.KINDS and backend in registry.backend_names(kind)
        return is_backend or bool(self._below(key.split(".")))

    def _type(self, key: str, origin: str) -> type:
        kind, _, rest = key.partition(".")
        backend, _, option = rest.partition(".")
        if key not in self._defaults and kind in registry.KINDS and option:
            if backend not in registry.backend_names(kind):
                raise _from(origin, unknown(kind, backend, registry.backend_names(kind)))
            self._learn(kind, backend)
        if key not in self._defaults:
            raise self._no_such_key(key, origin)
        return type(self._defaults[key])

    def _learn(self, kind: str, backend: str) -> None:
        prefix = f"{kind}.{backend}."
        if any(key.startswith(prefix) for key in self._defaults):
            return
        for option, default in registry.backend_defaults(kind, backend).items():
            assert isinstance(default, str | int | float | bool), f"{prefix}{option}"
            self._defaults[f"{prefix}{option}"] = default

    def _no_such_key(self, key: str, origin: str) -> ConfigError:
        path = key.split(".")
        if self.is_table(key):
            return _from(origin, ConfigError(f"{key} is a table; it has: {', '.join(self._below(path))}"))
        depth = 0
        while depth < len(path) - 1 and self._below(path[: depth + 1]):
            depth += 1
        names = self._below(path[:depth])
        if path[depth] in names and depth < len(path) - 1:  # a backend without options
            depth, names = depth + 1, []
        table = f"[{'.'.join(path[:depth])}] has" if depth else "there are"
        guess = did_you_mean(path[depth], names)
        return _from(origin, ConfigError(f"there is no key {shown(key)}{guess}; {table}: {', '.join(names) or 'none'}"))

    def _below(self, path: Sequence[str]) -> list[str]:
        """List the keys and tables right below a table."""
        prefix = "".join(f"{part}." for part in path)
        names = [key.removeprefix(prefix).partition(".")[0] for key in self._defaults if key.startswith(prefix)]
        if not path:
            names += registry.KINDS
        elif len(path) == 1 and path[0] in registry.KINDS:
            names += registry.backend_names(path[0])
        return list(dict.fromkeys(names))


def _file_layer(keys: _Keys, tree: Mapping[str, Any], origin: str) -> _Layer:
    leaves = ((key, value) for key, value in _leaves(tree) if value != {} or not keys.is_table(key))
    return {key: keys.setting(value, key, origin) for key, value in leaves}


def _environment_layer(keys: _Keys, env: Mapping[str, str]) -> _Layer:
    ours = [name for name in env if name.startswith("VOICECHAT_") and name not in ENVIRONMENT]
    found = keys.of_variables(ours)
    for name in ours:
        if name not in found:
            guess = did_you_mean(name, [*ENVIRONMENT, *keys.variables()])
            raise ConfigError(f"no key is set by the environment variable {name}{guess}; see `voicechat config show`")
    return {key: keys.setting_from(env[name], key, name) for name, key in found.items()}


def _assignment_layer(keys: _Keys, assignments: Sequence[str]) -> _Layer:
    layer = {}
    for assignment in assignments:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals:
            raise ConfigError(f"--set takes KEY=VALUE, not {shown(assignment)}")
        layer[key] = keys.setting_from(text, key, f"--set {key}")
    return layer


def _merged(layers: Sequence[_Layer]) -> _Layer:
    """Put each layer over the ones before it; the order of the keys is that of the first."""
    merged: _Layer = {}
    for layer in layers:
        merged |= layer
    return merged


def _check_names(settings: _Layer) -> None:
    """Refuse an engine or a part that does not exist, before anything is opened or loaded."""
    for kind in registry.KINDS:
        setting, names = settings[f"talk.{kind}"], registry.backend_names(kind)
        if setting.value not in names:
            raise _from(setting.origin, unknown(kind, str(setting.value), names))


def _check_range(key: str, value: Value, origin: str) -> None:
    if key == "turn.patience" and named(str(value)) is None:
        names, (low, high) = ", ".join(PATIENCE), FIXED_S
        raise _from(origin, ConfigError(f"{key} must be {names} or {low:g} to {high:g} seconds, not {shown(value)}"))
    table, _, name = key.partition(".")
    for declared in fields(_TABLES[table]) if table in _TABLES else ():
        if declared.name == name and declared.metadata:
            low, high = declared.metadata["low"], declared.metadata["high"]
            if value != declared.default and not low <= value <= high:
                raise _from(origin, ConfigError(f"{key} must be from {low} to {high}, not {shown(value)}"))


def _table(cls: type[_Table], table: str, settings: _Layer) -> _Table:
    prefix = f"{table}."
    return cls(**{key.removeprefix(prefix): s.value for key, s in settings.items() if key.startswith(prefix)})


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the values of a TOML tree by dotted key; an empty table is one, so that its name is checked too."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _of_part(key: str) -> bool:
    """Whether a flag's key means an option of the chosen part: "tts.voice"."""
    kind, _, option = key.partition(".")
    return kind in registry.KINDS and "." not in option


def _flag(key: str, value: object) -> str:
    name = key.rpartition(".")[2].replace("_", "-")
    return f"--no-{name}" if value is False else f"--{name}"


def _variable(key: str) -> str:
    return "VOICECHAT_" + key.upper().replace(".", "_").replace("-", "_")


def _from(origin: str, error: ConfigError) -> ConfigError:
    return ConfigError(f"{error} (from {origin})")
