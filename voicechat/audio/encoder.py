"""Mono 16-bit audio into an open file, by codec; knows nothing of file names, turns or where the file lives."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from io import RawIOBase
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from voicechat.audio.pcm import to_int16
from voicechat.audio.resample import Resampler
from voicechat.errors import AudioFileError
from voicechat.types import CAPTURE_RATE, AudioChunk

if TYPE_CHECKING:
    from av import AudioStream
    from av.container import OutputContainer


@dataclass(frozen=True)
class AudioFormat:
    """One kind of file that can be written."""

    container: str  # ffmpeg's name of it
    codec: str
    mime_type: str
    rates: tuple[int, ...] = ()  # Hz, ascending; () for any
    bit_rate_kbps: int | None = None  # None where nothing is lost
    can_be_empty: bool = True  # whether a file without a single sample can be read


# https://lame.sourceforge.io and RFC 6716 section 2: the rates that MP3 and Opus know.
FORMATS = {
    ".wav": AudioFormat("wav", "pcm_s16le", "audio/wav"),
    ".mp3": AudioFormat(
        "mp3",
        "libmp3lame",
        "audio/mpeg",
        rates=(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
        bit_rate_kbps=64,
        can_be_empty=False,
    ),
    ".flac": AudioFormat("flac", "flac", "audio/flac"),
    ".ogg": AudioFormat(
        "ogg",
        "libopus",
        "audio/ogg",
        rates=(8_000, 12_000, 16_000, 24_000, 48_000),
        bit_rate_kbps=48,
        can_be_empty=False,
    ),
}
SHORTEST_S = 0.1  # of silence, in place of nothing, where a format cannot hold nothing


@dataclass(frozen=True)
class _Output:
    """What is open while there is something to encode."""

    container: OutputContainer
    stream: AudioStream
    sample_rate: int  # Hz


class AudioEncoder:
    """Encodes chunks one after another; every packet reaches the file before `write` returns.

    The rate is the first chunk's, or the next higher one that the format knows; chunks of other rates are resampled.
    The same chunks always give the same bytes. The file is neither opened nor closed here, and need not be seekable:
    then lengths in headers stay open, as streaming programs write them.

    Attributes:
        sample_rate: Hz of the file, None before the first chunk.
    """

    def __init__(
        self, file: BinaryIO | RawIOBase, file_format: AudioFormat, *, bit_rate_kbps: int | None = None
    ) -> None:
        """Take an open file.

        Raises:
            AudioFileError: If the installed PyAV was built without the encoder.
        """
        from av.codec import Codec
        from av.codec.codec import UnknownCodecError

        try:
            Codec(file_format.codec, "w")
        except UnknownCodecError as exc:
            raise AudioFileError(
                f"the installed PyAV cannot write {file_format.container} (no encoder {file_format.codec}); "
                "reinstall it from PyPI: pip install --force-reinstall av"
            ) from exc
        self._file = file
        self._format = file_format
        self._bit_rate_kbps = bit_rate_kbps or file_format.bit_rate_kbps
        self._output: _Output | None = None  # from the first chunk on
        self._resampler: Resampler | None = None  # of the chunks' present rate
        self._n_samples = 0  # given to the codec
        self._closed = False

    @property
    def sample_rate(self) -> int | None:
        return self._output.sample_rate if self._output is not None else None

    def write(self, chunk: AudioChunk) -> None:
        """Encode a chunk.

        Raises:
            OSError: If the file cannot take it.
        """
        output = self._output = self._output or self._open(chunk.sample_rate)
        if self._resampler is None or self._resampler.from_rate != chunk.sample_rate:
            self._end_signal(output)
            self._resampler = Resampler(chunk.sample_rate, output.sample_rate)
        self._encode(self._resampler.push(chunk.samples), output)

    def close(self) -> None:
        """Write what the codec still holds and complete the headers. Idempotent.

        Raises:
            OSError: If the file cannot take it.
        """
        if self._closed:
            return
        self._closed = True
        output = self._output = self._output or self._open(CAPTURE_RATE)
        self._end_signal(output)
        if self._n_samples == 0 and not self._format.can_be_empty:
            self._encode(np.zeros(round(SHORTEST_S * output.sample_rate), np.float32), output)
        output.container.start_encoding()
        output.container.mux(output.stream.encode(None))
        output.container.close()

    def _open(self, sample_rate: int) -> _Output:
        import av

        rates = self._format.rates
        if rates:
            sample_rate = next((rate for rate in rates if rate >= sample_rate), rates[-1])
        container = av.open(
            self._file,
            "w",
            format=self._format.container,
            # Nothing waits in a buffer where a crash would lose it (an Ogg page, in microseconds, at most that long);
            # no dates and versions, so that bytes repeat.
            container_options={"flush_packets": "1", "page_duration": "200000", "fflags": "+bitexact"},
        )
        options = {"flags": "+bitexact"}
        stream = cast("AudioStream", container.add_stream(self._format.codec, rate=sample_rate, options=options))
        stream.layout = "mono"
        if self._bit_rate_kbps is not None:
            stream.bit_rate = self._bit_rate_kbps * 1000
        return _Output(container, stream, sample_rate)

    def _end_signal(self, output: _Output) -> None:
        """Encode what is left of the chunks of one rate."""
        if self._resampler is not None:
            self._encode(self._resampler.flush(), output)

    def _encode(self, samples: np.ndarray, output: _Output) -> None:
        if not len(samples):
            return
        from av import AudioFrame

        frame = AudioFrame.from_ndarray(to_int16(samples)[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = output.sample_rate
        frame.time_base = Fraction(1, output.sample_rate)
        frame.pts = self._n_samples
        self._n_samples += len(samples)
        output.container.mux(output.stream.encode(frame))
