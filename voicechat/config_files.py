"""The configuration files: where they are, how they are read, and how one key of the user's is rewritten.

Knows paths and TOML, not which keys there are. The data that ships with voicechat (`default.toml`, `profiles/`) lies
in `config/` of a checkout and in `voicechat/config_data/` of an installed wheel.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.errors import ConfigError
from voicechat.values import Value, unknown

_PACKAGE = Path(__file__).parent
_MAX_BYTES = 1 << 20  # no configuration is larger; a device or a wrong file may be endless


def config_path(name: str, *, package: Path = _PACKAGE) -> Path:
    """Find a file or folder of the configuration that ships with voicechat.

    Args:
        package: where the package `voicechat` lies.

    Raises:
        ConfigError: If it is missing, which means that the installation is damaged.
    """
    for folder in (package / "config_data", package.parent / "config"):
        if (folder / name).exists():
            return folder / name
    raise ConfigError(f"{name} is missing from the installation in {package}; install voicechat again")


def profile_names() -> list[str]:
    """List the profiles."""
    return sorted(path.stem for path in config_path("profiles").glob("*.toml"))


def profile_path(name: str, *, origin: str) -> Path:
    """Find a profile's file.

    Args:
        origin: where the name came from, for the message.

    Raises:
        ConfigError: If there is no such profile.
    """
    names = profile_names()
    if name not in names:
        raise ConfigError(f"{unknown('profile', name, names)} (from {origin})")
    return config_path("profiles") / f"{name}.toml"


def user_file(env: Mapping[str, str] = os.environ) -> Path:
    """Give where the user's own file is, whether or not it exists; VOICECHAT_HOME moves its folder."""
    if home := env.get("VOICECHAT_HOME"):
        return Path(home).expanduser().absolute() / "config.toml"
    import platformdirs

    return platformdirs.user_config_path("voicechat", appauthor=False) / "config.toml"


def read_toml(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        missing_ok: whether a file that does not exist counts as empty.

    Raises:
        ConfigError: If it cannot be read or is not TOML; the message has the line.
    """
    return _toml(_read(path, missing_ok=missing_ok), path)


def write_user_file(path: Path, *, overwrite: bool = False) -> None:
    """Write a file for the user to change: every key, commented out, with its default and what it does.

    Raises:
        ConfigError: If the file exists and may not be overwritten, or cannot be written.
    """
    if os.path.lexists(path) and not overwrite:
        raise ConfigError(f"{path} exists; --force overwrites it")
    lines = config_path("default.toml").read_text(encoding="utf-8").splitlines()
    _replace(path, "".join(_commented_out(line) + "\n" for line in lines))


def remember(key: str, value: Value, path: Path | None = None) -> None:
    """Write one key into the user's file: `remember_all` of one."""
    remember_all({key: value}, path)


def remember_all(values: Mapping[str, Value], path: Path | None = None) -> None:
    """Write keys into the user's file, all of them or none; comments, order and all other keys stay.

    Args:
        values: by dotted key: {"audio.mic": "USB Headset, ALSA"}.
        path: the file, None for the user's.

    Raises:
        ConfigError: If the file is not TOML, or cannot be written.
    """
    import tomlkit
    import tomlkit.exceptions

    path = user_file() if path is None else path
    text = _read(path, missing_ok=True)
    _toml(text, path)
    key = ""
    try:
        document = tomlkit.parse(text)
        for key, value in values.items():
            *tables, name = key.split(".")
            table: Any = document
            for part in tables:
                table = table.setdefault(part, tomlkit.table())
            table[name] = value
        rewritten = tomlkit.dumps(document)
    except (tomlkit.exceptions.TOMLKitError, AttributeError, TypeError) as exc:
        raise ConfigError(f"cannot set {key} in {path}: {exc}") from exc
    _replace(path, rewritten)


def _read(path: Path, *, missing_ok: bool) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ConfigError(f"{path} is larger than {_MAX_BYTES} bytes; is it a configuration file?")
        return data.decode("utf-8-sig")
    except FileNotFoundError as exc:
        if missing_ok:
            return ""
        raise ConfigError(f"there is no file {path}") from exc
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text") from exc


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        # "Invalid value (at line 3, column 5)", or "(at end of document)".
        reason, _, place = str(exc).rstrip(")").rpartition(" (at ")
        found = re.match(r"line (\d+)", place)
        line = int(found[1]) if found else text.count("\n") + 1
        raise ConfigError(f"{path}:{line}: not valid TOML: {reason[:1].lower()}{reason[1:]}") from exc
    except RecursionError as exc:
        raise ConfigError(f"{path}: not a configuration file: nested too deep") from exc


def _commented_out(line: str) -> str:
    return f"# {line}" if re.match(r"\w", line) else line


def _replace(path: Path, text: str) -> None:
    """Write through a temporary file beside it; a link (dotfiles often are) stays one, and so do the file's rights."""
    try:
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
        finally:
            Path(temporary).unlink(missing_ok=True)  # it is gone if all went well
    except OSError as exc:
        raise ConfigError(f"cannot write {path}: {exc.strerror or exc}") from exc
