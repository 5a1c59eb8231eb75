"""One audio file or pipe, of any kind, into samples at 16 kHz; knows nothing of turns, pacing or other files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voicechat.audio.file_errors import os_reason
from voicechat.audio.pcm import channel_samples
from voicechat.audio.pipe_reader import PipeReader
from voicechat.audio.resample import Resampler
from voicechat.errors import AudioFileError
from voicechat.types import CAPTURE_RATE, Notice, Severity

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet
    from av.container import InputContainer

SLOWEST_RATE, FASTEST_RATE = 1_000, 1_000_000  # Hz; what claims to be outside is damaged
MISSING_S = 0.05  # a jump in the time stamps from which sound counts as lost
# A jump back by more than the first, or ahead by more than the second, is a clock that was set anew.
JUMP_BACK_S, JUMP_AHEAD_S = 1.0, 12 * 3600.0
SHORT_S = 0.1  # by how much a file may be shorter than its header says
MAX_READ_ERRORS = 100  # in a row, before the rest of a file is given up
HEAD_BYTES = 4_096
AV_TIME_BASE = 1_000_000  # per second; of a container as a whole

# What a file of a known kind begins with (or, last, has at byte 4): if it cannot be opened, its header is damaged.
_MAGIC = (b"RIFF", b"RF64", b"ID3", b"\xff\xfb", b"\xff\xf3", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"\x1aE\xdf")
_MAGIC_AT_4 = b"ftyp"
# Kinds whose header or last page says how long the sound is; elsewhere ffmpeg guesses from the bit rate.
_TIMED = frozenset({"w64", "aiff", "caf", "flac", "ogg", "mov,mp4,m4a,3gp,3g2,mj2"})
# A WAV that was written into a pipe promises about 2 or 4 GiB, because its writer could not know.
_ENDLESS_BYTES = 0x7FFF_0000


@dataclass(frozen=True, eq=False)
class Block:
    """The next samples of a file, and when they are heard."""

    at_s: float  # of the first sample, from the start of the file; sound that was lost counts
    channels: np.ndarray  # float32 (n_channels, n), n >= 1, in [-1, 1] at 16 kHz


class FileDecoder:
    """Reads an open file at 16 kHz, piece by piece, in constant memory.

    What is damaged is read around and reported once, with the place; how much was lost is said at the end.

    Args:
        file: unbuffered, and able to seek unless it is a PipeReader; closed with the decoder.
        label: the file's name as messages show it.
        notify: gets what the user should know.
        raw_rate: Hz of headerless signed 16-bit little-endian mono samples; None if the file has a header.

    Raises:
        AudioFileError: If it is not audio, has no sound in it or cannot be read.
    """

    def __init__(
        self, file: io.RawIOBase, *, label: str, notify: Callable[[Notice], None], raw_rate: int | None = None
    ) -> None:
        self._file = file
        self._label = label
        self._notify = notify
        self._origin_s: float | None = None  # the time stamp at which the file begins; None before the first
        self._position_s = 0.0  # how much of the file has been decoded or lost
        self._heard_s = 0.0  # how much was decoded
        self._lost_s = 0.0
        self._damaged = False
        self._n_replaced = 0  # samples that were no numbers
        self._container: InputContainer | None = None
        self._head = b""
        try:
            self._head, self._file_bytes = _look_at(file)
            if not self._head:
                raise AudioFileError(f"{label} is empty")
            self._container = self._open(raw_rate)
            self._stream = self._pick_stream(self._container)
        except OSError as exc:
            self.close()
            raise AudioFileError(f"cannot read {label}: {os_reason(exc)}") from exc
        except AudioFileError:
            self.close()
            raise

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield the mean of the channels, float32 (n,), n >= 1, in [-1, 1] at 16 kHz, to the end of the file.

        Raises:
            AudioFileError: If the file cannot be read on.
        """
        for block in self.blocks():
            yield block.channels[0]

    def blocks(self, *, split: bool = False) -> Iterator[Block]:
        """Yield the sound to the end of the file, with the time of each block.

        Args:
            split: give each channel by itself, as many as the first frame has, and not their mean.

        Raises:
            AudioFileError: If the file cannot be read on.
        """
        run: _Run | None = None
        for start_s, frame in self._frames():
            channels, n_replaced = channel_samples(frame)
            self._n_replaced += n_replaced
            if not split:
                channels = channels.mean(axis=0, dtype=np.float32, keepdims=True)
            if run is None or not run.goes_on(start_s, frame.sample_rate):
                n_channels = len(channels)
                if run is not None:
                    n_channels = run.n_channels
                    yield from run.flush()
                run = _Run(start_s, self._checked(frame.sample_rate), n_channels)
            yield from run.push(channels)
        if run is not None:
            yield from run.flush()
        self._sum_up()

    @property
    def duration_s(self) -> float | None:
        """How long the sound is, as far as the file tells; None if it does not."""
        if isinstance(self._file, PipeReader):
            return None
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        assert self._container is not None
        return None if self._container.duration is None else self._container.duration / AV_TIME_BASE

    @property
    def n_channels(self) -> int:
        """How many channels the file says it has."""
        return self._stream.codec_context.channels

    def close(self) -> None:
        """Close the file. Idempotent; in the thread that reads."""
        if self._container is not None:
            self._container.close()
        self._file.close()

    def _open(self, raw_rate: int | None) -> InputContainer:
        import av
        from av.error import FFmpegError

        # A playlist must not make us open other files or the network.
        options = {"protocol_whitelist": "none"}
        if raw_rate is not None:
            options |= {"sample_rate": str(raw_rate), "ch_layout": "mono"}
        elif isinstance(self._file, PipeReader) and self._head.startswith(b"RIFF"):
            # Else ffmpeg reads many seconds before it gives the first, to see whether the WAV holds DTS, not samples.
            options["probesize"] = "32"  # bytes, the least; it still takes 64 KiB
        try:
            return av.open(
                self._file,
                "r",
                format="s16le" if raw_rate is not None else None,
                options=options,
                metadata_errors="replace",  # titles are often Latin-1; we do not read them
            )
        except FFmpegError as exc:
            known = self._head.startswith(_MAGIC) or self._head[4:8] == _MAGIC_AT_4
            why = "its header is damaged or cut off" if known else "it is not an audio file of a known kind"
            raise AudioFileError(f"cannot read {self._label}: {why}") from exc

    def _pick_stream(self, container: InputContainer) -> AudioStream:
        if not container.streams.audio:
            picture = container.format.name in ("tty", "image2") or container.format.name.endswith("_pipe")
            if container.streams.video and not picture:
                raise AudioFileError(f"{self._label} is a video without sound")
            raise AudioFileError(f"cannot read {self._label}: it is not an audio file of a known kind")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise AudioFileError(f"cannot read {self._label}: there is no decoder for its sound")
        return stream

    def _frames(self) -> Iterator[tuple[float, AudioFrame]]:
        """Yield what can be decoded, and at how many seconds it begins, noting what cannot."""
        from av.error import FFmpegError

        for packet in self._packets():
            try:
                frames = self._stream.decode(packet)
            except FFmpegError:
                self._note_damage()
                continue
            for frame in frames:
                if frame.samples:
                    yield self._follow_time(frame), frame

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        from av.error import FFmpegError

        assert self._container is not None
        n_errors = 0
        while n_errors < MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    n_errors = 0
                    yield packet
                return
            except FFmpegError:
                n_errors += 1
                self._note_damage()
            except OSError as exc:
                raise AudioFileError(
                    f"cannot read {self._label} beyond {self._position_s:.1f} s: {os_reason(exc)}"
                ) from exc

    def _follow_time(self, frame: AudioFrame) -> float:
        """Give when a frame begins; a jump of the time stamps is sound that was lost before it reached us."""
        duration_s = frame.samples / self._checked(frame.sample_rate)
        if frame.pts is not None and frame.time_base is not None:
            stamp_s = float(frame.pts * frame.time_base)
            if self._origin_s is None:
                self._origin_s = self._container_start_s(stamp_s)
            jump_s = stamp_s - self._origin_s - self._position_s
            if not -JUMP_BACK_S <= jump_s <= JUMP_AHEAD_S:
                self._origin_s += jump_s
            else:
                if self._heard_s and jump_s > MISSING_S:
                    self._note_damage()
                    self._lost_s += jump_s
                self._position_s += jump_s
        start_s = max(self._position_s, 0.0)
        self._position_s += duration_s
        self._heard_s += duration_s
        return start_s

    def _container_start_s(self, first_stamp_s: float) -> float:
        """Give the time stamp at which the file begins to play: a video's sound may begin later."""
        assert self._container is not None
        if self._container.start_time is None:
            return first_stamp_s
        return min(self._container.start_time / AV_TIME_BASE, first_stamp_s)

    def _checked(self, sample_rate: int) -> int:
        if not SLOWEST_RATE <= sample_rate <= FASTEST_RATE:
            raise AudioFileError(f"cannot read {self._label}: it claims a sample rate of {sample_rate} Hz")
        return sample_rate

    def _note_damage(self) -> None:
        if not self._damaged:
            self._damaged = True
            self._warn(f"{self._label} is damaged at {self._position_s:.1f} s; reading on behind it")

    def _sum_up(self) -> None:
        """Tell at the end of the file what was wrong with it."""
        missing_s = max(self._promised_s() - self._heard_s - self._lost_s, 0)
        if self._n_replaced:
            plural = "s were" if self._n_replaced > 1 else " was"
            self._warn(f"{self._label}: {self._n_replaced} sample{plural} NaN or infinite and read as silence")
        if self._damaged and self._lost_s + missing_s > MISSING_S:
            self._warn(f"{self._label}: {self._lost_s + missing_s:.1f} s of sound were lost to damage")
        elif missing_s > SHORT_S:
            self._warn(f"{self._label} ends early: {missing_s:.1f} s of the sound are missing")
        elif not self._heard_s:
            self._warn(f"{self._label} has no sound in it")

    def _promised_s(self) -> float:
        """Give how long the file says it is; 0 if it does not."""
        assert self._container is not None
        kind = self._container.format.name
        if kind == "wav":  # ffmpeg believes the length of the file rather than the header
            n_missing = int.from_bytes(self._head[4:8], "little") + 8 - self._file_bytes
            bytes_per_s = int.from_bytes(self._head[28:32], "little")
            if not 0 < n_missing < _ENDLESS_BYTES or self._head[12:16] != b"fmt " or not bytes_per_s:
                return 0.0
            return self._heard_s + self._lost_s + n_missing / bytes_per_s
        timed = kind in _TIMED or (kind == "mp3" and (b"Xing" in self._head or b"Info" in self._head))
        if not timed or self._stream.duration is None or self._stream.time_base is None:
            return 0.0
        return float(self._stream.duration * self._stream.time_base)

    def _warn(self, text: str) -> None:
        self._notify(Notice(text, Severity.WARNING))


