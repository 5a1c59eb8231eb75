"""Replies into a pipe: whoever waits for its reader can stop waiting, and the stream stays whole."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.audio.recordings import tone
from voicechat.audio.file_sink import FileSink
from voicechat.audio.pcm import to_int16
from voicechat.audio.pipe_writer import PipeWriter
from voicechat.types import AudioChunk, CancelToken

if sys.platform == "win32":
    pytest.skip("there a pipe is written to without a look at it", allow_module_level=True)

import fcntl
import termios

GO = CancelToken()  # never cancelled
TIMEOUT_S = 10.0


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[FileSink, int]]:
    """A sink into a named pipe, and the descriptor that reads it."""
    os.mkfifo(tmp_path / "reply.wav")
    reader = os.open(tmp_path / "reply.wav", os.O_RDONLY | os.O_NONBLOCK)
    sink = FileSink(tmp_path / "reply.wav")
    yield sink, reader
    sink.close()
    os.close(reader)


def read_until_the_end(reader: int) -> bytes:
    os.set_blocking(reader, True)
    return b"".join(iter(lambda: os.read(reader, 65_536), b""))


def blocked_write(sink: FileSink, reader: int, cancel: CancelToken) -> threading.Thread:
    """Start to write more than a pipe holds, and wait until the pipe is as full as it gets."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 200_000).astype(np.float32)
    writer = threading.Thread(target=lambda: sink.write(AudioChunk(noise, 16_000), cancel))
    writer.start()
    n_before, n_waiting = -1, 0
    while n_waiting == 0 or n_waiting != n_before:
        writer.join(0.02)
        n_before, n_waiting = n_waiting, int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, bytes(4)), sys.byteorder)
    assert writer.is_alive()
    return writer


def test_closing_ends_a_write_to_a_pipe_that_nobody_reads(pipe: tuple[FileSink, int]) -> None:
    sink, reader = pipe
    writer = blocked_write(sink, reader, GO)
    closer = threading.Thread(target=sink.close)
    closer.start()
    for thread in (closer, writer):
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()

    assert len(read_until_the_end(reader)) < 400_000


def test_a_cancelled_write_to_a_pipe_returns_and_the_stream_goes_on_where_it_was(pipe: tuple[FileSink, int]) -> None:
    sink, reader = pipe
    cancel = CancelToken()
    writer = blocked_write(sink, reader, cancel)
    cancel.cancel()
    writer.join(TIMEOUT_S)
    assert not writer.is_alive()
    assert sink.heard_s() == 0

    read: list[bytes] = []
    listener = threading.Thread(target=lambda: read.append(read_until_the_end(reader)))
    listener.start()
    sink.write(AudioChunk(tone(0.5), 16_000), GO)
    sink.finish(GO)
    sink.close()
    listener.join(TIMEOUT_S)

    assert sink.heard_s() == 0.5
    samples = np.frombuffer(read[0], np.int16)
    assert np.array_equal(samples[-8_000:], to_int16(tone(0.5)))
    assert len(samples) == pytest.approx(208_000, abs=100)  # and the header


def test_a_write_to_a_pipe_waits_for_a_slow_reader(pipe: tuple[FileSink, int]) -> None:
    sink, reader = pipe
    writer = blocked_write(sink, reader, GO)
    read: list[bytes] = []
    listener = threading.Thread(target=lambda: read.append(read_until_the_end(reader)))
    listener.start()
    writer.join(TIMEOUT_S)
    sink.close()
    listener.join(TIMEOUT_S)

    assert sink.heard_s() == 12.5
    assert len(read[0]) == pytest.approx(400_000, abs=200)


def test_the_pipe_of_standard_output_stays_as_others_share_it() -> None:
    reader, writer = os.pipe()
    stdout = PipeWriter(os.dup(writer))
    stdout.write(b"sound")

    assert os.get_blocking(writer)
    assert stdout.drain(lambda: True)
    stdout.close()
    stdout.close()
    os.close(writer)
    assert read_until_the_end(reader) == b"sound"
    os.close(reader)
