"""Text that attacks a terminal, and how to tell whether it got there. Written without looking at the sanitizer."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator

# By what they do to a terminal that gets them raw.
CLASSES = {
    "window title (OSC)": "\x1b]0;owned\x07",
    "clipboard (OSC 52)": "\x1b]52;c;cm0gLXJmIC8=\x1b\\",
    "clear screen (CSI)": "\x1b[2J\x1b[H",
    "8-bit CSI (C1)": "\x9b2J",
    "bidi override": "\u202etxt.exe\u202c",
}

HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)

_PIECES = [
    *CLASSES.values(),
    *("\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1bX", "\x1b^", "\x1b_", "\x1b\\", "\x1bc", "\x1b(0", "\x1b#8", "\x1b\x1b"),
    *("\x9b", "\x9d", "\x90", "\x98", "\x9e", "\x9f", "\x9c", "\x85", "\x84", "\x8d", "\xa0", "\xad"),
    *("\x00", "\x05", "\x07", "\x08", "\x0b", "\x0c", "\x0e", "\x0f", "\x18", "\x1a", "\r", "\n", "\t", "\x7f"),
    *("31", "1;31", "?1049", "?25", ";;;", "m", "J", "K", "A", "h", "l", "~", " q", "$p", "999999999", "5n", "6n"),
    *("0;title", "52;c;", "8;;http://evil.example", "1337;File=:", '$q"p', "+q544e", "Gf=24;"),
    *("\u202a", "\u202b", "\u202d", "\u202e", "\u202c", "\u2066", "\u2067", "\u2068", "\u2069", "\u200e", "\u200f"),
    *("\u061c", "\u2028", "\u2029", "\ufeff", "\ufff9", "\ufffa", "\ufffb", "\U000e0001", "\U000e0041", "\U000e007f"),
    *("\ud800", "\udc80", "\udcff", "\udfff", os.fsdecode(b"caf\xe9"), os.fsdecode(b"\xff\x9b\x1b[2J")),
    *("[bold]", "[/]", "[link=file:///etc/passwd]", "[red on red]", ":smile:", "\\[", "{x}", "%s", "<b>", "'", '"'),
    *(
        "what time",
        " is it",
        "é",
        "e\u0301",
        "日本語",
        "👩\u200d👩\u200d👧",
        "नमस्\u200dते",
        "שלום",
        "\u200b",
        "word " * 12,
    ),
]


def hostile_strings(count: int, *, seed: int) -> Iterator[str]:
    """Yield `count` strings of terminal attacks, cut ones among them, mixed with words and any code points."""
    rng = random.Random(seed)
    for _ in range(count):
        pieces = rng.choices(_PIECES, k=rng.randrange(1, 9))
        if rng.random() < 0.3:
            pieces.insert(rng.randrange(len(pieces)), chr(rng.randrange(0x110000)))
        if rng.random() < 0.1:
            pieces.insert(rng.randrange(len(pieces)), "".join(map(chr, rng.choices(range(0xA0), k=12))))
        yield "".join(pieces)


def cut_at_random(text: str, rng: random.Random) -> list[str]:
    """Cut a text into up to four pieces, as deltas bring it."""
    cuts = sorted(rng.randrange(len(text) + 1) for _ in range(rng.randrange(4)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