def _look_at(file: io.RawIOBase) -> tuple[bytes, int]:
    """Give the first bytes of an input, still to be read, and its length; of a pipe few, and a length without end."""
    if isinstance(file, PipeReader):
        return file.peek(12), _ENDLESS_BYTES
    start = file.tell()
    head = file.read(HEAD_BYTES) or b""
    length = file.seek(0, io.SEEK_END)
    file.seek(start)
    return head, length


class _Run:
    """Sound without a gap and at one rate, on its way to 16 kHz."""

    def __init__(self, start_s: float, sample_rate: int, n_channels: int) -> None:
        self.n_channels = n_channels
        self._start_s = start_s
        self._sample_rate = sample_rate
        self._resamplers = [Resampler(sample_rate, CAPTURE_RATE) for _ in range(n_channels)]
        self._n_in = 0  # samples of each channel
        self._n_out = 0

    def goes_on(self, start_s: float, sample_rate: int) -> bool:
        """Whether a frame belongs to this run."""
        expected_s = self._start_s + self._n_in / self._sample_rate
        return sample_rate == self._sample_rate and abs(start_s - expected_s) <= MISSING_S

    def push(self, channels: np.ndarray) -> Iterator[Block]:
        """Take (n, n_samples) and yield what is ready; a channel that is missing is silent, one too many is dropped."""
        self._n_in += channels.shape[1]
        if len(channels) < self.n_channels:
            channels = np.pad(channels, ((0, self.n_channels - len(channels)), (0, 0)))
        pairs = zip(self._resamplers, channels, strict=False)
        yield from self._block([resampler.push(channel) for resampler, channel in pairs])

    def flush(self) -> Iterator[Block]:
        """Yield the rest."""
        yield from self._block([resampler.flush() for resampler in self._resamplers])

    def _block(self, channels: list[np.ndarray]) -> Iterator[Block]:
        at_s = self._start_s + self._n_out / CAPTURE_RATE
        self._n_out += len(channels[0])
        if len(channels[0]):
            yield Block(at_s, np.clip(np.stack(channels), -1, 1))  # resampling overshoots
