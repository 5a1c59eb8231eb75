"""`voicechat talk`: every option reaches the talk, through the configuration or beside it."""

from __future__ import annotations

import inspect

import pytest
from typer.testing import CliRunner

from voicechat import app as composition
from voicechat.cli import app, run
from voicechat.cli.flags import KEYS
from voicechat.cli.talk import talk
from voicechat.config import load_config
from voicechat.registry import KINDS

# Parameters that are no key: what this one talk reads, writes and shows, and how the configuration is found.
BESIDE = {
    "inputs",
    "input_rate",
    "output",
    "play",
    "realtime",
    "json_lines",
    "save",
    "config_file",
    "assignments",
    "verbose",
}


class Talks:
    """Stands in for the talk itself and keeps what it was given."""

    def __init__(self) -> None:
        self.config = None
        self.request = None

    def __call__(self, config, request) -> None:
        self.config, self.request = config, request


@pytest.fixture
def talks(monkeypatch):
    talks = Talks()
    monkeypatch.setattr(composition, "run_talk", talks)
    return talks


def test_every_option_is_a_key_or_known_to_be_none():
    assert set(inspect.signature(talk).parameters) == set(KEYS) | BESIDE


def test_every_key_that_an_option_sets_exists_and_its_help_names_it():
    known = load_config(flags={"talk.engine": "mini-omni"}).settings  # an engine that has options
    printed = " ".join(CliRunner().invoke(app, ["talk", "--help"]).output.split())

    for key in KEYS.values():
        kind, _, option = key.partition(".")
        assert f"Key: {f'{kind}.<chosen {kind}>.{option}' if kind in KINDS else key}." in printed
        assert (f"{kind}.{known[f'talk.{kind}'].value}.{option}" if kind in KINDS else key) in known


def test_without_options_the_talk_is_as_configured(talks):
    assert run(["talk"]) == 0

    assert talks.config == load_config()
    assert talks.request == composition.TalkRequest()


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        ("--mic USB", "audio.mic", "USB"),
        ("--speaker 3", "audio.speaker", "3"),
        ("--no-wait", "audio.wait", False),
        ("--no-meter", "ui.meter", False),
        ("--meter", "ui.meter", True),
        ("--end-silence-ms 900", "turn.end_silence_ms", 900),
        ("--min-speech-ms 100", "turn.min_speech_ms", 100),
        ("--max-turn-s 12.5", "turn.max_turn_s", 12.5),
        ("--pre-roll-ms 0", "turn.pre_roll_ms", 0),
        ("--profile offline", "profile", "offline"),
        ("--engine cascade", "talk.engine", "cascade"),
        ("--vad webrtc", "talk.vad", "webrtc"),
        ("--asr pocketsphinx", "talk.asr", "pocketsphinx"),
        ("--llm skills", "talk.llm", "skills"),
        ("--tts espeak", "talk.tts", "espeak"),
        ("--voice de", "tts.espeak.voice", "de"),
        ("--speed-wpm 200", "tts.espeak.speed_wpm", 200),
    ],
)
def test_an_option_sets_its_key_and_is_its_origin(talks, arguments, key, value):
    assert run(["talk", *arguments.split()]) == 0

    assert talks.config.settings[key].value == value
    assert talks.config.origin(key) == arguments.split()[0]


def test_what_concerns_this_one_talk_is_its_request(talks):
    arguments = "--input a.wav --input - --input-rate 8000 --output b.mp3 --play --realtime --json --save kept"

    assert run(["talk", *arguments.split()]) == 0

    assert talks.request == composition.TalkRequest(
        inputs=("a.wav", "-"),
        input_rate=8000,
        output="b.mp3",
        play=True,
        realtime=True,
        json_lines=True,
        save="kept",
    )


def test_a_given_file_and_assignments_are_layers_of_the_configuration(talks, tmp_path):
    (tmp_path / "c.toml").write_text("[turn]\nend_silence_ms = 700\npre_roll_ms = 100\n")

    run(["talk", "--config", str(tmp_path / "c.toml"), "--set", "turn.pre_roll_ms=50", "--set", "ui.meter=no"])

    assert talks.config.turn.end_silence_ms == 700
    assert talks.config.turn.pre_roll_ms == 50
    assert talks.config.ui.meter is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--vad nose", "no vad is called 'nose'"),
        ("--profile nope", "no profile is called 'nope'"),
        ("--engine nope", "no engine is called 'nope'"),
        ("--end-silence-ms soon", "turn.end_silence_ms must be a whole number, not 'soon' (from --end-silence-ms)"),
        ("--end-silence-ms 5", "turn.end_silence_ms must be from 100 to 10000, not 5"),
        ("--set turn=5", "turn is a table"),
        ("--config missing.toml", "there is no file missing.toml"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(talks, capsys, arguments, message):
    assert run(["talk", *arguments.split()]) == 2

    assert capsys.readouterr().err.startswith(f"voicechat: error: {message}")
    assert talks.config is None
