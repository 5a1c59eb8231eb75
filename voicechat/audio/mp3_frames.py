"""Find the frames of an MP3 stream: bytes in, whole frames out. Pure; knows the framing and nothing of the sound.

ISO 11172-3 and 13818-3 (and the common MPEG 2.5), layer III only; tags are https://id3.org and the LAME tag of
http://gabriel.mp3-tech.org/mp3infotag.html.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADER_BYTES = 4
DECODER_DELAY_SAMPLES = 529  # every MP3 decoder is late by that much: 528 of the filter bank and 1

_BIT_RATES_KBPS = {  # by the low bit of the version: MPEG 1, then MPEG 2 and 2.5
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version


@dataclass(frozen=True)
class FrameHeader:
    """What the first four bytes of a frame say."""

    n_bytes: int  # of the whole frame
    n_samples: int  # per channel
    sample_rate: int  # Hz
    info_at: int  # where in the frame an Xing or Info tag would stand
    kind: tuple[int, int]  # version and rate: the same in all frames of a stream


def parse_header(data: bytes | bytearray, at: int = 0) -> FrameHeader | None:
    """Read the frame header at `at`; None if there is none, or one that says nonsense."""
    if len(data) < at + HEADER_BYTES or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer, has_crc = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3, not data[at + 1] & 1
    bit_rate_index, rate_index, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer != 1 or bit_rate_index in (0, 15) or rate_index == 3:
        return None
    mpeg_1 = version == 3
    mono = data[at + 3] >> 6 == 3
    sample_rate = _SAMPLE_RATES[version][rate_index]
    n_samples = 1152 if mpeg_1 else 576
    bit_rate = 1000 * _BIT_RATES_KBPS[version & 1][bit_rate_index]
    side_info = (17 if mono else 32) if mpeg_1 else (9 if mono else 17)
    return FrameHeader(
        n_bytes=n_samples // 8 * bit_rate // sample_rate + padding,
        n_samples=n_samples,
        sample_rate=sample_rate,
        info_at=HEADER_BYTES + 2 * has_crc + side_info,
        kind=(version, rate_index),
    )


@dataclass(frozen=True)
class GaplessInfo:
    """Which samples of a stream are its sound and which are the encoder's and decoder's delay and padding."""

    first: int  # sample of the decoded stream (this frame not counted) at which the sound begins
    padding_from: int  # and where its padding begins
    padding_to: int  # and ends

    def keeps(self, start: int, stop: int) -> tuple[slice, slice]:
        """Give the parts of the decoded samples start..stop, relative to start, before and after the padding."""
        before = slice(max(self.first - start, 0), max(min(stop, self.padding_from) - start, 0))
        after = slice(max(self.padding_to - start, 0), stop - start)
        return before, after


def parse_info(frame: bytes, header: FrameHeader) -> GaplessInfo | None:
    """Read the Xing or Info tag of a frame, which then holds no sound; None if it has none."""
    at = header.info_at
    if frame[at : at + 4] not in (b"Xing", b"Info"):
        return None
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    at += 8
    n_frames = int.from_bytes(frame[at : at + 4], "big") if flags & 1 else 0
    at += 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    delays = int.from_bytes(frame[at + 21 : at + 24], "big")
    total = n_frames * header.n_samples
    if frame[at : at + 4] not in (b"LAME", b"Lavf", b"Lavc") or len(frame) < at + 24:
        return GaplessInfo(0, total, total)
    delay, padding = delays >> 12, delays & 0xFFF
    first = delay + DECODER_DELAY_SAMPLES
    if not n_frames or first > total:
        return GaplessInfo(first, first, first)
    return GaplessInfo(first, max(first, min(total, total - padding + DECODER_DELAY_SAMPLES)), total)


class FrameSplitter:
    """Cuts a stream of bytes into MP3 frames, skipping tags and whatever else stands between them.

    A first frame counts only once a second one of its kind follows right behind it, for two bytes of any garbage may
    look like a header; from then on each frame is given as soon as it is whole. How the bytes are cut when they come
    makes no difference. Holds at most about two frames of them.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._n_skip = 0  # bytes of a tag that are still to come
        self._kind: tuple[int, int] | None = None  # of the stream we are in step with
        self._fresh = True  # nothing but tags has come so far

    def push(self, data: bytes) -> list[bytes]:
        """Give the frames that the next bytes complete."""
        self._buffer += data
        return self._split(last=False)

    def flush(self) -> list[bytes]:
        """End the stream and give what frames are left; the next `push` starts a fresh one."""
        frames = self._split(last=True)
        self._buffer.clear()
        self._n_skip, self._kind, self._fresh = 0, None, True
        return frames

    def _split(self, *, last: bool) -> list[bytes]:
        frames: list[bytes] = []
        at = 0
        while True:
            if self._n_skip:
                n_skipped = min(self._n_skip, len(self._buffer) - at)
                at, self._n_skip = at + n_skipped, self._n_skip - n_skipped
            if len(self._buffer) - at < (HEADER_BYTES if last else 10):  # 10: an ID3 header, the longest we look for
                break
            if (self._kind or self._fresh) and (n_tag := _id3_bytes(self._buffer, at)):
                self._n_skip = n_tag
                continue
            header = self._frame_at(at, last=last)
            if header is None:
                self._kind, self._fresh = None, False
                at = self._next_sync(at + 1)
                continue
            if at + header.n_bytes > len(self._buffer) or not (self._kind or self._confirmed(at, header, last=last)):
                break  # not whole yet, or not yet known to be one
            self._kind, self._fresh = header.kind, False
            frames.append(bytes(self._buffer[at : at + header.n_bytes]))
            at += header.n_bytes
        del self._buffer[:at]
        return frames

    def _frame_at(self, at: int, *, last: bool) -> FrameHeader | None:
        """Read the header of a frame that is, or may still turn out to be, one of the stream."""
        header = parse_header(self._buffer, at)
        if header is None:
            return None
        if self._kind is not None and header.kind == self._kind:
            return header
        if self._kind is not None:
            self._kind = None  # another stream may begin here: it must prove itself like any first frame
        following = at + header.n_bytes
        if len(self._buffer) >= following + HEADER_BYTES and not self._confirmed(at, header, last=last):
            return None
        if last and len(self._buffer) < following + HEADER_BYTES and len(self._buffer) != following:
            return None
        return header

    def _confirmed(self, at: int, header: FrameHeader, *, last: bool) -> bool:
        following = at + header.n_bytes
        if last and len(self._buffer) == following:
            return True
        next_header = parse_header(self._buffer, following)
        return next_header is not None and next_header.kind == header.kind

    def _next_sync(self, at: int) -> int:
        found = self._buffer.find(0xFF, at)
        return found if found >= 0 else len(self._buffer)


def _id3_bytes(data: bytearray, at: int) -> int:
    """Give the length of the ID3v2 tag at `at`, 0 if there is none."""
    if len(data) < at + 10 or data[at : at + 3] != b"ID3" or max(data[at + 6 : at + 10]) > 0x7F:
        return 0
    n_bytes = 0
    for byte in data[at + 6 : at + 10]:
        n_bytes = n_bytes << 7 | byte
    return 10 + n_bytes + (10 if data[at + 5] & 0x10 else 0)
