"""Mistral's tokenizer: tekken.json, byte-level BPE by rank, with the special tokens before all others."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from voicechat.errors import ModelError
from voicechat.models import weights


class Tekken:
    """Text to ids, ids to text.

    Attributes:
        special: the ids of the special tokens, by name.
    """

    def __init__(self, path: Path) -> None:
        """Read tekken.json.

        Raises:
            ModelError: If it is missing, damaged, or something else.
        """
        settings = weights.read_json(path)
        try:
            config = settings["config"]
            n_special, n_ids = int(config["default_num_special_tokens"]), int(config["default_vocab_size"])
            self.special = {str(token["token_str"]): int(token["rank"]) for token in settings["special_tokens"]}
            ranked = settings["vocab"][: n_ids - n_special]
            self._bytes = [base64.b64decode(token["token_bytes"], validate=True) for token in ranked]
            self._pattern = str(config["pattern"])
        except (LookupError, TypeError, ValueError, binascii.Error) as exc:
            raise ModelError(f"{path} is damaged or of another kind: {exc!r:.80}; get it again") from exc
        self._ranks = {text: rank for rank, text in enumerate(self._bytes)}
        self._n_special = n_special

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text, none of them special."""
        from tokenizers import Regex
        from tokenizers.pre_tokenizers import Split

        parts = [part.encode() for part, _ in Split(Regex(self._pattern), "isolated").pre_tokenize_str(text)]
        return [self._ranks[piece] + self._n_special for part in parts for piece in self._merged(part)]

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of ids; special ones have none."""
        known = (token - self._n_special for token in ids)
        data = b"".join(self._bytes[rank] for rank in known if 0 <= rank < len(self._bytes))
        return data.decode(errors="replace")

    def _merged(self, part: bytes) -> list[bytes]:
        """Join neighbours, those of the lowest rank first, until no two make a known text."""
        pieces = [part[n : n + 1] for n in range(len(part))]
        while len(pieces) > 1:
            ranks = [self._ranks.get(left + right, len(self._ranks)) for left, right in pairwise(pieces)]
            if (lowest := min(ranks)) == len(self._ranks):
                break
            at = ranks.index(lowest)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        return pieces
