"""Laws of the MP3 decoder: streamed equals whole, and nothing that comes from outside breaks it."""

from __future__ import annotations

import io
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.recordings import level, tone
from voicechat.audio.mp3 import Mp3Decoder, encode_mp3
from voicechat.audio.mp3_frames import FrameSplitter
from voicechat.types import AudioChunk

MP3_RATES = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
MP3 = encode_mp3(tone(0.7, sample_rate=24_000), sample_rate=24_000)
ID3_WITH_FALSE_FRAMES = b"ID3\x04\x00\x00\x00\x00\x02\x00" + b"\xff\xf3\x84\xc4" * 64


def joined(chunks: list[AudioChunk]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *(chunk.samples for chunk in chunks)])


def decode(data: bytes) -> np.ndarray:
    decoder = Mp3Decoder()
    return joined(decoder.push(data) + decoder.flush())


WHOLE = decode(MP3)


@pytest.mark.parametrize("sample_rate", MP3_RATES)
@pytest.mark.parametrize("bit_rate_kbps", [32, 64])
def test_the_samples_are_those_that_ffmpeg_reads_from_the_file(sample_rate: int, bit_rate_kbps: int) -> None:
    samples = tone(1.013, sample_rate=sample_rate)
    data = encode_mp3(samples, sample_rate=sample_rate, bit_rate_kbps=bit_rate_kbps)
    with av.open(io.BytesIO(data)) as container:
        expected = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])

    decoded = decode(data)

    np.testing.assert_array_equal(decoded, np.clip(expected, -1, 1))
    assert len(decoded) == pytest.approx(len(samples), abs=10)  # ffmpeg writes a padding of 529 or more only


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, len(MP3)), max_size=40))
def test_bytes_cut_anywhere_give_the_whole_files_samples(cuts: list[int]) -> None:
    decoder = Mp3Decoder()
    edges = [0, *sorted(cuts), len(MP3)]

    chunks = [chunk for start, stop in pairwise(edges) for chunk in decoder.push(MP3[start:stop])]

    np.testing.assert_array_equal(joined(chunks + decoder.flush()), WHOLE)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_mutated_bytes_never_raise_and_are_cut_alike_however_they_come(data: st.DataObject) -> None:
    mutated = bytearray(MP3[:2_000])
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, 1_999), st.integers(0, 255)), max_size=30)):
        mutated[at] = value
    for at in data.draw(st.lists(st.integers(0, 1_999), max_size=3)):
        del mutated[at : at + 7]
    step = data.draw(st.integers(1, 500))
    splitter = FrameSplitter()

    frames = [frame for at in range(0, len(mutated), step) for frame in splitter.push(bytes(mutated[at : at + step]))]
    frames += splitter.flush()
    decoded = decode(bytes(mutated))

    whole = FrameSplitter()
    assert frames == whole.push(bytes(mutated)) + whole.flush()
    assert np.isfinite(decoded).all()
    assert np.abs(decoded).max(initial=0) <= 1


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3_000))
def test_garbage_alone_gives_nothing_that_harms(garbage: bytes) -> None:
    assert np.isfinite(decode(garbage)).all()


@pytest.mark.parametrize(
    "in_front",
    [
        b"\xff" * 100,
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\xff\xf3\x84\xc4" + bytes(50),
        ID3_WITH_FALSE_FRAMES,
        np.random.default_rng(5).bytes(3_000),
    ],
    ids=["sync bytes", "text", "a false frame", "a tag that looks like frames", "noise"],
)
def test_garbage_and_tags_in_front_are_skipped(in_front: bytes) -> None:
    np.testing.assert_array_equal(decode(in_front + MP3), WHOLE)


def test_a_tag_behind_is_skipped() -> None:
    np.testing.assert_array_equal(decode(MP3 + b"TAG" + bytes(125)), WHOLE)


def test_a_damaged_middle_costs_only_its_own_sound() -> None:
    samples = tone(3.0, sample_rate=24_000)
    data = bytearray(encode_mp3(samples, sample_rate=24_000))
    undamaged = level(decode(bytes(data)))
    middle = len(data) // 2
    data[middle : middle + 500] = np.random.default_rng(1).bytes(500)

    decoded = decode(bytes(data))

    assert len(decoded) > 0.9 * len(samples)
    assert level(decoded[:24_000]) == pytest.approx(undamaged, rel=0.01)
    assert level(decoded[-24_000:]) == pytest.approx(undamaged, rel=0.01)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_frames_with_nonsense_in_them_never_raise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = FrameSplitter().push(MP3)

    decoded = decode(b"".join(frame[:4] + rng.bytes(len(frame) - 4) for frame in frames))

    assert np.abs(decoded).max(initial=0) <= 1


def test_streams_one_after_another_keep_their_own_rates_and_lengths() -> None:
    other = encode_mp3(tone(0.5, sample_rate=44_100), sample_rate=44_100)
    decoder = Mp3Decoder()

    chunks = decoder.push(MP3 + other + MP3) + decoder.flush()

    n_samples = {rate: sum(len(c.samples) for c in chunks if c.sample_rate == rate) for rate in (24_000, 44_100)}
    assert n_samples == {24_000: 2 * len(WHOLE), 44_100: 22_050}


def test_a_stream_without_a_gapless_tag_is_decoded_too() -> None:
    first_frame = FrameSplitter().push(MP3)[0]
    assert b"Info" in first_frame
    bare = MP3[MP3.index(first_frame) + len(first_frame) :]

    decoded = decode(bare)

    np.testing.assert_array_equal(decoded[1_105 : 1_105 + len(WHOLE)], WHOLE)


def test_sound_comes_out_before_the_stream_ends() -> None:
    decoder = Mp3Decoder()

    early = joined(decoder.push(MP3[: len(MP3) // 2]))

    assert len(early) > 0.4 * len(WHOLE)


def test_a_flushed_decoder_starts_a_fresh_stream() -> None:
    decoder = Mp3Decoder()
    decoder.push(MP3[:1_000])
    decoder.flush()

    again = joined(decoder.push(MP3) + decoder.flush())

    np.testing.assert_array_equal(again, WHOLE)


def test_endless_garbage_is_not_hoarded() -> None:
    splitter = FrameSplitter()

    for _ in range(50):
        splitter.push(b"\xff\xfb\x90\x00" + bytes(20_000))

    assert len(splitter._buffer) < 4_000
