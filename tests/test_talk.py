"""The whole talk on files, through the command line, with the real built-in assistant."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.speaking import QUESTION, likeness, read_audio, spoken, understood, write_audio
from voicechat.cli import run
from voicechat.types import AudioChunk

TIMEOUT_S = 60.0
COMMAND = [sys.executable, "-m", "voicechat"]


@pytest.fixture(scope="module")
def questions(tmp_path_factory) -> Path:
    """A folder with spoken questions, each named after its words."""
    folder = tmp_path_factory.mktemp("questions")
    for text in ("what is ten minus three", "flip a coin", "goodbye"):
        write_audio(folder / f"{text}.wav", spoken(text))
    write_audio(folder / "silence.wav", AudioChunk(np.zeros(32_000, np.float32), 16_000))
    return folder


def talk(*arguments: str | Path) -> int:
    return run(["talk", *map(str, arguments)])


def events(capsys) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def turns(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    return [line for line in lines if line["event"] == "turn_done"]


def test_a_spoken_question_gets_a_spoken_answer(tmp_path, capsys):
    reply = tmp_path / "reply.wav"

    code = talk("--input", QUESTION, "--output", reply)

    assert code == 0
    question, answer = capsys.readouterr().out.splitlines()
    assert question == "you: what time is it"
    assert answer.startswith("assistant: It is ")
    assert likeness(read_audio(reply), answer.removeprefix("assistant: ")) > 0.98


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac", ".ogg"])
def test_the_reply_comes_in_the_format_of_its_name(suffix, tmp_path, capsys):
    reply = tmp_path / f"reply{suffix}"

    assert talk("--input", QUESTION, "--output", reply, "--json") == 0

    [turn] = turns(events(capsys))
    assert len(read_audio(reply)) / 16_000 == pytest.approx(turn["reply_s"], abs=0.1)


def test_several_files_are_several_turns_and_goodbye_ends_the_talk(questions, tmp_path, capsys):
    names = ["what is ten minus three", "goodbye", "flip a coin"]
    inputs = [argument for name in names for argument in ("--input", questions / f"{name}.wav")]

    assert talk(*inputs, "--output", tmp_path / "reply.wav", "--json") == 0

    lines = events(capsys)
    assert [turn["outcome"] for turn in turns(lines)] == ["completed", "completed"]
    assert turns(lines)[0]["user_text"] == "what is ten minus three"
    assert "bye" in str(turns(lines)[1]["user_text"])
    assert "7" in str(turns(lines)[0]["reply_text"])
    assert lines[-1]["event"] == "talk_ended"
    assert lines[-1]["reason"] == "completed"


def test_several_turns_in_one_file_are_answered_one_after_another(tmp_path, capsys):
    pause = AudioChunk(np.zeros(22_050, np.float32), 22_050)
    both = write_audio(tmp_path / "both.flac", spoken("who are you"), pause, spoken("what is ten minus three"))

    assert talk("--input", both, "--output", tmp_path / "reply.wav", "--json") == 0

    assert [turn["user_text"] for turn in turns(events(capsys))] == ["who are you", "what is ten minus three"]


def test_a_run_on_files_can_be_repeated(questions, tmp_path, capsys):
    def one_run(name: str) -> tuple[list[dict[str, object]], bytes]:
        reply = tmp_path / f"{name}.wav"
        assert talk("--input", questions / "what is ten minus three.wav", "--output", reply, "--json") == 0
        lines = events(capsys)
        for line in lines:
            for timing in ("started_at", "latency", "ttfa_ms"):
                line.pop(timing, None)
        return lines, reply.read_bytes()

    assert one_run("first") == one_run("second")


def test_the_talk_is_saved_turn_by_turn(questions, tmp_path, capsys):
    folder = tmp_path / "kept"
    talk("--input", QUESTION, "--output", tmp_path / "reply.wav", "--save", folder)

    messages = json.loads((folder / "conversation.json").read_text())["messages"]

    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert [message["mime_type"] for message in messages] == ["audio/wav", "audio/mpeg"]
    assert understood(read_audio(folder / messages[0]["audio"])) == "what time is it"
    assert likeness(read_audio(folder / messages[1]["audio"]), messages[1]["text"]) > 0.95


def test_silence_is_no_speech_and_has_an_exit_code_of_its_own(questions, tmp_path, capsys):
    code = talk("--input", questions / "silence.wav", "--output", tmp_path / "reply.wav")

    assert code == 4
    assert capsys.readouterr().err.splitlines()[-1].startswith("voicechat: error: no speech found in ")


def test_the_recording_that_was_asked_with_is_not_overwritten_by_the_reply(tmp_path, capsys):
    question = tmp_path / "question.wav"
    question.write_bytes(QUESTION.read_bytes())

    code = talk("--input", question, "--output", tmp_path / "." / "question.wav")

    assert code == 2
    assert "is also an input" in capsys.readouterr().err
    assert question.read_bytes() == QUESTION.read_bytes()


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_streams_that_the_caller_has_closed_do_no_harm(closed, tmp_path):
    reply = tmp_path / "reply.wav"
    command = f"{sys.executable} -m voicechat talk --input '{QUESTION}' --output '{reply}' {closed}"

    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=TIMEOUT_S, check=False)

    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert reply.exists()


def test_whoever_stops_reading_the_audio_ends_the_talk_quietly():
    command = (
        f"{sys.executable} -m voicechat talk --input '{QUESTION}' --output - | head -c 10; exit ${{PIPESTATUS[0]}}"
    )

    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=TIMEOUT_S, check=False)

    assert done.returncode == 141
    assert b"error" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_and_the_turn_is_still_told(tmp_path, capsys):
    full = tmp_path / "full.wav"
    full.symlink_to("/dev/full")

    code = talk("--input", QUESTION, "--output", full, "--json")

    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert code == 1
    assert [turn["outcome"] for turn in turns(lines)] == ["failed"]
    assert turns(lines)[0]["user_text"] == "what time is it"
    [error] = [line for line in captured.err.splitlines() if "error" in line]
    assert "no space left" in error.lower()


def piped(*arguments: str, stdin: bytes | int | None = None) -> subprocess.CompletedProcess[bytes]:
    data = stdin if isinstance(stdin, bytes) else None
    return subprocess.run(
        [*COMMAND, "talk", *arguments], input=data, capture_output=True, timeout=TIMEOUT_S, check=False
    )


def test_it_works_as_a_filter_from_standard_input_to_standard_output(tmp_path):
    done = piped("--input", "-", "--output", "-", stdin=QUESTION.read_bytes())

    assert done.returncode == 0
    reply = tmp_path / "reply.wav"
    reply.write_bytes(done.stdout)
    question, answer = done.stderr.decode().splitlines()[-2:]
    assert question == "you: what time is it"
    assert likeness(read_audio(reply), answer.removeprefix("assistant: ")) > 0.98


def test_raw_samples_on_standard_input_need_only_their_rate(tmp_path):
    raw = QUESTION.read_bytes()[44:]

    done = piped("--input", "-", "--input-rate", "16000", "--output", str(tmp_path / "reply.wav"), stdin=raw)

    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[0] == "you: what time is it"


def test_a_reader_that_has_enough_ends_the_talk_quietly(tmp_path):
    command = " ".join([*COMMAND, "talk", "--json", "--input", f"'{QUESTION}'", "--output", f"'{tmp_path}/r.wav'"])

    done = subprocess.run(["bash", "-c", f"{command} | head -1"], capture_output=True, timeout=TIMEOUT_S, check=False)

    assert json.loads(done.stdout)["event"] == "talk_started"
    assert done.stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    ("number", "code", "reason"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_talk_in_order(number, code, reason, tmp_path):
    reply = tmp_path / "reply.wav"
    arguments = ["talk", "--input", "-", "--input-rate", "16000", "--output", str(reply), "--json"]
    with subprocess.Popen([*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(bytes(32_000))
        process.stdin.flush()
        while json.loads(process.stdout.readline())["event"] != "state":
            pass
        process.send_signal(number)
        rest = [json.loads(line) for line in process.stdout]

        assert process.wait(TIMEOUT_S) == code
    assert rest[-1] == {"event": "talk_ended", "turns": 0, "reason": reason}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_second_signal_ends_a_talk_whose_output_nobody_reads(tmp_path):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):  # fill it, as if someone had stopped to read long ago
        while os.write(writer, bytes(1024)):
            pass
    os.set_blocking(writer, True)
    arguments = ["talk", "--input", str(QUESTION), "--output", str(tmp_path / "reply.wav"), "--json"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=writer, stderr=subprocess.DEVNULL) as process:
        os.close(writer)
        code = None
        while code is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(0.5)
    os.close(reader)

    assert code in (143, -signal.SIGTERM)  # the latter if the first came before Python was up
