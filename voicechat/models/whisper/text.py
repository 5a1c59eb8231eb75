"""Whisper's token ids: the special ones, the text of the others, and where in them a word begins.

A tokenizer.json as openai/whisper-* have it: byte-level BPE, GPT-2's or the multilingual one. Knows no tensors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from voicechat.errors import ModelError
from voicechat.models import weights
from voicechat.models.mini_omni.tokenizer import TextTokenizer

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})  # written without spaces: every character is a word
_OPENING = "\"'“¿([{-"  # belongs to the word after it
_CLOSING = "\"'.。,，!！?？:：”)]}、"  # belongs to the word before it
_SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|startofprev|>",
    "<|notimestamps|>",
    "<|transcribe|>",
    "<|translate|>",
)
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")


class WhisperTokenizer:
    """Text to ids, ids to text and words.

    Attributes:
        end, start, previous, no_timestamps: ids of the special tokens of these names.
        no_speech: the id whose likelihood at the start says that nobody speaks; None in a checkpoint without one.
        transcribe, translate: the tasks.
        languages: the id of each language, by its code; empty for a model that knows English only.
    """

    def __init__(self, path: Path, *, multilingual: bool) -> None:
        """Read tokenizer.json.

        Raises:
            ModelError: If it is missing, damaged, or not a Whisper's.
        """
        added = weights.read_json(path).get("added_tokens")
        if not isinstance(added, list):
            raise ModelError(f"{path} is no Whisper's: it has no special tokens")
        self._text = TextTokenizer(path)
        ids = {token["content"]: token["id"] for token in added if isinstance(token, dict)}
        if missing := [name for name in _SPECIAL if not isinstance(ids.get(name), int)]:
            raise ModelError(f"{path} is no Whisper's: it has no token {missing[0]}")
        self.end, self.start, self.previous, self.no_timestamps, self.transcribe, self.translate = (
            ids[name] for name in _SPECIAL
        )
        self.no_speech: int | None = ids.get("<|nospeech|>", ids.get("<|nocaptions|>"))  # the latter at first
        found = [match for name in ids if (match := _LANGUAGE.fullmatch(name))] if multilingual else []
        self.languages = {match[1]: ids[match[0]] for match in found}

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text, none of them special."""
        return self._text.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of ids, special ones and times left out."""
        return self._text.decode([token for token in ids if token < self.end])

    def words(self, ids: Sequence[int], language: str) -> list[tuple[str, int]]:
        """Split ids into words: the text of each, the space before it included, and how many ids it has.

        Punctuation belongs to the word beside it. The counts add up to all ids.
        """
        characters = self._characters(ids)
        if language not in UNSPACED:
            characters = _joined(characters)
        return _punctuated(characters)

    def _characters(self, ids: Sequence[int]) -> list[tuple[str, int]]:
        """Split ids where whole characters end: a character may be spread over several."""
        stream = self._text.stream()
        parts: list[tuple[str, int]] = []
        n_ids = 0
        for token in ids:
            n_ids += 1
            if text := stream.push(token) if token < self.end else "":
                parts.append((text, n_ids))
                n_ids = 0
        if n_ids:
            text, before = parts.pop() if parts else ("", 0)
            parts.append((text + stream.finish(), before + n_ids))
        return parts


def _joined(parts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Join what does not begin with a space to what is before it."""
    words: list[tuple[str, int]] = []
    for text, n_ids in parts:
        if words and not text[:1].isspace():
            words[-1] = (words[-1][0] + text, words[-1][1] + n_ids)
        else:
            words.append((text, n_ids))
    return words


def _punctuated(words: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Join punctuation that stands alone to the word it belongs to, and what has no text to any."""
    joined: list[tuple[str, int]] = []
    opening: tuple[str, int] = ("", 0)
    for text, n_ids in words:
        bare = text.strip()
        if bare and all(character in _OPENING for character in bare) and text[:1].isspace():
            opening = (opening[0] + text, opening[1] + n_ids)
        elif joined and not opening[1] and all(character in _CLOSING for character in bare):
            joined[-1] = (joined[-1][0] + text, joined[-1][1] + n_ids)
        else:
            joined.append((opening[0] + (text.lstrip() if opening[1] else text), opening[1] + n_ids))
            opening = ("", 0)
    if opening[1]:
        joined.append(opening)
    return joined
