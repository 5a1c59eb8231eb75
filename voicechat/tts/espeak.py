"""The built-in voice: espeak-ng, in a process of its own that lives as long as the synthesizer.

Knows how to keep that process alive and in step, how to shorten its silences, and nothing of phonemes. The process
itself is `_espeak_process.py`.
"""

from __future__ import annotations

import difflib
import json
import logging
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from voicechat.errors import ConfigError, ModelError
from voicechat.tts import _espeak_process as process
from voicechat.types import AudioChunk

logger = logging.getLogger(__name__)

MAX_TEXT_CHARS = 400  # per request, so that an abandoned one is over in milliseconds
MAX_SPARE_PROCESSES = 2  # kept for the next reply; more run only while more replies are spoken at once
START_LIMIT_S = 10.0  # a cold disk takes a second
EXIT_TIMEOUT_S = 1.0
LOUD = 60 / 32768  # a sample above this is sound
LEAD_IN_S = 0.005  # silence kept before the first sound
PAUSE_S = 0.25  # silence after the last, which parts the sentences


@dataclass(frozen=True)
class Options:
    """What `[tts.espeak]` holds."""

    voice: str = "en-us"  # a language of espeak-ng (en-gb, de, fr), a variant after a plus sign (en-us+f3)
    speed_wpm: int = 165  # words per minute, 80 to 450
    pitch: int = 50  # 0 to 99
    volume: int = 100  # 0 to 200; 100 is espeak-ng's own


class EspeakSynthesizer:
    """Speak texts with espeak-ng, any number of them at once, from any thread."""

    def __init__(self, options: Options) -> None:
        """Start espeak-ng, which takes some 30 ms, and check the voice.

        Raises:
            ConfigError: If there is no such voice.
            ModelError: If espeak-ng is not installed or does not start.
        """
        self._options = options
        # Serializes the two below between the threads that speak and close().
        self._lock = threading.Lock()
        self._spare: list[_Process] = []  # started, and nobody speaks through them
        self._running: set[_Process] = set()  # all that were started and not closed
        self._closed = False
        try:
            self._check_voice()
        except (ConfigError, ModelError):
            self.close()
            raise

    def synthesize(self, text: str) -> Generator[AudioChunk, None, None]:
        """Yield the speech as it comes, at espeak-ng's own rate; nothing for a text without words.

        The text is data: control characters are dropped, markup is read out. A process that dies is replaced once,
        and the sentence goes on where it was.

        Raises:
            ModelError: If espeak-ng dies twice in a row, or the synthesizer is closed.
        """
        for piece in _pieces(text):
            with closing(self._spoken(piece)) as chunks:
                yield from _paused(chunks)

    def close(self) -> None:
        """End espeak-ng at once; whoever still speaks gets a ModelError. Idempotent, from any thread."""
        with self._lock:
            self._closed = True
            running = list(self._running)
            self._spare.clear()
            self._running.clear()
        for each in running:
            each.close()

    def _spoken(self, text: str) -> Generator[AudioChunk, None, None]:
        n_yielded = 0  # samples; a text is always as long, so a second attempt goes on after them
        for attempt in (1, 2):
            speaker = self._take()
            skip = n_yielded
            try:
                with closing(speaker.speak(text, self._options)) as spoken:
                    for samples in spoken:
                        fresh, skip = samples[skip:], max(0, skip - len(samples))
                        if len(fresh):
                            n_yielded += len(fresh)
                            yield AudioChunk(fresh, speaker.sample_rate)
                return
            except _Refused as exc:
                raise ModelError(f"espeak-ng cannot speak {text[:40]!r}: {exc}") from exc
            except _Died as exc:
                with self._lock:
                    closed = self._closed
                if closed:
                    raise ModelError("espeak was closed while it spoke") from exc
                if attempt == 2:
                    raise ModelError(f"espeak-ng died twice while it spoke {text[:40]!r}") from exc
                logger.warning("espeak-ng died; starting it again")
            finally:
                self._give_back(speaker)

    def _check_voice(self) -> None:
        speaker = self._take()
        try:
            for _ in speaker.speak("", self._options):
                pass
        except _Refused as exc:
            raise _unknown_voice(self._options.voice, speaker.languages()) from exc
        except _Died as exc:
            raise ModelError("espeak-ng died as soon as it was started") from exc
        finally:
            self._give_back(speaker)

    def _take(self) -> _Process:
        with self._lock:
            if self._closed:
                raise ModelError("espeak is closed")
            if self._spare:
                return self._spare.pop()
        started = _Process()
        with self._lock:
            if not self._closed:
                self._running.add(started)
                return started
        started.close()
        raise ModelError("espeak is closed")

    def _give_back(self, speaker: _Process) -> None:
        with self._lock:
            if speaker.alive and not self._closed and len(self._spare) < MAX_SPARE_PROCESSES:
                self._spare.append(speaker)
                return
            self._running.discard(speaker)
        speaker.close()


def load(options: Options) -> EspeakSynthesizer:
    """Start espeak-ng.

    Raises:
        ConfigError: If there is no such voice, or a number is out of range.
        ModelError: If espeak-ng is not installed or does not start.
    """
    for name, low, high in (("speed_wpm", 80, 450), ("pitch", 0, 99), ("volume", 0, 200)):
        if not low <= (value := getattr(options, name)) <= high:
            raise ConfigError(f"[tts.espeak] {name} must be between {low} and {high}, not {value}")
    return EspeakSynthesizer(options)


