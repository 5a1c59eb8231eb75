"""A file and a speaker that get the same reply."""

from __future__ import annotations

from voicechat.audio.file_sink import FileSink
from voicechat.audio.speaker import Speaker
from voicechat.types import AudioChunk, CancelToken, Loudness


class TeeSink:
    """Writes each chunk to a file and plays it on a speaker; what was heard is what the speaker says."""

    def __init__(self, file: FileSink, speaker: Speaker) -> None:
        self._file = file
        self._speaker = speaker

    @property
    def first_heard_at(self) -> float | None:
        return self._speaker.first_heard_at

    def write(self, chunk: AudioChunk, cancel: CancelToken) -> None:
        """Queue a chunk; paced by the speaker.

        Raises:
            AudioDeviceError: If the speaker is gone and is not waited for.
            AudioFileError: If the file cannot be written.
        """
        self._file.write(chunk, cancel)
        self._speaker.write(chunk, cancel)

    def finish(self, cancel: CancelToken) -> None:
        """Wait until the reply was heard, or `cancel` is set."""
        self._file.finish(cancel)
        self._speaker.finish(cancel)

    def flush(self) -> None:
        """Stop the sound now; the file keeps what it has. From any thread."""
        self._file.flush()
        self._speaker.flush()

    def set_loudness(self, loudness: Loudness) -> None:
        """Make the speaker quiet, or not; the file holds the reply in full. From any thread."""
        self._speaker.set_loudness(loudness)

    def heard_s(self) -> float:
        return self._speaker.heard_s()

    def close(self) -> None:
        """Complete the file and release the speaker. Idempotent, from any thread.

        Raises:
            AudioFileError: If the file cannot be completed.
        """
        try:
            self._file.close()
        finally:
            self._speaker.close()
