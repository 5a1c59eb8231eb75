"""`voicechat transcribe-file`: every option reaches the run, and errors are one line with their exit code."""

from __future__ import annotations

import pytest

from voicechat import transcription_app
from voicechat.cli import run
from voicechat.config import load_config
from voicechat.errors import IncompleteError
from voicechat.transcription_app import TranscriptionRequest


class Runs:
    """Stands in for the run and keeps what it was given."""

    def __init__(self) -> None:
        self.config = None
        self.request = None
        self.fail: Exception | None = None

    def __call__(self, config, request) -> None:
        self.config, self.request = config, request
        if self.fail is not None:
            raise self.fail


@pytest.fixture
def runs(monkeypatch):
    runs = Runs()
    monkeypatch.setattr(transcription_app, "run_transcription", runs)
    return runs


def test_without_options_it_is_as_configured(runs):
    assert run(["transcribe-file", "a.wav", "b.wav"]) == 0

    assert runs.config == load_config()
    assert runs.request == TranscriptionRequest(("a.wav", "b.wav"))


@pytest.mark.parametrize(
    ("arguments", "wish"),
    [
        ("--recursive", {"recursive": True}),
        ("-f srt,json -f txt", {"formats": ("srt,json", "txt")}),
        ("--out d", {"out": "d"}),
        ("--overwrite", {"overwrite": True}),
        ("--channels split", {"channels": "split"}),
        ("--words", {"words": True}),
        ("-j 3", {"jobs": 3}),
        ("--input-rate 8000", {"input_rate": 8000}),
        ("--reference r.txt", {"reference": "r.txt"}),
        ("--quiet", {"quiet": True}),
    ],
)
def test_what_concerns_this_run_is_its_request(runs, arguments, wish):
    assert run(["transcribe-file", "a.wav", *arguments.split()]) == 0

    assert runs.request == TranscriptionRequest(("a.wav",), **wish)


@pytest.mark.parametrize(
    ("arguments", "key", "value"),
    [
        ("--asr whisper", "talk.asr", "whisper"),
        ("--vad silero", "talk.vad", "silero"),
        ("--asr whisper --language de", "asr.whisper.language", "de"),
        ("--asr whisper --task translate", "asr.whisper.task", "translate"),
        ("--asr whisper --prompt Hello.", "asr.whisper.prompt", "Hello."),
        ("--asr whisper --vocabulary Kyiv,Lviv", "asr.whisper.vocabulary", "Kyiv,Lviv"),
        ("--asr whisper --model tiny", "asr.whisper.model", "tiny"),
        ("--set vad.webrtc.margin_db=5", "vad.webrtc.margin_db", 5.0),
    ],
)
def test_what_concerns_the_recognizer_is_configuration(runs, arguments, key, value):
    assert run(["transcribe-file", "a.wav", *arguments.split()]) == 0

    assert runs.config.settings[key].value == value


def test_some_failed_files_are_an_exit_code_of_their_own_which_help_tells(runs, capsys):
    runs.fail = IncompleteError("1 of 2 files failed; the others are done")

    assert run(["transcribe-file", "a.wav", "b.wav"]) == 3
    assert capsys.readouterr().err == "voicechat: error: 1 of 2 files failed; the others are done\n"
    run(["transcribe-file", "--help"])
    assert "3    some files failed" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["a.wav", "--asr", "nose"], ["a.wav", "--language", "de"]])
def test_what_cannot_be_is_said_before_anything_starts(runs, capsys, arguments):
    assert run(["transcribe-file", *arguments]) == 2

    assert len(capsys.readouterr().err.splitlines()) == 1
    assert runs.request is None
