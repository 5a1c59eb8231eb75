"""Keeps a conversation in a directory as it goes on: what each side said, as sound and as text.

    conversation.json       {"version": 1, "messages": [...]}, the messages in the order they were spoken
    0001-user.wav           16 kHz, 16 bit, mono
    0001-assistant.mp3      what was heard of the reply

Knows nothing of engines, devices or the screen.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from voicechat.audio.encoder import FORMATS, AudioEncoder
from voicechat.audio.file_errors import os_reason, printable_path
from voicechat.errors import AudioFileError
from voicechat.types import CAPTURE_RATE, AudioChunk, Notice, Outcome, Severity, TurnDone

logger = logging.getLogger(__name__)

CONVERSATION = "conversation.json"
VERSION = 1
_SAVED_AUDIO = re.compile(r"(\d{4,})-(?:user|assistant)\.\w+")
_PART = re.compile(r"\.[\w.-]+\.part")
# Raw, these would reach a terminal that shows the file, or could not be encoded; JSON can spell them.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class ConversationStore:
    """Saves each turn as it ends, so that a crash at any moment loses nothing of the turns before.

    Every file is written beside its place, brought to the disk and renamed: none is ever half there, and
    conversation.json is valid at all times. A directory that holds a conversation is continued; nothing in it is ever
    overwritten. One store at a time may have a directory.

    A message of conversation.json:
        turn: the number of its turn in this directory, from 1.
        role: "user" or "assistant".
        text: what was said; of an interrupted reply, what was heard.
        audio: the file beside conversation.json, null without sound; mime_type: of that file, or null.
        started_at, ended_at: wall clock, ISO 8601 with the offset from UTC.
        duration_s: seconds of the audio.
        outcome: of the turn, "completed", "interrupted" or "failed".
    """

    def __init__(self, directory: str | Path, *, notify: Callable[[Notice], None]) -> None:
        """Open or create a directory.

        Args:
            directory: created with its parents if it is not there.
            notify: gets what the user should know: a conversation that could not be read and was put aside.

        Raises:
            AudioFileError: If it cannot be written to, or another store has it.
        """
        self._directory = Path(directory)
        self._label = printable_path(directory)
        self._lock_descriptor: int | None = None
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock()
            self._messages = self._load(notify)
            self._last_turn = self._find_last_turn()
            self._remove_parts()
            self._write_conversation(self._messages)
        except OSError as exc:
            self.close()
            raise AudioFileError(f"cannot save to {self._label}: {os_reason(exc)}; name another directory") from exc
        except AudioFileError:
            self.close()
            raise
        self._ended_at = time.time()  # of the last message, wall clock: the next begins no sooner

    def record(self, done: TurnDone, user_audio: np.ndarray, reply: Sequence[AudioChunk]) -> TurnDone:
        """Save a turn and give it back with the paths filled in. Called in the respond thread, right after the turn.

        A turn that was dropped is not saved, and comes back as it is.

        Args:
            user_audio: float32 (n,) at 16 kHz; empty when the assistant spoke up by itself.
            reply: what was heard of the reply, in order.

        Raises:
            AudioFileError: If it cannot be written; what is whole, of this turn too, stays.
        """
        if done.outcome is Outcome.DROPPED:
            return done
        number = self._last_turn = self._last_turn + 1  # used up even if it fails: what is whole of it stays
        try:
            user = self._save_audio(number, "user", ".wav", [AudioChunk(user_audio, CAPTURE_RATE)])
            assistant = self._save_audio(number, "assistant", ".mp3", reply)
            messages = self._new_messages(
                number,
                done,
                (user, len(user_audio) / CAPTURE_RATE),
                (assistant, sum(chunk.duration_s for chunk in reply)),
            )
            self._write_conversation([*self._messages, *messages])
        except OSError as exc:
            raise AudioFileError(
                f"cannot save turn {done.turn} to {self._label}: {os_reason(exc)}; all turns before it are kept"
            ) from exc
        self._messages += messages
        logger.debug("turn %d saved as %04d", done.turn, number)
        return replace(done, user_audio=user, reply_audio=assistant)

    def close(self) -> None:
        """Let another store have the directory. Idempotent."""
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def _lock(self) -> None:
        """Keep other processes off; the lock ends with the process, however that ends. Not on Windows."""
        if sys.platform == "win32":
            return
        import fcntl

        self._lock_descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            fcntl.flock(self._lock_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise AudioFileError(
                f"cannot save to {self._label}: another voicechat is saving there; name another directory"
            ) from exc
        except OSError:  # a file system that knows no locks
            logger.debug("no lock on %s", self._label)

    def _load(self, notify: Callable[[Notice], None]) -> list[dict[str, Any]]:
        """Read the messages that are there; a file that is no conversation is put aside."""
        path = self._directory / CONVERSATION
        try:
            conversation = json.loads(path.read_bytes())
            messages = conversation["messages"]
            if conversation["version"] != VERSION or not all(isinstance(message["turn"], int) for message in messages):
                raise ValueError
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError, RecursionError):
            aside = next(p for n in range(1, sys.maxsize) if not (p := path.with_suffix(f".invalid-{n}.json")).exists())
            path.rename(aside)
            text = f"{printable_path(path)} is no conversation of ours; kept as {aside.name}, beginning a new one"
            notify(Notice(text, Severity.WARNING))
            return []
        return list(messages)

    def _find_last_turn(self) -> int:
        """Give the highest turn number in use, also by a recording that no message names (the power went out)."""
        recorded = (_SAVED_AUDIO.fullmatch(entry.name) for entry in self._directory.iterdir())
        numbers: list[int] = [int(match[1]) for match in recorded if match]
        return max(numbers + [message["turn"] for message in self._messages], default=0)

    def _remove_parts(self) -> None:
        """Remove what a crash has left half written."""
        for entry in list(self._directory.iterdir()):
            if _PART.fullmatch(entry.name):
                entry.unlink()

    def _new_messages(
        self, number: int, done: TurnDone, user: tuple[Path | None, float], assistant: tuple[Path | None, float]
    ) -> list[dict[str, Any]]:
        """Write down what each side said, if it said anything: each comes as its file and its seconds."""
        now = time.time()
        if now < self._ended_at:  # the clock was set back: the message before is no bound any more
            self._ended_at = -math.inf
        reply_at = max(now - done.reply_s, self._ended_at)  # a file is heard faster than it plays
        answered_ms = done.latency.first_sound_ms or done.latency.first_audio_ms or 0.0
        user_ended_at = max(reply_at - answered_ms / 1000, self._ended_at)
        user_started_at = max(user_ended_at - done.user_s, self._ended_at)
        self._ended_at = now
        messages = []
        if user[0] is not None or done.user_text:
            messages.append(_message(number, "user", done, user, (user_started_at, user_ended_at)))
        if assistant[0] is not None or done.reply_text:
            messages.append(_message(number, "assistant", done, assistant, (reply_at, now)))
        return messages

    def _save_audio(self, number: int, role: str, suffix: str, chunks: Sequence[AudioChunk]) -> Path | None:
        """Save one side's sound and give where; None if it made none."""
        if not any(len(chunk.samples) for chunk in chunks):
            return None
        path = self._directory / f"{number:04d}-{role}{suffix}"
        file = io.BytesIO()
        encoder = AudioEncoder(file, FORMATS[suffix])
        for chunk in chunks:
            encoder.write(chunk)
        encoder.close()
        _write_whole(path, file.getvalue())
        return path

    def _write_conversation(self, messages: list[dict[str, Any]]) -> None:
        conversation = {"version": VERSION, "messages": messages}
        text = json.dumps(conversation, ensure_ascii=False, indent=2) + "\n"
        safe = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
        _write_whole(self._directory / CONVERSATION, safe.encode())


def _message(
    number: int, role: str, done: TurnDone, sound: tuple[Path | None, float], spoken: tuple[float, float]
) -> dict[str, Any]:
    audio, duration_s = sound
    started_at, ended_at = (datetime.fromtimestamp(at).astimezone().isoformat(timespec="milliseconds") for at in spoken)
    return {
        "turn": number,
        "role": role,
        "text": done.user_text if role == "user" else done.reply_text,
        "audio": audio.name if audio is not None else None,
        "mime_type": FORMATS[audio.suffix].mime_type if audio is not None else None,
        "started_at": started_at,
        "ended_at": ended_at,
        "duration_s": round(duration_s, 3),
        "outcome": done.outcome.value,
    }


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file so that, whatever happens, the old one, the new one or none is there, but never half of one."""
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Bring a rename to the disk, where the system lets a directory be opened."""
    if sys.platform == "win32":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
