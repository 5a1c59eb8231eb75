"""Where the configuration files are, what is said of broken ones, and how one key is remembered."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voicechat.config import load_config
from voicechat.config_files import (
    config_path,
    profile_names,
    profile_path,
    read_toml,
    remember,
    user_file,
    write_user_file,
)
from voicechat.errors import ConfigError

ROOT = Path(__file__).parent.parent

# Files as people write them; each must survive having a key remembered.
USER_FILES = {
    "empty": "",
    "comment only": "# mine\n",
    "no newline at the end": "[turn]\nend_silence_ms = 700",
    "the table": "# top\n[audio] # mine\nspeaker = 'HDMI'  # loud\n\n# below\n[turn]\nend_silence_ms = 700 # patient\n",
    "the key": "[audio]\nmic = 'Old' # the good one\n",
    "dotted key": "audio.mic = 'Old' # here\nui.meter = false\n",
    "other dotted key": "audio.speaker = 'HDMI'\n[ui]\nmeter = true\n",
    "inline table": "audio = { speaker = 'HDMI' } # small\n",
    "windows": "# top\r\n[audio]\r\nspeaker = 'HDMI'\r\n",
    "commented-out key": "[audio]\n# mic = ''\n\n[turn]\n# end_silence_ms = 500\n",
}


# Where they are -----------------------------------------------------------------------------------


def test_the_data_is_found_in_a_checkout_and_in_a_wheel(tmp_path):
    checkout = tmp_path / "checkout"
    (checkout / "voicechat").mkdir(parents=True)
    (checkout / "config").mkdir()
    (checkout / "config" / "default.toml").touch()
    wheel = tmp_path / "site-packages"
    (wheel / "voicechat" / "config_data").mkdir(parents=True)
    (wheel / "voicechat" / "config_data" / "default.toml").touch()
    (wheel / "config").mkdir()  # some other package's
    (wheel / "config" / "default.toml").touch()

    assert config_path("default.toml", package=checkout / "voicechat") == checkout / "config" / "default.toml"
    assert config_path("default.toml", package=wheel / "voicechat").parent.name == "config_data"


def test_data_that_is_missing_is_said_to_be(tmp_path):
    with pytest.raises(ConfigError, match=r"default\.toml is missing from the installation"):
        config_path("default.toml", package=tmp_path)


@pytest.mark.slow
def test_an_installed_wheel_carries_its_configuration(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")

    code = "from voicechat.config import load_config as l; import voicechat; print(voicechat.__file__, l().profile)"
    env = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, check=True, capture_output=True, text=True
    )

    assert str(tmp_path / "site") in printed.stdout
    assert printed.stdout.split()[-1] == "offline"


def test_the_users_file_follows_voicechat_home_and_else_the_platform(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert user_file({"VOICECHAT_HOME": "/somewhere"}) == Path("/somewhere/config.toml").absolute()
    assert user_file({"VOICECHAT_HOME": "here"}) == tmp_path / "here" / "config.toml"
    assert user_file({}).parent.name == "voicechat"
    assert user_file({"VOICECHAT_HOME": ""}) == user_file({})


def test_an_unknown_profile_lists_the_known_ones():
    assert "offline" in profile_names()
    with pytest.raises(ConfigError, match=r"no profile is called '\.\./default'; .*offline.* \(from --profile\)"):
        profile_path("../default", origin="--profile")


# Broken files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"a = 1\nb = \n", 2, "not valid TOML: "),
        (b"a = 1\n\n[turn\n", 3, "not valid TOML: expected ']' at the end of a table declaration"),
        (b"a = 1\na = 2\n", 2, "not valid TOML: cannot overwrite a value"),
        (b"a = '''\nnever\nclosed", 3, "not valid TOML: "),
        (b"a = 1\nb = '\xff'\n", 2, "not UTF-8 text"),
        (b"\x00\x01\x02", 1, "not valid TOML: "),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path, data, line, reason):
    path = tmp_path / "c.toml"
    path.write_bytes(data)

    with pytest.raises(ConfigError) as caught:
        read_toml(path)

    assert str(caught.value).startswith(f"{path}:{line}: {reason}")


def test_what_is_no_file_is_refused_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*: Is a directory"):
        read_toml(tmp_path)
    with pytest.raises(ConfigError, match="there is no file"):
        read_toml(tmp_path / "missing")
    assert read_toml(tmp_path / "missing", missing_ok=True) == {}


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="has no endless file")
def test_an_endless_file_is_not_read_to_its_end():
    with pytest.raises(ConfigError, match="is larger than"):
        read_toml(Path("/dev/zero"))


def test_a_bomb_of_nesting_is_refused(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("a = " + "[" * 100_000)

    with pytest.raises(ConfigError):
        read_toml(path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path, data):
    path = tmp_path / "c.toml"
    path.write_bytes(data)

    with contextlib.suppress(ConfigError):
        read_toml(path)


# Remembering --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", USER_FILES.values(), ids=USER_FILES)
def test_remembering_sets_the_key_and_changes_nothing_else(tmp_path, before):
    path = tmp_path / "config.toml"
    path.write_bytes(before.encode())

    remember("audio.mic", 'USB "Mic" [µ]', path)

    after = path.read_bytes().decode()
    expected = tomllib.loads(before)
    expected.setdefault("audio", {})["mic"] = 'USB "Mic" [µ]'
    assert tomllib.loads(after) == expected
    kept = [line for line in before.splitlines() if "mic =" not in line and not line.startswith("audio =")]
    assert [line for line in after.splitlines() if line in kept] == kept  # with their comments, in their order
    assert [c for c in before.split("#")[1:] if c.split("\n")[0].strip() not in after] == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["audio.mic", "audio.speaker"]), st.text(st.characters(exclude_categories=["Cs"]))),
        min_size=1,
        max_size=4,
    )
)
def test_the_last_of_what_was_remembered_is_what_is_read(tmp_path, pairs):
    path = tmp_path / "config.toml"
    path.unlink(missing_ok=True)

    for key, value in pairs:
        remember(key, value, path)

    assert read_toml(path) == {"audio": {key.partition(".")[2]: value for key, value in pairs}}


def test_remembering_creates_the_users_file_and_the_configuration_reads_it(voicechat_home):
    remember("audio.mic", "USB Mic")

    config = load_config()
    assert config.audio.mic == "USB Mic"
    assert config.origin("audio.mic") == str(voicechat_home / "config.toml")


def test_remembering_leaves_a_file_that_is_not_toml_alone(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[audio\n")

    with pytest.raises(ConfigError, match=r"config\.toml:1: not valid TOML"):
        remember("audio.mic", "x", path)

    assert path.read_text() == "[audio\n"


@pytest.mark.parametrize("text", ["audio = 3\n", "[[audio]]\nmic = 'a'\n"])
def test_remembering_below_what_is_no_table_is_refused_and_changes_nothing(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"cannot set audio\.mic"):
        remember("audio.mic", "x", path)

    assert path.read_text() == text


def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text("[audio]\n")

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConfigError, match=r"cannot write .*config\.toml: No space left on device"):
        remember("audio.mic", "x", path)

    assert path.read_text() == "[audio]\n"
    assert os.listdir(tmp_path) == ["config.toml"]


@pytest.mark.skipif(os.name == "nt", reason="links and modes are POSIX")
def test_a_linked_file_stays_a_link_and_keeps_its_rights(tmp_path):
    real = tmp_path / "dotfiles.toml"
    real.touch()
    real.chmod(0o640)
    path = tmp_path / "config.toml"
    path.symlink_to(real)

    remember("audio.mic", "x", path)

    assert path.is_symlink()
    assert read_toml(real) == {"audio": {"mic": "x"}}
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


# The file to begin with ---------------------------------------------------------------------------


def test_the_file_to_begin_with_changes_nothing_and_uncommented_is_the_default(tmp_path):
    path = tmp_path / "new" / "config.toml"

    write_user_file(path)

    text = path.read_text(encoding="utf-8")
    assert load_config(config_file=path).settings == load_config().settings
    lines = [
        line[2:] if " = " in line and line.startswith("# ") and "#" in line[2:] else line for line in text.splitlines()
    ]
    assert tomllib.loads("\n".join(lines)) == read_toml(config_path("default.toml"))


def test_an_existing_file_is_overwritten_only_when_asked(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("mine")

    with pytest.raises(ConfigError, match=r"exists; --force overwrites it"):
        write_user_file(path)
    assert path.read_text() == "mine"

    write_user_file(path, overwrite=True)
    assert "[turn]" in path.read_text()


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "blocked").touch()

    with pytest.raises(ConfigError, match=r"cannot write .*blocked.config\.toml"):
        write_user_file(tmp_path / "blocked" / "config.toml")
