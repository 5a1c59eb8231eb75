"""The layers of the configuration: what wins, where each value came from, what is refused."""

from __future__ import annotations

import dataclasses
import itertools
import tomllib
from pathlib import Path

import pytest

import voicechat.llm
from voicechat import registry
from voicechat.config import AudioConfig, TalkConfig, TurnConfig, UiConfig, load_config
from voicechat.config_files import config_path, profile_names
from voicechat.errors import ConfigError
from voicechat.patience import PATIENCE, fixed

TABLES = {"talk": TalkConfig, "audio": AudioConfig, "turn": TurnConfig, "ui": UiConfig}
DEFAULTS = tomllib.loads(config_path("default.toml").read_text(encoding="utf-8"))

PARROT = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Options:
    times: int = 1
    voice: str = ""

def load(options: Options) -> Options:
    return options
"""


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def load(home):
    """Loads a configuration from nothing but what the test gives: files as text, variables, flags."""

    def load(user="", *, config="", env=None, **kwargs):
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(user, encoding="utf-8")
        if config:
            (home / "given.toml").write_text(config, encoding="utf-8")
            kwargs["config_file"] = home / "given.toml"
        return load_config(env={"VOICECHAT_HOME": str(home)} | (env or {}), **kwargs)

    return load


@pytest.fixture
def parrot(tmp_path, monkeypatch):
    """A chat model that `default.toml` knows nothing of."""
    folder = tmp_path / "llm"
    folder.mkdir()
    (folder / "pet_parrot.py").write_text(PARROT)
    monkeypatch.setattr(voicechat.llm, "__path__", [*voicechat.llm.__path__, str(folder)])
    return "pet-parrot"


# The data that ships ------------------------------------------------------------------------------


def test_default_toml_is_the_dataclasses_and_the_options_of_every_backend():
    expected = {"profile": "offline"} | {name: dataclasses.asdict(cls()) for name, cls in TABLES.items()}
    for kind in registry.KINDS:
        options = {name: registry.backend_defaults(kind, name) for name in registry.backend_names(kind)}
        expected |= (
            {kind: {name: values for name, values in options.items() if values}} if any(options.values()) else {}
        )

    assert expected == DEFAULTS


def test_every_key_of_default_toml_has_a_comment_on_its_line():
    lines = config_path("default.toml").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line[:1].isalpha() and "  # " not in line] == []
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_that_ships_loads_and_begins_with_its_description(load, name):
    assert load(flags={"profile": name}).profile == name
    assert (config_path("profiles") / f"{name}.toml").read_text(encoding="utf-8").startswith("# ")


def test_every_key_has_a_variable_of_its_own(load):
    from voicechat.config import _variable

    variables = [_variable(key) for key in load().settings]

    assert len(set(variables)) == len(variables)


# Precedence ---------------------------------------------------------------------------------------

LAYERS = ["user", "config", "env", "assignments", "flags"]  # lowest first
MS = {"user": 1001, "config": 1002, "env": 1003, "assignments": 1004, "flags": 1005}


def _given(layers):
    forms = {
        "user": {"user": f"turn.end_silence_ms = {MS['user']}"},
        "config": {"config": f"turn.end_silence_ms = {MS['config']}"},
        "env": {"env": {"VOICECHAT_TURN_END_SILENCE_MS": str(MS["env"])}},
        "assignments": {"assignments": [f"turn.end_silence_ms={MS['assignments']}"]},
        "flags": {"flags": {"turn.end_silence_ms": MS["flags"]}},
    }
    return {name: value for layer in layers for name, value in forms[layer].items()}


@pytest.mark.parametrize(
    "layers", [chosen for n in range(6) for chosen in itertools.combinations(LAYERS, n)], ids="+".join
)
def test_the_highest_layer_that_has_a_key_wins_and_is_its_origin(load, home, layers):
    config = load(**_given(layers))

    origins = {
        "user": str(home / "config.toml"),
        "config": str(home / "given.toml"),
        "env": "VOICECHAT_TURN_END_SILENCE_MS",
        "assignments": "--set turn.end_silence_ms",
        "flags": "--end-silence-ms",
    }
    assert config.turn.end_silence_ms == (MS[layers[-1]] if layers else 0)
    assert config.origin("turn.end_silence_ms") == (origins[layers[-1]] if layers else "default")
    assert config.origin("turn.pre_roll_ms") == "default"


def test_a_profile_is_above_the_defaults_and_below_the_users_file(load):
    config = load("[talk]\nvad = 'webrtc'")

    assert config.origin("talk.asr") == "profile offline"
    assert config.origin("talk.vad").endswith("config.toml")
    assert config.origin("audio.mic") == "default"


@pytest.mark.parametrize("layers", [chosen for n in range(6) for chosen in itertools.combinations(LAYERS, n)])
def test_the_profile_itself_comes_from_the_highest_layer_that_names_one(load, layers):
    def named(layer):
        return "no-such-" + layer if layer != layers[-1] else "offline"

    forms = {
        "user": lambda name: {"user": f"profile = '{name}'"},
        "config": lambda name: {"config": f"profile = '{name}'"},
        "env": lambda name: {"env": {"VOICECHAT_PROFILE": name}},
        "assignments": lambda name: {"assignments": [f"profile={name}"]},
        "flags": lambda name: {"flags": {"profile": name}},
    }
    given = {key: value for layer in layers for key, value in forms[layer](named(layer)).items()}

    config = load(**given)

    assert config.profile == "offline"
    assert (config.origin("profile") == "default") == (not layers)


def test_without_any_file_all_is_default(tmp_path):
    config = load_config(env={"VOICECHAT_HOME": str(tmp_path / "nothing")})

    assert config.turn == TurnConfig()
    assert config.audio == AudioConfig()
    assert {s.origin for s in config.settings.values()} == {"default", "profile offline"}
    assert not (tmp_path / "nothing").exists()


def test_a_flag_that_turns_something_off_is_its_own_origin(load):
    config = load(flags={"audio.wait": False, "ui.meter": True})

    assert config.audio.wait is False
    assert config.origin("audio.wait") == "--no-wait"
    assert config.origin("ui.meter") == "--meter"


# Backends -----------------------------------------------------------------------------------------


def test_a_backend_that_default_toml_leaves_out_has_the_keys_of_its_options(load, parrot):
    config = load(
        "[llm.pet-parrot]\nvoice = 'Polly'", env={"VOICECHAT_LLM_PET_PARROT_TIMES": "3"}, flags={"talk.llm": parrot}
    )

    assert config.options("llm", parrot) == {"times": 3, "voice": "Polly"}
    assert config.origin("llm.pet-parrot.times") == "VOICECHAT_LLM_PET_PARROT_TIMES"
    assert registry.load_backend("llm", parrot, config.options("llm", parrot)).times == 3


def test_the_flag_of_a_part_means_the_part_that_was_chosen(load, parrot):
    config = load(flags={"llm.times": "4"}, assignments=[f"talk.llm={parrot}"])

    assert config.options("llm", parrot) == {"times": 4, "voice": ""}
    assert config.origin("llm.pet-parrot.times") == "--times"


def test_the_flag_of_a_part_that_has_no_such_option_is_refused(load, parrot):
    with pytest.raises(ConfigError, match=r"no key 'llm.pet-parrot.speed'.*times, voice \(from --speed\)"):
        load(flags={"talk.llm": parrot, "llm.speed": "1"})


def test_the_flag_of_the_engine_means_the_engine_that_was_chosen(load):
    config = load(flags={"profile": "mini-omni", "engine.show_my_words": True})

    assert config.options("engine", "mini-omni")["show_my_words"] is True
    assert config.origin("engine.mini-omni.show_my_words") == "--show-my-words"


def test_the_flag_of_an_engine_that_has_no_options_is_refused(load):
    message = r"no key 'engine.cascade.show_my_words'; \[engine.cascade\] has: none \(from --show-my-words\)"

    with pytest.raises(ConfigError, match=message):
        load(flags={"engine.show_my_words": True})


def test_options_of_a_backend_without_any_are_empty(load):
    assert load().options("llm", "no-such") == {}


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[turn]\nend_silense_ms = 500",
            "no key 'turn.end_silense_ms'; did you mean 'end_silence_ms'?; [turn] has: patience, end_",
        ),
        (
            "[trun]\nend_silence_ms = 500",
            "no key 'trun.end_silence_ms'; did you mean 'turn'?; there are: profile, talk",
        ),
        ("[trun]", "no key 'trun'; did you mean 'turn'?"),
        ("turn = 3", "turn is a table; it has: patience, end_silence_ms, "),
        ("[turn.end_silence_ms]\nx = 3", "no key 'turn.end_silence_ms.x'"),
        ("[vad]\nx = 3", "no key 'vad.x'"),
        ("[vad.nose]\nx = 3", "no vad is called 'nose'; known: "),
        ("profile = 'ofline'", "no profile is called 'ofline'; did you mean 'offline'?; known: mini-omni, offline"),
        ("[talk]\nengine = 'x'", "no engine is called 'x'; known: cascade"),
        ("[talk]\ntts = '../x'", "no tts is called '../x'; known: "),
        ("[turn]\nend_silence_ms = 'long'", "turn.end_silence_ms must be a whole number, not 'long'"),
        ("[turn]\nend_silence_ms = 5.0", "turn.end_silence_ms must be a whole number, not 5.0"),
        ("[turn]\nend_silence_ms = true", "turn.end_silence_ms must be a whole number, not true"),
        ("[turn]\nend_silence_ms = 99", "turn.end_silence_ms must be from 100 to 10000, not 99"),
        ("[turn]\nmax_turn_s = 1e9", "turn.max_turn_s must be from 1.0 to 300.0, not 1000000000.0"),
        ("[turn]\nmax_turn_s = nan", "turn.max_turn_s must be a number, not nan"),
        ("[audio]\nwait = 1", "audio.wait must be true or false, not 1"),
        ("[audio]\nmic = ['a']", "audio.mic must be a string, not ['a']"),
        ("[audio]\nmic = 1979-05-27", "audio.mic must be a string, not datetime.date(1979, 5, 27)"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_with_key_value_and_file(load, home, text, message):
    with pytest.raises(ConfigError) as caught:
        load(text)

    assert message in str(caught.value)
    assert str(caught.value).endswith(f"(from {home / 'config.toml'})")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[turn]", "[vad]", "[turn]\n[audio]\n"])
def test_an_empty_table_that_exists_is_fine(load, text):
    assert load(text).turn == TurnConfig()


def test_a_whole_number_passes_for_a_number(load):
    assert load("[turn]\nmax_turn_s = 20").turn.max_turn_s == 20.0


def test_a_variable_that_sets_nothing_is_refused_with_the_nearest(load):
    with pytest.raises(ConfigError, match=r"variable VOICECHAT_TURN_END_SILENCE.*'VOICECHAT_TURN_END_SILENCE_MS'"):
        load(env={"VOICECHAT_TURN_END_SILENCE": "700"})


def test_a_variable_of_somebody_else_is_left_alone(load):
    assert load(env={"VOICE": "x", "_VOICECHAT_COMPLETE": "complete_bash", "VOICECHATS": "1"}).turn == TurnConfig()


def test_an_empty_variable_sets_an_empty_text(load):
    config = load("[audio]\nmic = 'USB'", env={"VOICECHAT_AUDIO_MIC": ""})

    assert config.audio.mic == ""


@pytest.mark.parametrize("value", ["", "soon", "5.5", "0x10"])
def test_a_variable_that_is_no_number_is_refused_by_its_name(load, value):
    with pytest.raises(ConfigError, match=r"not .* \(from VOICECHAT_TURN_END_SILENCE_MS\)"):
        load(env={"VOICECHAT_TURN_END_SILENCE_MS": value})


@pytest.mark.parametrize(("assignment", "message"), [("turn", "KEY=VALUE, not 'turn'"), ("a=b", "no key 'a'")])
def test_an_assignment_that_is_none_is_refused(load, assignment, message):
    with pytest.raises(ConfigError, match=message):
        load(assignments=[assignment])


def test_an_assignment_keeps_what_follows_the_first_equals_sign(load):
    assert load(assignments=["audio.mic = a=b "]).audio.mic == "a=b"


def test_a_given_file_must_exist_and_the_users_need_not(load, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file .*missing\.toml"):
        load_config(config_file=Path(tmp_path / "missing.toml"), env={"VOICECHAT_HOME": str(tmp_path)})


def test_settings_cannot_be_changed(load):
    with pytest.raises(TypeError):
        load().settings["ui.meter"] = False


# Patience ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", PATIENCE["normal"]),
        ("patience = 'slow'", PATIENCE["slow"]),
        ("patience = '0.9'", fixed(900)),
        ("patience = 0.9", fixed(900)),
        ("patience = 2", fixed(2000)),
        ("end_silence_ms = 700", fixed(700)),
        ("patience = 'slow'\nend_silence_ms = 700", fixed(700)),
    ],
)
def test_a_pause_is_waited_for_as_the_file_says(load, tmp_path, written, expected):
    file = tmp_path / "c.toml"
    file.write_text(f"[turn]\n{written}\n")

    assert load(config_file=file).patience == expected


def test_patience_on_the_command_line_wins_over_a_silence_in_a_file(load, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[turn]\nend_silence_ms = 700\n")

    assert load(config_file=file, flags={"turn.patience": "fast"}).patience == PATIENCE["fast"]
    assert load(config_file=file, assignments=["turn.patience=1.5"]).patience == fixed(1500)


@pytest.mark.parametrize("value", ["'eager'", "'20'", "20", "0.01", "true", "''"])
def test_what_is_no_patience_is_refused(load, tmp_path, value):
    file = tmp_path / "c.toml"
    file.write_text(f"[turn]\npatience = {value}\n")

    with pytest.raises(ConfigError, match=r"turn\.patience must be "):
        load(config_file=file)
