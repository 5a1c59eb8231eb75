"""One audio file or pipe, of any kind, into mono samples at 16 kHz; knows nothing of turns, pacing or other files."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from voicechat.audio.file_errors import os_reason
from voicechat.audio.pcm import mono_samples
from voicechat.audio.pipe_reader import PipeReader
from voicechat.audio.resample import Resampler
from voicechat.errors import AudioFileError
from voicechat.types import CAPTURE_RATE, Notice, Severity

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet
    from av.container import InputContainer

SLOWEST_RATE, FASTEST_RATE = 1_000, 1_000_000  # Hz; what claims to be outside is damaged
MISSING_S = 0.05  # a jump in the time stamps from which sound counts as lost
SHORT_S = 0.1  # by how much a file may be shorter than its header says
MAX_READ_ERRORS = 100  # in a row, before the rest of a file is given up
HEAD_BYTES = 4_096

# What a file of a known kind begins with (or, last, has at byte 4): if it cannot be opened, its header is damaged.
_MAGIC = (b"RIFF", b"RF64", b"ID3", b"\xff\xfb", b"\xff\xf3", b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"\x1aE\xdf")
_MAGIC_AT_4 = b"ftyp"
# Kinds whose header or last page says how long the sound is; elsewhere ffmpeg guesses from the bit rate.
_TIMED = frozenset({"w64", "aiff", "caf", "flac", "ogg", "mov,mp4,m4a,3gp,3g2,mj2"})
# A WAV that was written into a pipe promises about 2 or 4 GiB, because its writer could not know.
_ENDLESS_BYTES = 0x7FFF_0000


class FileDecoder:
    """Reads an open file as mono at 16 kHz, piece by piece, in constant memory.

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
        """Yield float32 (n,), n >= 1, in [-1, 1] at 16 kHz, to the end of the file.

        Raises:
            AudioFileError: If the file cannot be read on.
        """
        resampler: Resampler | None = None
        for frame in self._frames():
            if resampler is None or resampler.from_rate != frame.sample_rate:
                if resampler is not None:
                    yield from _some(resampler.flush())
                resampler = Resampler(self._checked(frame.sample_rate), CAPTURE_RATE)
            samples, n_replaced = mono_samples(frame)
            self._n_replaced += n_replaced
            yield from _some(resampler.push(samples))
        if resampler is not None:
            yield from _some(resampler.flush())
        self._sum_up()

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

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield what can be decoded, noting what cannot."""
        from av.error import FFmpegError

        for packet in self._packets():
            try:
                frames = self._stream.decode(packet)
            except FFmpegError:
                self._note_damage()
                continue
            for frame in frames:
                if frame.samples:
                    self._follow_time(frame)
                    yield frame

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

    def _follow_time(self, frame: AudioFrame) -> None:
        """Advance the position; a jump of the time stamps is sound that was lost before it reached us."""
        duration_s = frame.samples / self._checked(frame.sample_rate)
        if frame.pts is not None and frame.time_base is not None:
            start_s = float(frame.pts * frame.time_base)
            if self._heard_s and start_s - self._position_s > MISSING_S:
                self._note_damage()
                self._lost_s += start_s - self._position_s
            self._position_s = start_s
        self._position_s += duration_s
        self._heard_s += duration_s

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


def _some(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the samples unless there are none; clipped, for resampling overshoots."""
    if len(samples):
        yield np.clip(samples, -1, 1)
