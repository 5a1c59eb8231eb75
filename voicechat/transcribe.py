"""From files to the segments of their transcripts: one stream, each stage pulling the one before.

    blocks -> stretches of speech -> batches -> recognized -> back in order -> segments

All files go through it one after another, so that the recognizers are busy from the first to the last, and only what
is under way is in memory. A file that fails is told and does not end the run. Knows built objects, no concrete class.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from voicechat.errors import ConfigError, VoiceChatError
from voicechat.protocols import VoiceActivityDetector
from voicechat.speech.assembly import Assembly, Piece
from voicechat.speech.batches import Batcher, Reorder
from voicechat.speech.recognizers import Recognizers
from voicechat.speech.stretches import SpeechFinder
from voicechat.types import CAPTURE_RATE, Recognized, Segment

TICK_S = 5.0  # of a recording, between two Progress


class Recording(Protocol):
    """A file to be transcribed.

    Attributes:
        live: its sound comes at the pace of speech, so that no piece waits for others.
        split: its channels are different speakers.
    """

    live: bool
    split: bool

    def blocks(self) -> Generator[tuple[float, np.ndarray], None, None]:
        """Yield its sound: seconds from the start, and float32 (n_channels, n) at 16 kHz.

        Raises:
            AudioFileError: If it cannot be read, or read on.
        """
        ...

    def recall(self, piece: Piece) -> Recognized | None:
        """Give what an earlier run has recognized of a piece; None if none has."""
        ...

    def keep(self, piece: Piece, recognized: Recognized) -> None:
        """Keep what was recognized of a piece, for a later run, should this one be broken off.

        Raises:
            AudioFileError: If it cannot be written.
        """
        ...


@dataclass(frozen=True)
class FileBegun:
    number: int  # index of the recording


@dataclass(frozen=True)
class Progress:
    number: int
    until_s: float  # how much of the recording is done


@dataclass(frozen=True)
class SegmentHeard:
    number: int
    segment: Segment


@dataclass(frozen=True)
class FileDone:
    number: int
    duration_s: float


@dataclass(frozen=True)
class FileFailed:
    number: int
    error: VoiceChatError


Event: TypeAlias = FileBegun | Progress | SegmentHeard | FileDone | FileFailed


@dataclass(frozen=True, eq=False)
class _PieceCut:
    number: int
    recording: Recording
    piece: Piece


# What a piece has become, or whatever else happens in its place in the order.
_Ordered: TypeAlias = tuple[_PieceCut, Recognized | VoiceChatError] | FileBegun | Progress | FileDone | FileFailed


class Transcription:
    """Transcribes recordings with what it is given; run it once."""

    def __init__(self, recognizers: Recognizers, make_vad: Callable[[], VoiceActivityDetector]) -> None:
        """Set up.

        Args:
            make_vad: makes a detector for one channel of one recording.
        """
        self._recognizers = recognizers
        self._make_vad = make_vad
        self._failed: set[int] = set()  # recordings of which no more is wanted
        self._under_way: dict[int, list[tuple[int, _PieceCut]]] = {}  # batches at the recognizers
        self._n_batches = 0
        self._reorder: Reorder[_Ordered] = Reorder()

    def run(self, recordings: Iterable[Recording]) -> Generator[Event, None, None]:
        """Yield what happens: for each recording, in their order, FileBegun, segments, then FileDone or FileFailed.

        Raises:
            ConfigError: If a setting of the recognizer turns out to be one that cannot be.
            ModelError: If no recognizer can be made.
        """
        assemblies: dict[int, Assembly] = {}
        splits: dict[int, bool] = {}

        def noted() -> Iterator[Recording]:
            for number, recording in enumerate(recordings):
                splits[number] = recording.split
                yield recording

        for event in self._ordered(self._items(noted())):
            match event:
                case (cut, Recognized() as recognized):
                    if cut.number in assemblies:
                        segments = assemblies[cut.number].push(cut.piece, recognized)
                        yield from (SegmentHeard(cut.number, segment) for segment in segments)
                case (cut, VoiceChatError() as error):
                    if assemblies.pop(cut.number, None) is not None:
                        yield FileFailed(cut.number, error)
                case FileBegun(number):
                    assemblies[number] = Assembly(split=splits.pop(number))
                    yield event
                case FileDone(number) | FileFailed(number):
                    assembly = assemblies.pop(number, None)
                    if assembly is not None:
                        if isinstance(event, FileDone):
                            yield from (SegmentHeard(number, segment) for segment in assembly.finish())
                        yield event
                case Progress(number):
                    if number in assemblies:
                        yield event

    def _items(self, recordings: Iterable[Recording]) -> Iterator[_PieceCut | Event]:
        """Yield what is in the recordings, in order."""
        for number, recording in enumerate(recordings):
            yield FileBegun(number)
            try:
                yield from self._cut(number, recording)
            except ConfigError:
                raise
            except VoiceChatError as error:
                yield FileFailed(number, error)

    def _cut(self, number: int, recording: Recording) -> Iterator[_PieceCut | Progress | FileDone]:
        finders: list[SpeechFinder] = []
        until_s = told_s = 0.0
        with closing(recording.blocks()) as blocks:
            for at_s, channels in blocks:
                if number in self._failed:
                    return
                if not finders:
                    finders = [self._finder() for _ in channels]
                for channel, (finder, samples) in enumerate(zip(finders, channels, strict=True)):
                    for stretch in finder.push(samples, position=round(at_s * CAPTURE_RATE)):
                        piece = Piece(stretch, channel, floor=min(each.floor for each in finders))
                        yield _PieceCut(number, recording, piece)
                until_s = at_s + channels.shape[1] / CAPTURE_RATE
                if until_s - told_s >= TICK_S:
                    told_s = until_s
                    yield Progress(number, until_s)
        for channel, finder in enumerate(finders):
            for stretch in finder.finish():
                piece = Piece(stretch, channel, floor=min(each.floor for each in finders))
                yield _PieceCut(number, recording, piece)
        yield FileDone(number, until_s)

    def _finder(self) -> SpeechFinder:
        return SpeechFinder(self._make_vad(), max_stretch_s=self._recognizers.max_piece_s)

    def _ordered(self, items: Iterable[_PieceCut | Event]) -> Iterator[_Ordered]:
        """Have the pieces recognized, several at once, and yield all in the order in which it came."""
        batcher: Batcher[tuple[int, _PieceCut]] = Batcher(
            size=self._recognizers.batch_size,
            length=lambda each: len(each[1].piece.stretch.samples) / CAPTURE_RATE,
        )
        for index, item in enumerate(items):
            if not isinstance(item, _PieceCut):
                assert not isinstance(item, SegmentHeard)
                yield from self._reorder.put(index, item)
            elif (recalled := item.recording.recall(item.piece)) is not None:
                yield from self._reorder.put(index, (item, recalled))
            else:
                for batch in batcher.push((index, item)):
                    yield from self._submit(batch)
                if item.recording.live:
                    for batch in batcher.flush():
                        yield from self._submit(batch)
            yield from self._collect(wait=False)
        for batch in batcher.flush():
            yield from self._submit(batch)
        while self._under_way:
            yield from self._collect(wait=True)

    def _submit(self, batch: list[tuple[int, _PieceCut]]) -> Iterator[_Ordered]:
        self._under_way[self._n_batches] = batch
        self._recognizers.submit(self._n_batches, [cut.piece.stretch.samples for _, cut in batch])
        self._n_batches += 1
        while len(self._under_way) >= self._recognizers.n_at_once:
            yield from self._collect(wait=True)

    def _collect(self, *, wait: bool) -> Iterator[_Ordered]:
        """Take what is done from the recognizers, at least one batch if `wait`."""
        while self._under_way and (taken := self._recognizers.take(wait=wait)) is not None:
            wait = False
            key, result = taken
            batch = self._under_way.pop(key)
            if isinstance(result, VoiceChatError) and len(batch) > 1:
                for single in batch:  # they may be of several files, and one of them to blame
                    yield from self._submit([single])
                continue
            results: Sequence[Recognized | VoiceChatError] = [result] if isinstance(result, VoiceChatError) else result
            for (index, cut), each in zip(batch, results, strict=True):
                yield from self._reorder.put(index, (cut, self._kept(cut, each)))

    def _kept(self, cut: _PieceCut, result: Recognized | VoiceChatError) -> Recognized | VoiceChatError:
        """Let the recording keep a result; from the first failure on, none is wanted."""
        if cut.number not in self._failed and isinstance(result, Recognized):
            try:
                cut.recording.keep(cut.piece, result)
            except VoiceChatError as error:
                result = error
        if isinstance(result, VoiceChatError):
            self._failed.add(cut.number)
        return result
