"""MP3 in process: decode a stream as its bytes come, encode a recording. No files, no network, no ffmpeg program."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

import numpy as np

from voicechat.audio.encoder import FORMATS, AudioEncoder
from voicechat.audio.mp3_frames import FrameSplitter, GaplessInfo, parse_header, parse_info
from voicechat.audio.pcm import mono_samples
from voicechat.types import AudioChunk

if TYPE_CHECKING:
    from av import AudioCodecContext


class Mp3Decoder:
    """Decodes an MP3 stream, however its bytes are cut: the samples are those of the whole file, to the bit.

    Tags and garbage are skipped; a damaged frame costs its own sound and no more. Where the stream says how (as LAME
    and ffmpeg write it), the encoder's delay and padding are cut off, so that the sound is as long as what went in.
    Streams one after another are decoded one after another, each at its own rate.
    """

    def __init__(self) -> None:
        from av import CodecContext

        self._codec = cast("AudioCodecContext", CodecContext.create("mp3float", "r"))
        self._splitter = FrameSplitter()
        self._gapless: GaplessInfo | None = None
        self._position = 0  # samples decoded since _gapless began to count

    def push(self, data: bytes) -> list[AudioChunk]:
        """Give the sound, mono, of the frames that the next bytes complete."""
        return self._decode(self._splitter.push(data))

    def flush(self) -> list[AudioChunk]:
        """End the stream and give what is left; the next `push` starts a fresh one."""
        chunks = self._decode(self._splitter.flush())
        self._codec.flush_buffers()
        self._gapless, self._position = None, 0
        return chunks

    def _decode(self, frames: list[bytes]) -> list[AudioChunk]:
        chunks: list[AudioChunk] = []
        for frame in frames:
            header = parse_header(frame)
            assert header is not None
            info = parse_info(frame, header)
            if info is not None:
                self._gapless, self._position = info, 0
                continue
            start, self._position = self._position, self._position + header.n_samples
            samples = self._decode_frame(frame)
            if self._gapless is not None:
                before, after = self._gapless.keeps(start, self._position)
                samples = np.concatenate([samples[before], samples[after]])
            if len(samples):
                chunks.append(AudioChunk(samples, header.sample_rate))
        return chunks

    def _decode_frame(self, frame: bytes) -> np.ndarray:
        """Give a frame's sound, float32 (n,); nothing if it is damaged."""
        from av import Packet
        from av.error import InvalidDataError

        try:
            decoded = self._codec.decode(Packet(frame))
        except InvalidDataError:
            return np.zeros(0, np.float32)
        return np.concatenate([np.zeros(0, np.float32), *(mono_samples(part)[0] for part in decoded)])


def encode_mp3(samples: np.ndarray, *, sample_rate: int, bit_rate_kbps: int = 64) -> bytes:
    """Encode mono audio, float32 (n,), as an MP3 file; of no samples at all, 0.1 s of silence.

    A rate that MP3 does not know is resampled to the next higher one.
    """
    file = io.BytesIO()
    encoder = AudioEncoder(file, FORMATS[".mp3"], bit_rate_kbps=bit_rate_kbps)
    encoder.write(AudioChunk(samples, sample_rate))
    encoder.close()
    return file.getvalue()
