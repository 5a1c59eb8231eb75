"""Cut a reply that is still being written into sentences that can be spoken already.

Text deltas in, sentences out. Knows nothing of models or voices. It decides character by character, so that how the
text was cut into deltas makes no difference, and it never looks further ahead than one character after a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MAX_CHARS = 300  # of a sentence; a longer one is cut where it hurts least
FIRST_CHARS = 80  # a first sentence longer than this is cut at a comma, so that speech starts soon
MIN_CLAUSE_CHARS = 15  # a shorter first clause is not worth a pause

_SPACED_ENDS = ".!?…।؟۔"  # end a sentence where a space follows
_WIDE_ENDS = "。！？｡"  # end a sentence wherever they stand
_CLOSERS = "\"'”’»)]}」』）】*_"  # belong to the sentence before them
_ENDED = re.compile(rf"(?P<end>[{re.escape(_SPACED_ENDS)}]+)(?P<closers>[{re.escape(_CLOSERS)}]*) $")
_ENDED_WIDE = re.compile(rf"[{_WIDE_ENDS}][{re.escape(_CLOSERS)}]* ?$")
_LAST_WORD = re.compile(r"[^\s(\[{\"'“‘«]+$")
_CLAUSE_END = re.compile(r"[,;:–—] |[，、；：]")

_TITLES = re.compile(
    r"(?:mrs?|m[sx]|dr|prof|sr|jr|st|mt|gen|col|capt|lt|sgt|rev|hon|gov|sen|messrs|vs|cf|e\.g|i\.e)$", re.IGNORECASE
)
_BEFORE_DIGITS = re.compile(r"(?:nos?|pp?|fig|vol|ch|jan|feb|apr|aug|sept|oct|nov|dec)$", re.IGNORECASE)
_MAYBE_LAST = re.compile(  # an abbreviation that a sentence can end with
    r"(?:(?:[^\W\d_]\.)+[^\W\d_]|etc|inc|ltd|co|corp|dept|est|approx|min|max|sec|hr|ft|oz|lbs?)$", re.IGNORECASE
)


def sentences(deltas: Iterable[str]) -> Iterator[str]:
    """Yield each sentence, stripped, as soon as the character after it has shown that it is over.

    All that is not white space comes out again, in order. At most MAX_CHARS characters are held back.
    """
    held = ""  # at most one space between words, none in front
    first = True
    for char in (char for delta in deltas for char in delta):
        if char in "\n\r\v\f\u2028\u2029":
            cut = len(held)
        elif char.isspace():
            held += " " if held and held[-1] != " " else ""
            continue
        else:
            cut = _cut(held, char, first=first)
            held += char
        if cut:
            yield held[:cut].rstrip()
            held = held[cut:].lstrip()
            first = False
    if held:
        yield held.rstrip()


def _cut(held: str, char: str, *, first: bool) -> int:
    """Give how much of `held`, which `char` follows, can be spoken; 0 for nothing yet."""
    if _is_over(held, char):
        return len(held)
    if first and len(held) >= FIRST_CHARS and (clause := _last_clause(held, MIN_CLAUSE_CHARS)):
        return clause
    if len(held) >= MAX_CHARS:
        return _last_clause(held, MAX_CHARS // 2) or held.rfind(" ") + 1 or MAX_CHARS
    return 0


def _is_over(held: str, char: str) -> bool:
    if _ENDED_WIDE.search(held):
        return held.endswith(" ") or char not in _CLOSERS + _WIDE_ENDS
    ended = _ENDED.search(held)
    if not ended:
        return False
    if ended["end"] == ".":
        return _is_full_stop(held[: ended.start()], char)
    return not (char.islower() and (ended["closers"] or ended["end"][-1] in ".…"))


def _is_full_stop(before: str, char: str) -> bool:
    """Tell whether a full stop after `before`, with a space and then `char` behind it, ends a sentence."""
    found = _LAST_WORD.search(before)
    word = found[0] if found else ""
    if _TITLES.match(word) or (_BEFORE_DIGITS.match(word) and char.isdigit()):
        return False
    if _MAYBE_LAST.match(word):
        return not (char.islower() or char.isdigit())
    if word.isdigit() and word == before:
        return False  # the number of a list item
    return not (len(word) == 1 and word.isupper() and word != "I")  # an initial


def _last_clause(held: str, min_chars: int) -> int:
    """Give where the last clause that ends in `held` ends, 0 if that leaves less than `min_chars`."""
    ends = [match.end() for match in _CLAUSE_END.finditer(held)]
    return ends[-1] if ends and ends[-1] >= min_chars else 0
