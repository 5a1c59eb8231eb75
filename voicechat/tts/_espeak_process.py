"""The program that holds espeak-ng: texts in on stdin, sound out on stdout, until stdin ends.

It runs in a process of its own, so it imports nothing but the standard library and knows nothing of voicechat.
espeak-ng is GPL-3, has global state and is C: here it can neither bind our licence, nor mix two talks, nor crash one.

Both directions are messages: one byte that says what it is, four bytes of length (little endian), the content.
A request is answered by any number of SOUND and then by DONE or FAILED, before the next request is read.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import IO, Any

SPEAK = b"S"  # request: JSON with text, voice, speed_wpm, pitch, volume
VOICES = b"V"  # request: DONE carries the names of the languages, separated by spaces
READY = b"R"  # once at the start; the sample rate as text
SOUND = b"P"  # 16-bit little-endian mono PCM
DONE = b"D"
FAILED = b"F"  # why, as text

_HEADER = struct.Struct("<cI")

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_CHUNK_MS = 60
_DONT_EXIT = 0x8000
_UTF8 = 1
_BY_CHARACTER = 1
_RATE, _VOLUME, _PITCH = 1, 2, 3


class _Voice(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),  # pairs of a priority byte and a string
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


def send(stream: IO[bytes], kind: bytes, content: bytes = b"") -> None:
    """Write one message and flush it.

    Raises:
        OSError: If the other side is gone.
    """
    stream.write(_HEADER.pack(kind, len(content)) + content)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """Wait for one message: what it is, and its content. None if the other side is gone."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, length = _HEADER.unpack(header)
    content = stream.read(length)
    return None if len(content) < length else (kind, content)


class _Espeak:
    """The library, loaded; its global state is this object's."""

    def __init__(self, library: str, data_folder: str, on_sound: Callable[[bytes], None]) -> None:
        self._library = ctypes.CDLL(library)
        # The library keeps the path of its data in 160 bytes, so it gets a short one.
        os.chdir(data_folder)
        self.sample_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, _CHUNK_MS, b".", _DONT_EXIT))
        self._on_sound = on_sound
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._take)  # kept, or it would be collected while the library holds it
        self._library.espeak_SetSynthCallback(self._callback)
        self._broken = False

    def speak(self, request: dict[str, Any]) -> str:
        """Speak a text through `on_sound`; give what went wrong, "" for nothing.

        Raises:
            BrokenPipeError: If nobody listens.
        """
        if not self._set_voice(request["voice"]):
            return "no such voice"
        for parameter, name in ((_RATE, "speed_wpm"), (_PITCH, "pitch"), (_VOLUME, "volume")):
            self._library.espeak_SetParameter(parameter, request[name], 0)
        text = request["text"].encode("utf-8", "replace") + b"\0"
        if text.strip(b"\0"):
            size = ctypes.c_size_t(len(text))
            status = self._library.espeak_Synth(text, size, 0, _BY_CHARACTER, 0, _UTF8, None, None)
            if self._broken:
                raise BrokenPipeError
            if status != 0:
                return f"espeak-ng gave error {status}"
        return ""

    def languages(self) -> dict[str, str]:
        """Give the names of the languages, and of each the voice that speaks it."""
        voices: dict[str, tuple[int, str]] = {}  # language -> priority, the lowest first, and voice
        for voice in self._library.espeak_ListVoices(None):
            if not voice:
                break
            entry = ctypes.string_at(voice.contents.languages)  # a byte of priority, a name; there may be more
            candidate = (entry[0], voice.contents.identifier.decode())
            language = entry[1:].decode()
            voices[language] = min(voices.get(language, candidate), candidate)
        return {language: voice for language, (_, voice) in sorted(voices.items())}

    def _set_voice(self, name: str) -> bool:
        try:
            encoded = name.encode()
        except UnicodeEncodeError:  # a stray byte on the command line: no name of anything
            return False
        if self._library.espeak_SetVoiceByName(encoded) == 0:
            return True
        # Some voices have other names than their language: that of en-gb is gmw/en.
        language, plus, variant = name.partition("+")
        voices = [voice for known, voice in self.languages().items() if known.lower() == language.lower()]
        return any(self._library.espeak_SetVoiceByName(f"{voice}{plus}{variant}".encode()) == 0 for voice in voices)

    def _take(self, samples: int | None, n_samples: int, _events: int | None) -> int:
        """Called by the library with each piece of sound; an answer of 1 stops it."""
        if samples and n_samples > 0:
            try:
                self._on_sound(ctypes.string_at(samples, 2 * n_samples))
            except OSError:  # an exception cannot pass through the library
                self._broken = True
        return int(self._broken)


def main(library: str, data_folder: str) -> None:
    """Answer requests until stdin ends or nobody reads stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the talk, which decides
    stdin = sys.stdin.buffer
    # What the library may print must not get between the messages.
    stdout = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    espeak = _Espeak(library, data_folder, lambda sound: send(stdout, SOUND, sound))
    if espeak.sample_rate <= 0:
        send(stdout, FAILED, b"espeak-ng could not be initialized")
        return
    send(stdout, READY, str(espeak.sample_rate).encode())
    while (message := receive(stdin)) is not None:
        kind, content = message
        if kind == VOICES:
            send(stdout, DONE, " ".join(espeak.languages()).encode())
            continue
        problem = espeak.speak(json.loads(content))
        send(stdout, FAILED if problem else DONE, problem.encode())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BrokenPipeError:
        os._exit(0)  # the talk is over; nothing is left to flush
