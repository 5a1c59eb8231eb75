"""Saving conversations: each turn whole and at once, nothing overwritten, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.recordings import read_file, tone
from voicechat.errors import AudioFileError
from voicechat.history import store as store_module
from voicechat.history.store import ConversationStore
from voicechat.types import AudioChunk, Latency, Notice, Outcome, TurnDone

ROOT = Path(__file__).parents[2]
NO_SOUND = np.zeros(0, np.float32)
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals, limits or locks")


def turn(
    number: int = 1, *, outcome: Outcome = Outcome.COMPLETED, user_text: str = "hi", reply_text: str = "hello"
) -> TurnDone:
    latency = Latency(first_sound_ms=400.0)
    return TurnDone(number, user_text, reply_text, outcome, user_s=1.0, reply_s=0.5, latency=latency)


def open_store(directory: Path) -> ConversationStore:
    return ConversationStore(directory, notify=lambda notice: None)


def record(store: ConversationStore, done: TurnDone) -> TurnDone:
    halves = np.array_split(tone(0.5, sample_rate=24_000), 2)
    return store.record(done, tone(1.2), [AudioChunk(half, 24_000) for half in halves])


def messages(directory: Path) -> list[dict[str, Any]]:
    conversation = json.loads((directory / "conversation.json").read_text())
    assert conversation["version"] == 1
    found: list[dict[str, Any]] = conversation["messages"]
    return found


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_a_turn_is_saved_as_sound_and_text(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    store = open_store(tmp_path / "new" / "talk")

    done = record(store, turn())
    store.close()

    directory = tmp_path / "new" / "talk"
    assert names(directory) == ["0001-assistant.mp3", "0001-user.wav", "conversation.json"]
    assert done == TurnDone(
        **{
            **vars(turn()),
            "user_audio": directory / "0001-user.wav",
            "reply_audio": directory / "0001-assistant.mp3",
        }
    )
    user, assistant = messages(directory)
    assert (user["turn"], user["role"], user["text"], user["outcome"]) == (1, "user", "hi", "completed")
    assert (user["audio"], user["mime_type"], user["duration_s"]) == ("0001-user.wav", "audio/wav", 1.2)
    assert (assistant["turn"], assistant["role"], assistant["text"]) == (1, "assistant", "hello")
    assert (assistant["audio"], assistant["mime_type"]) == ("0001-assistant.mp3", "audio/mpeg")
    assert assistant["duration_s"] == 0.5
    times = [datetime.fromisoformat(m[key]) for m in (user, assistant) for key in ("started_at", "ended_at")]
    assert times == sorted(times)
    assert times[0] >= before - timedelta(milliseconds=1)
    assert times[-1] <= datetime.now(UTC)
    np.testing.assert_allclose(read_file(directory / "0001-user.wav"), tone(1.2), atol=1 / 32_768)
    assert len(read_file(directory / "0001-assistant.mp3")) == pytest.approx(8_000, abs=16)


def test_each_turn_is_on_disk_when_record_returns(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    counts = []
    for number in range(1, 4):
        record(store, turn(number))
        counts.append(len(messages(tmp_path)))

    assert counts == [2, 4, 6]


def test_an_empty_conversation_is_valid_from_the_start(tmp_path: Path) -> None:
    open_store(tmp_path)

    assert messages(tmp_path) == []


def test_an_interrupted_reply_is_saved_as_far_as_it_was_heard(tmp_path: Path) -> None:
    record(open_store(tmp_path), turn(outcome=Outcome.INTERRUPTED))

    assert [message["outcome"] for message in messages(tmp_path)] == ["interrupted", "interrupted"]


def test_a_dropped_turn_is_not_saved(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    dropped = turn(outcome=Outcome.DROPPED)

    assert record(store, dropped) == dropped
    record(store, turn(2))

    assert [message["turn"] for message in messages(tmp_path)] == [1, 1]


def test_a_failed_turn_keeps_what_the_user_said(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    done = store.record(turn(outcome=Outcome.FAILED, reply_text=""), tone(), [])

    assert [message["role"] for message in messages(tmp_path)] == ["user"]
    assert done.reply_audio is None


def test_an_announcement_has_no_user(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    done = store.record(turn(user_text=""), NO_SOUND, [AudioChunk(tone(), 16_000)])

    assert [message["role"] for message in messages(tmp_path)] == ["assistant"]
    assert done.user_audio is None


def test_a_directory_that_holds_a_conversation_is_continued(tmp_path: Path) -> None:
    first = open_store(tmp_path)
    record(first, turn(1, user_text="one"))
    first.close()
    old = {name: (tmp_path / name).read_bytes() for name in names(tmp_path) if name != "conversation.json"}

    record(open_store(tmp_path), turn(1, user_text="two"))

    assert [(m["turn"], m["text"]) for m in messages(tmp_path)] == [(1, "one"), (1, "hello"), (2, "two"), (2, "hello")]
    assert {name: (tmp_path / name).read_bytes() for name in old} == old
    assert "0002-user.wav" in names(tmp_path)


def test_a_recording_that_no_message_names_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "0007-user.wav").write_bytes(b"the power went out before conversation.json was written")

    done = record(open_store(tmp_path), turn())

    assert done.user_audio == tmp_path / "0008-user.wav"
    assert (tmp_path / "0007-user.wav").read_bytes().startswith(b"the power")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"version": 1}',
        b'{"version": 2, "messages": []}',
        b'{"version": 1, "messages": [1]}',
        b'{"version": 1, "messages": [{"turn": "x"}]}',
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_conversation_is_kept_aside_and_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "conversation.json").write_bytes(content)
    (tmp_path / "conversation.invalid-1.json").write_bytes(b"an older one")
    notices: list[Notice] = []

    ConversationStore(tmp_path, notify=notices.append)

    assert (tmp_path / "conversation.invalid-2.json").read_bytes() == content
    assert (tmp_path / "conversation.invalid-1.json").read_bytes() == b"an older one"
    assert messages(tmp_path) == []
    assert len(notices) == 1
    assert "conversation.invalid-2.json" in notices[0].text


@settings(max_examples=50, deadline=None)
@given(text=st.text(st.characters(codec=None)))
def test_any_text_survives_and_none_harms_a_terminal(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    directory = tmp_path_factory.mktemp("talk")
    store = open_store(directory)

    store.record(turn(user_text="x" + text), NO_SOUND, [])
    store.close()

    saved = (directory / "conversation.json").read_text(encoding="utf-8")
    assert messages(directory)[0]["text"] == "x" + text
    assert not set(saved) & {chr(code) for code in [*range(10), *range(11, 32), *range(127, 160), 0x202E, 0x2066]}


def test_the_old_conversation_is_replaced_and_never_written_into(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    record(store, turn())
    os.link(tmp_path / "conversation.json", tmp_path / "before.json")
    before = (tmp_path / "before.json").read_bytes()

    record(store, turn(2))

    assert (tmp_path / "before.json").read_bytes() == before
    assert len(messages(tmp_path)) == 4


def test_half_written_files_of_a_crash_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".0001-user.wav.part").write_bytes(b"half")
    (tmp_path / "mine.part").write_bytes(b"not ours")

    open_store(tmp_path)

    assert names(tmp_path) == ["conversation.json", "mine.part"]


@posix_only
def test_a_directory_in_use_is_refused_until_it_is_free(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    with pytest.raises(AudioFileError, match="another voicechat is saving there"):
        open_store(tmp_path)
    store.close()
    store.close()

    open_store(tmp_path).close()


def test_a_place_that_is_no_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(AudioFileError, match=r"cannot save to '.*file': file exists; name another directory"):
        open_store(tmp_path / "file")


@posix_only
@pytest.mark.parametrize("limit_bytes", [0, 1_000, 40_000])
def test_when_the_disk_is_full_earlier_turns_are_unharmed(tmp_path: Path, limit_bytes: int) -> None:
    program = dedent(f"""
        import resource, signal
        from pathlib import Path
        from tests.history.test_store import open_store, record, turn
        from voicechat.errors import AudioFileError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails with an error of its own
        store = open_store(Path({str(tmp_path)!r}))
        record(store, turn(1, user_text="x" * 40_000))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, hard))
        try:
            record(store, turn(2))
        except AudioFileError as exc:
            print(exc)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        record(store, turn(3))
    """)

    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)

    expected = f"cannot save turn 2 to '{tmp_path}': file too large; all turns before it are kept\n"
    assert result.stdout == expected
    assert [message["turn"] for message in messages(tmp_path)] == [1, 1, 3, 3]
    assert not [name for name in names(tmp_path) if name.endswith(".part")]
    assert len(read_file(tmp_path / "0001-user.wav")) == 19_200
    if "0002-user.wav" in names(tmp_path):  # it fitted: then it is whole
        assert len(read_file(tmp_path / "0002-user.wav")) == 19_200


@posix_only
def test_killed_at_any_moment_it_loses_no_turn_that_had_ended(tmp_path: Path) -> None:
    program = dedent(f"""
        from pathlib import Path
        from tests.history.test_store import open_store, record, turn
        store = open_store(Path({str(tmp_path)!r}))
        for number in range(1, 10_000):
            record(store, turn(number))
            print(number, flush=True)
    """)
    n_before = 0
    for n_turns in (1, 2, 3):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT) as talk:
            assert talk.stdout is not None
            for _ in range(n_turns):
                talk.stdout.readline()
            talk.send_signal(signal.SIGKILL)
            n_told = n_turns + len(talk.stdout.read().split())

        saved = messages(tmp_path)
        n_saved = len(saved) // 2
        assert n_before + n_told <= n_saved <= n_before + n_told + 1
        assert all((tmp_path / message["audio"]).stat().st_size > 44 for message in saved)
        n_before = n_saved
        open_store(tmp_path).close()
        assert not [name for name in names(tmp_path) if name.endswith(".part")]


@pytest.mark.parametrize("step_s", [-3600.0, -0.4])
def test_no_message_ends_before_it_started_when_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    clock = [1.7e9]
    monkeypatch.setattr(store_module, "time", SimpleNamespace(time=lambda: clock[0]))
    kept = open_store(tmp_path)
    for number, moved_s in enumerate((10.0, step_s, 10.0), start=1):
        clock[0] += moved_s
        record(kept, turn(number))

    for message in messages(tmp_path):
        assert message["started_at"] <= message["ended_at"]
    assert datetime.fromisoformat(messages(tmp_path)[-1]["ended_at"]).timestamp() == clock[0]