def _pieces(text: str) -> Iterator[str]:
    """Cut a text into pieces of at most MAX_TEXT_CHARS, between words where there are any."""
    # espeak-ng takes a NUL for the end and \x01 for a command.
    words = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in text).split()
    piece = ""
    for word in words:
        for part in (word[i : i + MAX_TEXT_CHARS] for i in range(0, len(word), MAX_TEXT_CHARS)):
            if piece and len(piece) + 1 + len(part) > MAX_TEXT_CHARS:
                yield piece
                piece = part
            else:
                piece = f"{piece} {part}" if piece else part
    if piece:
        yield piece


def _paused(chunks: Iterator[AudioChunk]) -> Iterator[AudioChunk]:
    """Shorten the silence before the first sound to LEAD_IN_S, and make the one after the last PAUSE_S long."""
    quiet: list[np.ndarray] = []  # silence that is yielded only if sound follows
    sample_rate = 0  # of the sound so far; 0 before the first
    for chunk in chunks:
        loud = np.flatnonzero(np.abs(chunk.samples) > LOUD)
        if not len(loud):
            quiet.append(chunk.samples)
            continue
        samples = np.concatenate([*quiet, chunk.samples])
        n_quiet = len(samples) - len(chunk.samples)
        start = 0 if sample_rate else max(0, n_quiet + int(loud[0]) - round(LEAD_IN_S * chunk.sample_rate))
        end = n_quiet + int(loud[-1]) + 1
        quiet, sample_rate = [samples[end:]], chunk.sample_rate
        yield AudioChunk(samples[start:end], sample_rate)
    if sample_rate:
        # espeak-ng itself leaves almost none, and the sentences would run into each other.
        yield AudioChunk(np.zeros(round(PAUSE_S * sample_rate), np.float32), sample_rate)


def _unknown_voice(name: str, languages: list[str]) -> ConfigError:
    others = [language for language in languages if language != name.lower()]
    similar = difflib.get_close_matches(name.lower(), others, n=1)
    hint = f"; did you mean {similar[0]!r}" if similar else ""
    return ConfigError(f"[tts.espeak] espeak-ng has no voice {name[:40]!r}{hint}; known: {' '.join(languages)}")


class _Died(Exception):
    """The process is gone."""


class _Refused(Exception):
    """espeak-ng cannot do what it was asked for."""


class _Process:
    """One running espeak-ng. Used by one thread at a time, except for close()."""

    def __init__(self) -> None:
        started_at = time.monotonic()
        try:
            import espeakng_loader

            paths = [espeakng_loader.get_library_path(), str(Path(espeakng_loader.get_data_path()).parent)]
        except (ImportError, RuntimeError) as exc:
            raise ModelError(
                "espeak needs the package espeakng-loader, complete with its data; run: pip install voicechat"
            ) from exc
        # -I and -S: nothing of the user's or of site-packages is imported, so it starts in milliseconds.
        command = [sys.executable, "-I", "-S", process.__file__, *paths]
        windows = sys.platform == "win32"
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=not windows,  # Ctrl-C in the terminal is not for it
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if windows else 0,
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._stdin, self._stdout = self._popen.stdin, self._popen.stdout
        self.alive = True  # nothing went wrong so far, and no answer is half read
        greeting = self._greeting()
        if greeting is None or greeting[0] != process.READY:
            self.close()
            took_s = time.monotonic() - started_at
            why = f"it ended after {took_s:.1f} s" if greeting is None else greeting[1].decode()
            raise ModelError(f"espeak-ng did not start: {why}; is {paths[0]} a library for this machine?")
        self.sample_rate = int(greeting[1])
        logger.info("espeak-ng started in %.3f s", time.monotonic() - started_at)

    def _greeting(self) -> tuple[bytes, bytes] | None:
        """Wait for the first message; None if the process ended, or had to be ended because none came."""
        watchdog = threading.Timer(START_LIMIT_S, self._popen.kill)
        watchdog.name = "voicechat-espeak-start"
        watchdog.daemon = True  # it holds nothing that must be finished
        watchdog.start()
        greeted = False
        try:
            greeting = process.receive(self._stdout)
            greeted = True
            return greeting
        finally:
            watchdog.cancel()
            watchdog.join()
            if not greeted:  # broken off by Ctrl-C: nobody else knows of the process yet
                self.close()

    def speak(self, text: str, options: Options) -> Generator[np.ndarray, None, None]:
        """Yield float32 (n,) samples as they come; closed early, it reads the rest of the answer first.

        Raises:
            _Died: If the process is gone.
            _Refused: If espeak-ng does not have the voice.
        """
        answers = self._request(process.SPEAK, json.dumps({"text": text} | asdict(options)).encode())
        try:
            for kind, content in answers:
                if kind == process.FAILED:
                    raise _Refused(content.decode())
                yield np.frombuffer(content, "<i2").astype(np.float32) / 32768
        finally:
            with suppress(_Died):  # the next one to ask will notice
                for _ in answers:
                    pass

    def languages(self) -> list[str]:
        """Give the names of the languages it speaks."""
        return [name for _, content in self._request(process.VOICES, b"") for name in content.decode().split()]

    def close(self) -> None:
        """End the process; whoever reads from it gets _Died. Idempotent, from any thread."""
        self.alive = False
        self._popen.kill()
        try:
            self._popen.wait(EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            logger.warning("espeak-ng does not end")
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):  # what could not be sent any more
                pipe.close()

    def _request(self, kind: bytes, content: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Send a request and yield the answer's messages, all but an empty DONE."""
        try:
            process.send(self._stdin, kind, content)
            while True:
                answer = process.receive(self._stdout)
                if answer is None:
                    raise BrokenPipeError
                if answer != (process.DONE, b""):
                    yield answer
                if answer[0] in (process.DONE, process.FAILED):
                    return
        except (OSError, ValueError) as exc:  # ValueError: close() has closed the pipe
            self.alive = False
            raise _Died from exc
