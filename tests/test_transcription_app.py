"""`transcribe-file` as a whole, on real files, with a recognizer that hears how loud a piece is."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.audio.recordings import encoded, foreign, save
from tests.fakes import LoudnessVAD, silence, speech
from tests.test_transcribe import LevelTranscriber
from voicechat import transcription_app
from voicechat.config import load_config
from voicechat.errors import AudioFileError, ConfigError, IncompleteError, ModelError, NoSpeechError
from voicechat.transcription_app import TranscriptionRequest, run_transcription, transcription_config


class Recognizer:
    """Stands in for the backends; after `interrupt_after` pieces, Ctrl-C is pressed."""

    def __init__(self) -> None:
        self.made: list[LevelTranscriber] = []
        self.interrupt_after: int | None = None

    def __call__(self, kind: str, name: str, options: object) -> object:
        if kind == "vad":
            return LoudnessVAD()
        self.made.append(LevelTranscriber(before=self._before))
        return self.made[-1]

    @property
    def n_heard(self) -> int:
        return sum(len(each.heard) for each in self.made)

    def _before(self, piece: np.ndarray) -> None:
        if self.interrupt_after is not None and self.n_heard >= self.interrupt_after:
            raise KeyboardInterrupt


@pytest.fixture
def recognizer(monkeypatch: pytest.MonkeyPatch) -> Recognizer:
    recognizer = Recognizer()
    monkeypatch.setattr(transcription_app, "load_backend", recognizer)
    return recognizer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wav(path: Path, *levels: int) -> Path:
    parts = [part for level in levels for part in (speech(1, level / 100), silence(1))]
    path.parent.mkdir(exist_ok=True)
    return save(path, encoded(".wav", np.concatenate([silence(1), *parts])))


def transcribe(*paths: str, **wishes: object) -> None:
    run_transcription(load_config(), TranscriptionRequest(paths, **wishes))  # type: ignore[arg-type]


def test_text_comes_to_standard_output(recognizer: Recognizer, folder: Path, capsys) -> None:
    wav(folder / "a.wav", 50, 60)

    transcribe("a.wav")

    assert capsys.readouterr() == ("level 50\nlevel 60\n", "")
    assert recognizer.made[0].closed


def test_a_folder_becomes_a_folder_in_several_formats(recognizer: Recognizer, folder: Path, capsys) -> None:
    wav(folder / "in" / "a.wav", 50)
    wav(folder / "in" / "b.wav", 60)

    transcribe("in", out="out", formats=("srt,json",))

    assert sorted(os.listdir("out")) == ["a.json", "a.srt", "b.json", "b.srt"]
    assert json.loads(Path("out/b.json").read_text())["text"] == "level 60"
    assert capsys.readouterr() == ("", "")


def test_what_is_done_is_skipped_unless_it_is_to_be_done_anew(recognizer: Recognizer, folder: Path, capsys) -> None:
    wav(folder / "a.wav", 50)
    transcribe("a.wav", out="out")
    wav(folder / "a.wav", 70)

    transcribe("a.wav", out="out")

    assert Path("out/a.txt").read_text() == "level 50\n"
    assert "1 file skipped" in capsys.readouterr().err
    assert len(recognizer.made) == 1
    transcribe("a.wav", out="out", overwrite=True)
    assert Path("out/a.txt").read_text() == "level 70\n"


def test_a_run_that_was_broken_off_goes_on(recognizer: Recognizer, folder: Path, capsys) -> None:
    wav(folder / "a.wav", 30, 40, 50, 60)
    recognizer.interrupt_after = 2
    with pytest.raises(KeyboardInterrupt):
        transcribe("a.wav", out="out")
    assert "goes on" in capsys.readouterr().err
    assert os.listdir("out") == [".a.voicechat-part.jsonl"]
    recognizer.interrupt_after = None

    transcribe("a.wav", out="out")

    assert os.listdir("out") == ["a.txt"]
    assert Path("out/a.txt").read_text() == "level 30\nlevel 40\nlevel 50\nlevel 60\n"
    assert recognizer.n_heard == 4


@pytest.mark.parametrize("change", ["file", "setting"])
def test_what_was_begun_with_another_file_or_setting_is_begun_anew(
    recognizer: Recognizer, folder: Path, change: str
) -> None:
    wav(folder / "a.wav", 30, 40, 50)
    recognizer.interrupt_after = 2
    with pytest.raises(KeyboardInterrupt):
        transcribe("a.wav", out="out")
    recognizer.interrupt_after = None
    if change == "file":
        wav(folder / "a.wav", 30, 40, 50, 60)

    transcribe("a.wav", out="out", channels="split" if change == "setting" else "mix")

    assert recognizer.n_heard == 2 + (4 if change == "file" else 3)


def test_one_bad_file_is_listed_at_the_end(recognizer: Recognizer, folder: Path, capsys) -> None:
    wav(folder / "a.wav", 50)
    save(folder / "b\x1b[31m.wav", b"no audio at all")
    wav(folder / "c.wav", 60)

    with pytest.raises(IncompleteError, match="2 of 4 files failed; the others are done"):
        transcribe("a.wav", "b\x1b[31m.wav", "missing.wav", "c.wav", out="out")

    assert sorted(os.listdir("out")) == ["a.txt", "c.txt"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "not an audio file" in lines[0]
    assert "\x1b" not in lines[0]
    assert "no such file" in lines[1]


def test_the_only_file_fails_the_run_before_a_recognizer_is_loaded(recognizer: Recognizer, folder: Path) -> None:
    save(folder / "b.wav", b"no audio at all")

    with pytest.raises(AudioFileError, match="not an audio file"):
        transcribe("b.wav")
    assert recognizer.made == []


def test_a_program_is_told_of_a_failure_where_it_happens(recognizer: Recognizer, folder: Path, capsys) -> None:
    wav(folder / "b.wav", 50)

    with pytest.raises(IncompleteError):
        transcribe("missing.wav", "b.wav", formats=("jsonl",))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["file_started", "file_failed", "file_started", "segment", "file_done"]


def test_without_speech_the_transcript_is_empty_and_that_is_said(recognizer: Recognizer, folder: Path) -> None:
    save(folder / "a.wav", encoded(".wav", silence(3)))

    with pytest.raises(NoSpeechError, match=r"no speech found in 'a\.wav'"):
        transcribe("a.wav", out="a.srt")

    assert Path("a.srt").read_text() == ""
    assert sorted(os.listdir()) == ["a.srt", "a.wav"]


def test_each_channel_is_a_speaker(recognizer: Recognizer, folder: Path, capsys) -> None:
    left = np.concatenate([silence(1), speech(1, 0.5), silence(4)])
    planes = np.stack([left, left[::-1] * 1.2])
    save(folder / "call.wav", foreign("pcm_s16le", "wav", planes, sample_format="s16"))

    transcribe("call.wav", channels="split")

    assert capsys.readouterr().out == "speaker 1: level 50\nspeaker 2: level 60\n"


def test_a_reference_tells_how_good_it_is(recognizer: Recognizer, folder: Path, capsys) -> None:
    for name, level in (("a", 50), ("b", 60)):
        wav(folder / f"{name}.wav", level)
        (folder / f"{name}.txt").write_text("Level 50!\n")

    transcribe("a.wav", "b.wav", out="out", reference=".", formats=("json",))

    said = capsys.readouterr().err.splitlines()
    assert [line.partition(", ")[0] for line in said] == [
        "'a.wav': word error rate 0.0%",
        "'b.wav': word error rate 50.0%",
        "all: word error rate 25.0%",
    ]
    assert json.loads(Path("out/b.json").read_text())["error_rates"]["words"] == 0.5


def test_standard_input_is_a_file_like_another(
    recognizer: Recognizer, folder: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(wav(folder / "a.wav", 50), "rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        transcribe("-", formats=("tsv",))

    assert capsys.readouterr().out.splitlines()[1].startswith("-\t0.99")


@pytest.mark.skipif(sys.platform == "win32", reason="such a name cannot be there")
def test_a_name_of_any_bytes_is_a_name(recognizer: Recognizer, folder: Path, capsys) -> None:
    name = os.fsdecode(b"caf\xe9\n \xff.wav")
    wav(folder / name, 50)

    transcribe(name, out="out", formats=("md",))

    assert os.listdir(b"out") == [b"caf\xe9\n \xff.md"]


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"formats": ("srt", "txt")}, "standard output takes one format"),
        ({"formats": ("doc",)}, "no format is called 'doc'"),
        ({"jobs": 0}, "--jobs must be from 1 to 64, not 0"),
        ({"channels": "left"}, "--channels must be mix or split, not 'left'"),
        ({"input_rate": 8000}, "--input-rate describes raw audio on standard input"),
        ({"out": ""}, "--out needs the name"),
        ({"out": "a.doc"}, "cannot tell the format"),
        ({"reference": "none.txt"}, "cannot read the reference 'none.txt': no such file"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_done(
    recognizer: Recognizer, folder: Path, wishes: dict[str, object], message: str
) -> None:
    wav(folder / "a.wav", 50)

    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        transcribe("a.wav", **wishes)
    assert recognizer.made == []


def test_a_wish_that_the_recognizer_cannot_fulfil_names_who_can() -> None:
    with pytest.raises(ConfigError, match=r"pocketsphinx has no --task; --asr .*whisper.* has"):
        transcription_config({}, {"task": "translate"}, assignments=(), config_file=None)


def test_a_wish_is_an_option_of_the_recognizer() -> None:
    config = transcription_config({"talk.asr": "whisper"}, {"language": "de"}, assignments=(), config_file=None)

    assert config.options("asr", "whisper")["language"] == "de"


def test_a_recognizer_that_cannot_be_made_ends_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wav(folder / "a.wav", 50)

    def fail(kind: str, name: str, options: object) -> object:
        raise ModelError("no weights")

    monkeypatch.setattr(transcription_app, "load_backend", fail)
    with pytest.raises(ModelError, match="no weights"):
        transcribe("a.wav", "b.wav")
