"""The journal: what was kept is known again, whatever was broken off, and only to the run it was kept for."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.errors import AudioFileError
from voicechat.transcripts.journal import Journal, Key, journal_path
from voicechat.types import Recognized, Word

SETTINGS = {"asr": "fake", "options": {"a": 1.5}}
KEYS = st.tuples(st.integers(0, 7), st.integers(0, 10**9), st.integers(1, 10**6))
TEXTS = st.text(max_size=20)
RESULTS = st.builds(
    Recognized,
    TEXTS,
    st.lists(st.builds(Word, TEXTS, st.floats(0, 100), st.floats(0, 100)), max_size=3).map(tuple),
    st.sampled_from(["", "de"]),
)


def journal(path: Path, settings: dict[str, object] | None = None) -> closing[Journal]:
    return closing(Journal(path, SETTINGS if settings is None else settings))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals") / ".talk.voicechat-part.jsonl"


@given(kept=st.dictionaries(KEYS, RESULTS, max_size=5), later=st.dictionaries(KEYS, RESULTS, max_size=3))
def test_what_was_kept_is_known_to_later_runs(
    path: Path, kept: dict[Key, Recognized], later: dict[Key, Recognized]
) -> None:
    path.unlink(missing_ok=True)
    for results in (kept, later):
        with journal(path) as run:
            for key, recognized in results.items():
                run.keep(key, recognized)

    with journal(path) as run:
        assert {key: run.recall(key) for key in (*kept, *later)} == kept | later
        assert run.recall((9, 9, 9)) is None


@given(n_bytes=st.integers(0, 400), debris=st.binary(max_size=20))
def test_a_journal_that_was_broken_off_anywhere_is_known_as_far_as_it_goes(
    path: Path, n_bytes: int, debris: bytes
) -> None:
    path.unlink(missing_ok=True)
    results = {(0, index, 1): Recognized(f"text {index}") for index in range(4)}
    with journal(path) as run:
        for key, recognized in results.items():
            run.keep(key, recognized)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - n_bytes] + debris if n_bytes else whole)

    with journal(path) as run:
        known = [run.recall(key) for key in results]
        n_known = sum(each is not None for each in known)
        assert known == [*list(results.values())[:n_known], *[None] * (4 - n_known)]
        run.keep((1, 1, 1), Recognized("more"))

    with journal(path) as run:
        assert run.recall((1, 1, 1)) == Recognized("more")
        assert run.recall((0, 0, 1)) == (Recognized("text 0") if n_known else None)


def test_other_settings_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with journal(path) as run:
        run.keep((0, 0, 1), Recognized("old"))

    with journal(path, {"asr": "other"}) as run:
        assert run.recall((0, 0, 1)) is None
    with journal(path) as run:
        assert run.recall((0, 0, 1)) is None


def test_each_piece_is_on_the_disk_before_the_next(tmp_path: Path) -> None:
    with journal(tmp_path / "j") as run:
        run.keep((0, 0, 1), Recognized("one"))

        assert (tmp_path / "j").read_bytes().count(b"\n") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there is no lock there")
def test_two_runs_do_not_write_one_transcript(tmp_path: Path) -> None:
    with journal(tmp_path / "j"), pytest.raises(AudioFileError, match="another voicechat is at it: 'j' is locked"):
        Journal(tmp_path / "j", SETTINGS)


def test_a_journal_that_is_done_with_is_gone(tmp_path: Path) -> None:
    with journal(tmp_path / "j") as run:
        run.remove()

    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(AudioFileError, match=r"cannot write '.*': (not a directory|file exists)"):
        Journal(tmp_path / "file" / "j", SETTINGS)


def test_a_full_disk_is_said_in_one_line_and_what_was_kept_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with journal(tmp_path / "j") as run:
        run.keep((0, 0, 1), Recognized("one"))
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(AudioFileError, match=r"cannot write '.*j': no space left on device"):
            run.keep((0, 1, 1), Recognized("two"))
    monkeypatch.undo()

    with journal(tmp_path / "j") as run:
        assert run.recall((0, 0, 1)) == Recognized("one")


def test_it_lies_beside_its_transcript_whatever_that_is_called() -> None:
    assert journal_path(Path("d/talk.srt")) == Path("d/.talk.voicechat-part.jsonl")
    long = journal_path(Path("d") / ("é" * 120 + ".srt"))
    assert len(os.fsencode(long.name)) <= 255
    assert long != journal_path(Path("d") / ("é" * 121 + ".srt"))
