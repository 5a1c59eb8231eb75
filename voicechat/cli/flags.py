"""Which key of the configuration each option of `voicechat talk` sets."""

from __future__ import annotations

from collections.abc import Mapping

# The key that each parameter sets; "tts.voice" is the option `voice` of whichever tts is chosen. Numbers come as text:
# the configuration knows their types, and says what is wrong with one wherever it came from.
KEYS = {
    "profile": "profile",
    "engine": "talk.engine",
    "vad": "talk.vad",
    "turn_detector": "talk.turn_detector",
    "asr": "talk.asr",
    "llm": "talk.llm",
    "tts": "talk.tts",
    "device": "engine.device",
    "dtype": "engine.dtype",
    "show_my_words": "engine.show_my_words",
    "voice": "tts.voice",
    "speed_wpm": "tts.speed_wpm",
    "mic": "audio.mic",
    "speaker": "audio.speaker",
    "wait": "audio.wait",
    "aec": "audio.aec",
    "headphones": "audio.headphones",
    "half_duplex": "audio.half_duplex",
    "push_to_talk": "turn.push_to_talk",
    "patience": "turn.patience",
    "end_silence_ms": "turn.end_silence_ms",
    "min_speech_ms": "turn.min_speech_ms",
    "max_turn_s": "turn.max_turn_s",
    "pre_roll_ms": "turn.pre_roll_ms",
    "meter": "ui.meter",
    "keys": "ui.keys",
}


def talk_flags(parameters: Mapping[str, object]) -> dict[str, object]:
    """Give the value of each key that was set on the command line."""
    return {key: parameters[name] for name, key in KEYS.items() if parameters[name] is not None}
