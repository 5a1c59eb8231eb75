"""Text to token ids and back, the way back as a stream: only whole characters leave it.

Qwen2's byte-level BPE. The ids that Mini-Omni adds behind its vocabulary have no text here.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicechat.errors import ModelError
from voicechat.models import weights
from voicechat.models.mini_omni.tokens import END_OF_TEXT


class TextStream:
    """Text from token ids, as they come; what it gave, joined, is the text of all of them."""

    def __init__(self, token_bytes: Mapping[int, bytes]) -> None:
        """Begin a text.

        Args:
            token_bytes: what each id stands for; an id that is not there stands for nothing.
        """
        self._token_bytes = token_bytes
        # A character may be spread over several tokens; what never becomes one comes out as U+FFFD.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """Take one id, give the text that is whole by now."""
        return self._decoder.decode(self._token_bytes.get(token, b""))

    def finish(self) -> str:
        """Give what is left of a character that was cut off; the text is over."""
        return self._decoder.decode(b"", final=True)


class TextTokenizer:
    """What tokenizer.json says: ids of a text, text of ids."""

    def __init__(self, path: Path) -> None:
        """Read tokenizer.json.

        Raises:
            ModelError: If it is missing, damaged, not of byte-level BPE, or has more ids than Mini-Omni's text.
        """
        settings = weights.read_json(path)
        vocabulary = _vocabulary(settings, path)
        if max(vocabulary.values()) >= END_OF_TEXT:
            raise ModelError(f"{path} is of another model: it has ids up to {max(vocabulary.values())}")
        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError as exc:
            raise ModelError(f"mini-omni needs the package {exc.name}; run: pip install 'voicechat[models]'") from exc
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.encode_special_tokens = True  # what the user types is text, "<|endoftext|>" too
        self._bytes = {token: _token_bytes(text) for text, token in vocabulary.items()}

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text, no special ones among them."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: list[int]) -> str:
        """Give the text of ids; special ones have none."""
        stream = self.stream()
        return "".join(map(stream.push, tokens)) + stream.finish()

    def stream(self) -> TextStream:
        """Begin a text that comes token by token."""
        return TextStream(self._bytes)


def _vocabulary(settings: Mapping[str, Any], path: Path) -> dict[str, int]:
    model, decoder = settings.get("model"), settings.get("decoder")
    if not isinstance(model, dict) or model.get("type") != "BPE" or not isinstance(model.get("merges"), list):
        raise ModelError(f"{path} is of another model: not byte-level BPE")
    if not isinstance(decoder, dict) or decoder.get("type") != "ByteLevel":
        raise ModelError(f"{path} is of another model: not byte-level BPE")
    vocabulary = model.get("vocab")
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise ModelError(f"{path} is damaged: it has no vocabulary; get it again")
    if not all(isinstance(token, int) and token >= 0 for token in vocabulary.values()):
        raise ModelError(f"{path} is damaged: an id of its vocabulary is no number; get it again")
    return vocabulary


def _alphabet() -> dict[str, int]:
    """Give the byte that each letter of a byte-level vocabulary stands for.

    Printable bytes stand for themselves, the others for the characters from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


_BYTES = _alphabet()


def _token_bytes(text: str) -> bytes:
    return bytes(_BYTES[letter] for letter in text) if all(letter in _BYTES for letter in text) else text.encode()
