"""The stream from recordings to segments: order, failures, what is kept, and what the recognizer never hears."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import LoudnessVAD, silence, speech
from voicechat.errors import AudioFileError, ConfigError, ModelError, VoiceChatError
from voicechat.speech.assembly import Piece
from voicechat.speech.recognizers import OneRecognizer, Result
from voicechat.transcribe import (
    Event,
    FileBegun,
    FileDone,
    FileFailed,
    Progress,
    SegmentHeard,
    Transcription,
)
from voicechat.types import CAPTURE_RATE, Recognized, Transcript, Word

BLOCK = 1600


class ArrayRecording:
    """A recording of these channels; with `fails_at_s` it cannot be read on from there."""

    def __init__(
        self, *channels: np.ndarray, split: bool = False, live: bool = False, fails_at_s: float | None = None
    ) -> None:
        self.split = split
        self.live = live
        self.kept: dict[tuple[int, int, int], Recognized] = {}
        self.read_s = 0.0
        self.keep_fails: VoiceChatError | None = None
        self._channels = np.stack(channels)
        self._fails_at_s = fails_at_s

    def blocks(self) -> Generator[tuple[float, np.ndarray], None, None]:
        for start in range(0, self._channels.shape[1], BLOCK):
            at_s = start / CAPTURE_RATE
            if self._fails_at_s is not None and at_s >= self._fails_at_s:
                raise AudioFileError(f"cannot read it beyond {at_s:.1f} s")
            self.read_s = at_s
            yield at_s, self._channels[:, start : start + BLOCK]

    def recall(self, piece: Piece) -> Recognized | None:
        return self.kept.get(_key(piece))

    def keep(self, piece: Piece, recognized: Recognized) -> None:
        if self.keep_fails is not None:
            raise self.keep_fails
        self.kept[_key(piece)] = recognized


def _key(piece: Piece) -> tuple[int, int, int]:
    return piece.channel, piece.stretch.start, len(piece.stretch.samples)


class LevelTranscriber:
    """Hears how loud a piece is: 'level 50' where the loudest sample is 0.5."""

    max_piece_s = 10.0
    tells_words = True

    def __init__(self, *, batch_size: int = 1, before: Callable[[np.ndarray], None] = lambda piece: None) -> None:
        self.batch_size = batch_size
        self.heard: list[np.ndarray] = []
        self.n_calls = 0
        self.closed = False
        self._before = before

    def transcribe(self, frames: object) -> object:
        raise AssertionError

    def transcribe_pieces(self, pieces: Sequence[np.ndarray], *, words: bool = False) -> list[Recognized]:
        self.n_calls += 1
        texts = []
        for piece in pieces:
            self._before(piece)
            self.heard.append(piece)
            text = f"level {round(100 * float(np.abs(piece).max()))}"
            told = (Word("level", 0.25, 0.35), Word(text.split()[1], 0.35, 0.45)) if words else ()
            texts.append(Recognized(text, told))
        return texts

    def close(self) -> None:
        self.closed = True


class ShuffledRecognizers:
    """Several recognizers that finish in an order of their own."""

    max_piece_s = 10.0

    def __init__(self, seed: int, *, n_at_once: int = 5, batch_size: int = 1) -> None:
        self.n_at_once = n_at_once
        self.batch_size = batch_size
        self._rng = np.random.default_rng(seed)
        self._under_way: list[tuple[int, Result]] = []

    def submit(self, key: int, pieces: Sequence[np.ndarray]) -> None:
        assert len(self._under_way) < self.n_at_once
        self._under_way.append((key, LevelTranscriber().transcribe_pieces(pieces)))

    def take(self, *, wait: bool) -> tuple[int, Result] | None:
        if not self._under_way or (not wait and self._rng.random() < 0.7):
            return None
        return self._under_way.pop(int(self._rng.integers(len(self._under_way))))

    def close(self) -> None:
        pass


def events_of(*recordings: ArrayRecording, transcriber: LevelTranscriber | None = None) -> list[Event]:
    recognizers = OneRecognizer(transcriber or LevelTranscriber(), words=False)  # type: ignore[arg-type]
    return list(Transcription(recognizers, LoudnessVAD).run(recordings))


def texts_of(events: Sequence[Event], number: int = 0) -> list[str]:
    return [event.segment.text for event in events if isinstance(event, SegmentHeard) and event.number == number]


def talk(*levels: int) -> np.ndarray:
    """Speech of these levels with a second of silence around each."""
    parts = [part for level in levels for part in (speech(1, level / 100), silence(1))]
    return np.concatenate([silence(1), *parts])


def test_a_recording_becomes_its_segments() -> None:
    events = events_of(ArrayRecording(talk(50, 60)))

    assert isinstance(events[0], FileBegun)
    assert texts_of(events) == ["level 50", "level 60"]
    assert events[-1] == FileDone(0, 5.0)
    starts = [event.segment.start_s for event in events if isinstance(event, SegmentHeard)]
    assert starts == pytest.approx([1.0, 3.0], abs=0.02)


def test_the_recognizer_hears_no_silence() -> None:
    transcriber = LevelTranscriber()

    events_of(ArrayRecording(np.concatenate([silence(20), talk(50), silence(20)])), transcriber=transcriber)

    assert sum(map(len, transcriber.heard)) <= 1.6 * CAPTURE_RATE


def test_a_recording_without_speech_reaches_no_recognizer() -> None:
    transcriber = LevelTranscriber()

    events = events_of(ArrayRecording(silence(12)), transcriber=transcriber)

    assert transcriber.n_calls == 0
    assert [type(event) for event in events] == [FileBegun, Progress, Progress, FileDone]


def test_one_bad_recording_does_not_end_the_run() -> None:
    events = events_of(
        ArrayRecording(talk(50)), ArrayRecording(talk(60, 61, 62), fails_at_s=3), ArrayRecording(talk(70))
    )

    assert [texts_of(events, number) for number in range(3)] == [["level 50"], ["level 60"], ["level 70"]]
    ends = [event for event in events if isinstance(event, FileDone | FileFailed)]
    assert [type(end) for end in ends] == [FileDone, FileFailed, FileDone]
    assert "beyond 3.0 s" in str(ends[1].error)  # type: ignore[union-attr]


def test_a_recognizer_that_fails_fails_its_recording_only_and_no_more_of_it_is_read() -> None:
    def fail_on_60(piece: np.ndarray) -> None:
        if round(100 * float(np.abs(piece).max())) == 60:
            raise ModelError("no memory")

    bad = ArrayRecording(np.concatenate([talk(60), silence(60)]))

    events = events_of(bad, ArrayRecording(talk(70)), transcriber=LevelTranscriber(before=fail_on_60))

    assert [str(event.error) for event in events if isinstance(event, FileFailed)] == ["no memory"]
    assert texts_of(events, 1) == ["level 70"]
    assert bad.read_s < 10


def test_in_a_batch_of_several_recordings_only_the_one_to_blame_fails() -> None:
    def fail_on_60(piece: np.ndarray) -> None:
        if round(100 * float(np.abs(piece).max())) == 60:
            raise ModelError("no memory")

    recordings = [ArrayRecording(talk(level)) for level in (50, 60, 70)]

    events = events_of(*recordings, transcriber=LevelTranscriber(batch_size=8, before=fail_on_60))

    assert [event.number for event in events if isinstance(event, FileFailed)] == [1]
    assert [texts_of(events, number) for number in (0, 2)] == [["level 50"], ["level 70"]]


def test_after_a_failure_nothing_of_a_recording_is_kept() -> None:
    def fail_on_60(piece: np.ndarray) -> None:
        if round(100 * float(np.abs(piece).max())) == 60:
            raise ModelError("no memory")

    recording = ArrayRecording(talk(60, 50, 70))  # the last two are recognized after the first has failed

    events_of(recording, transcriber=LevelTranscriber(batch_size=8, before=fail_on_60))

    assert recording.kept == {}


def test_a_setting_that_cannot_be_ends_the_run() -> None:
    def refuse(piece: np.ndarray) -> None:
        raise ConfigError("no such language")

    with pytest.raises(ConfigError):
        events_of(ArrayRecording(talk(50)), transcriber=LevelTranscriber(before=refuse))


def test_what_cannot_be_kept_fails_the_recording() -> None:
    recording = ArrayRecording(talk(50))
    recording.keep_fails = AudioFileError("cannot write it: no space left on device")

    events = events_of(recording)

    assert [type(event) for event in events if not isinstance(event, Progress)] == [FileBegun, FileFailed]


@given(
    levels=st.lists(st.lists(st.integers(20, 99), max_size=4), min_size=1, max_size=5),
    seed=st.integers(0, 99),
    batch_size=st.sampled_from([1, 2, 5]),
)
def test_all_comes_in_order_whatever_the_order_in_which_it_is_done(
    levels: list[list[int]], seed: int, batch_size: int
) -> None:
    recordings = [ArrayRecording(talk(*each)) for each in levels]

    transcription = Transcription(ShuffledRecognizers(seed, batch_size=batch_size), LoudnessVAD)
    events = [event for event in transcription.run(recordings) if not isinstance(event, Progress)]

    expected: list[tuple[type, int]] = []
    for number, each in enumerate(levels):
        expected += [(FileBegun, number), *[(SegmentHeard, number)] * len(each), (FileDone, number)]
    assert [(type(event), event.number) for event in events] == expected
    assert [texts_of(events, n) for n in range(len(levels))] == [[f"level {x}" for x in each] for each in levels]


@given(n_first=st.integers(0, 6))
def test_a_run_that_goes_on_gives_what_one_run_gives_and_does_no_work_twice(n_first: int) -> None:
    sound = np.concatenate([talk(20, 30, 40), speech(14, 0.5), talk(60, 70)])
    whole = events_of(ArrayRecording(sound))
    recording = ArrayRecording(sound)
    first = Transcription(OneRecognizer(LevelTranscriber(), words=False), LoudnessVAD).run([recording])  # type: ignore[arg-type]
    while len(recording.kept) < n_first:
        next(first)
    first.close()
    n_kept = len(recording.kept)
    transcriber = LevelTranscriber()

    again = events_of(recording, transcriber=transcriber)

    assert [event for event in again if isinstance(event, SegmentHeard)] == [
        event for event in whole if isinstance(event, SegmentHeard)
    ]
    assert len(transcriber.heard) == len(recording.kept) - n_kept


def test_channels_that_are_speakers_are_heard_each_by_itself_and_told_in_the_order_of_speaking() -> None:
    left = np.concatenate([talk(50), silence(4), talk(52), silence(4)])
    right = np.concatenate([silence(3), talk(61), silence(4), talk(63), silence(1)])

    events = events_of(ArrayRecording(left, right, split=True))

    spoken = [(e.segment.speaker, e.segment.text) for e in events if isinstance(e, SegmentHeard)]
    assert spoken == [("1", "level 50"), ("2", "level 61"), ("1", "level 52"), ("2", "level 63")]


def test_what_comes_live_waits_for_no_batch() -> None:
    recording = ArrayRecording(talk(50, 60, 70), live=True)
    recognizers = OneRecognizer(LevelTranscriber(batch_size=8), words=False)  # type: ignore[arg-type]

    events = Transcription(recognizers, LoudnessVAD).run([recording])
    first = next(event for event in events if isinstance(event, SegmentHeard))

    assert first.segment.text == "level 50"
    assert recording.read_s < 3
    events.close()


def test_words_are_asked_for_and_placed() -> None:
    recognizers = OneRecognizer(LevelTranscriber(), words=True)  # type: ignore[arg-type]

    events = list(Transcription(recognizers, LoudnessVAD).run([ArrayRecording(talk(50))]))

    (segment,) = [event.segment for event in events if isinstance(event, SegmentHeard)]
    assert [word.text for word in segment.words] == ["level", "50"]
    assert segment.start_s == pytest.approx(1.0, abs=0.02)


class StreamingTranscriber:
    """A recognizer for talks, which knows no pieces."""

    def __init__(self) -> None:
        self.closed = False

    def transcribe(self, frames: Sequence[np.ndarray]) -> Generator[Transcript, None, None]:
        yield Transcript("half")
        yield Transcript(f"{sum(map(len, frames)) / CAPTURE_RATE:.0f} s", final=True)

    def close(self) -> None:
        self.closed = True


def test_a_recognizer_for_talks_serves_too() -> None:
    transcriber = StreamingTranscriber()
    recognizers = OneRecognizer(transcriber, words=True)  # type: ignore[arg-type]

    events = list(Transcription(recognizers, LoudnessVAD).run([ArrayRecording(talk(50))]))
    recognizers.close()

    assert texts_of(events) == ["2 s"]  # with its margins
    assert transcriber.closed
