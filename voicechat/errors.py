"""The errors that voicechat shows to its user; anything else is a bug and keeps its traceback.

VoiceChatError               exit code 1
    ConfigError              2   a profile, name, key or option value that does not exist or cannot be
    AudioFileError           1   a file that is missing, not audio, damaged or not writable
    AudioDeviceError         1   no PortAudio, no such device, or a device that went away
    ModelError               1   a recognizer, language model or synthesizer that failed or is not installed
    RemoteError              1   a server that did not answer as it should
    NoSpeechError            4   the input ended and nobody had spoken
    IncompleteError          3   some of the files of a run could not be transcribed
"""

from __future__ import annotations

from typing import ClassVar


class VoiceChatError(Exception):
    """Base of every error that is shown as one line: what failed, the value, what to do."""

    exit_code: ClassVar[int] = 1


class ConfigError(VoiceChatError):
    """Raised for a name, key or value in the configuration or on the command line that cannot be used."""

    exit_code = 2


class AudioFileError(VoiceChatError):
    """Raised for a file that cannot be read as audio, or cannot be written."""


class AudioDeviceError(VoiceChatError):
    """Raised when a microphone or speaker cannot be found, opened or kept open."""


class ModelError(VoiceChatError):
    """Raised when a recognizer, language model, synthesizer or VAD fails or is not installed."""


class RemoteError(VoiceChatError):
    """Raised when a server refuses, or answers what cannot be understood."""


class NoSpeechError(VoiceChatError):
    """Raised when the input has ended and no speech was found in it."""

    exit_code = 4


class IncompleteError(VoiceChatError):
    """Raised at the end of a run in which some files failed; those that did not are done."""

    exit_code = 3
