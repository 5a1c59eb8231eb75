"""`voicechat config`: what is shown of the settings, and the file to begin with."""

from __future__ import annotations

import json
import tomllib

from voicechat.cli import run
from voicechat.config import load_config


def test_show_prints_every_key_with_its_value_and_origin(capsys, monkeypatch):
    monkeypatch.setenv("VOICECHAT_AUDIO_MIC", "USB")

    assert run(["config", "show", "--set", "turn.end_silence_ms=900"]) == 0

    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["KEY", "VALUE", "ORIGIN"]
    assert [line[0] for line in lines[1:]] == list(load_config().settings)
    assert ["audio.mic", '"USB"', "VOICECHAT_AUDIO_MIC"] in lines
    assert ["turn.end_silence_ms", "900", "--set turn.end_silence_ms"] in lines
    assert ["audio.wait", "true", "default"] in lines


def test_show_as_json_is_what_the_configuration_is(capsys):
    assert run(["config", "show", "--json", "--profile", "offline"]) == 0

    shown = {row["key"]: (row["value"], row["origin"]) for row in json.loads(capsys.readouterr().out)}
    config = load_config(flags={"profile": "offline"})
    assert shown == {key: (setting.value, setting.origin) for key, setting in config.settings.items()}


def test_show_says_what_is_wrong_with_the_file_and_is_2(capsys, voicechat_home):
    voicechat_home.mkdir()
    (voicechat_home / "config.toml").write_text("[turn\n")

    assert run(["config", "show"]) == 2

    assert "config.toml:1: not valid TOML" in capsys.readouterr().err


def test_path_names_the_users_file_also_before_it_exists(capsys, voicechat_home):
    assert run(["config", "path"]) == 0

    assert capsys.readouterr().out == f"{voicechat_home / 'config.toml'}\n"


def test_init_writes_the_users_file_once(capsys, voicechat_home):
    before = load_config()

    assert run(["config", "init"]) == 0
    assert capsys.readouterr().out == f"{voicechat_home / 'config.toml'}\n"
    assert load_config() == before

    (voicechat_home / "config.toml").write_text("[ui]\nmeter = false\n")
    assert run(["config", "init"]) == 2
    assert "--force overwrites it" in capsys.readouterr().err
    assert load_config().ui.meter is False

    assert run(["config", "init", "--force"]) == 0
    assert tomllib.loads((voicechat_home / "config.toml").read_text())["ui"] == {}


def test_config_alone_prints_its_help(capsys):
    assert run(["config"]) == 0

    assert "config path" in capsys.readouterr().out.replace("path  ", "config path")
