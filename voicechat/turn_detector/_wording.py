"""Whether words sound finished: what hangs on a conjunction goes on, a whole question is over. English.

Knows text only. The words are a recognizer's, without or with punctuation, and their last one may be missing or wrong:
so no finding here is more than a few points, and most texts get none.
"""

from __future__ import annotations

import re

MOST = 3.0  # points, either way


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# After these somebody is still looking for a word.
_HESITATIONS = _set("um uhm umm uh uhh er erm hmm hm mm")
# And these cannot be the last word of anything.
_OPEN = _set(
    "a an the my your our their every and or but nor because although though whereas unless until than whether if "
    "of from into onto between among during per via very really quite i'm i'd i'll i've we're we'd "
    "we'll we've he's she's it's that's there's what's where's who's let's gonna wanna"
)
# These can, but only in a question or after a verb of their own: "what is it for", "turn it on".
_STRANDED = _set(
    "to for with at by about in on as like so that which who when where is are was were be am i we they he she"
)
_PARTICLES = _set("on off in about by that so like")
# Verbs that want something after them.
_TRANSITIVE = _set(
    "need want would could should will shall can may might must wants needs looking mean means called put set"
)
_QUESTION = _set("what where when who whose which why how what's where's who's how's")
_AUXILIARY = _set(
    "is are was were am do does did can could will would shall should may might have has had isn't aren't wasn't "
    "don't doesn't didn't can't couldn't won't wouldn't shouldn't haven't hasn't"
)
# A clause that begins so needs another one; unless "when is it", which is a question.
_SUBORDINATE = _set("if when although though because before after while since unless until once whenever")
_PRONOUNS = _set("i you he she it we they there this that these those")
_IMPERATIVES = _set(
    "add answer ask book bring buy call cancel change check close count delete find give go help list make move open "
    "play please pick put read remind remove repeat roll say search send set show shut sing skip spell start stop "
    "switch take tell throw toss translate try turn wake write"
)
# What is complete though it is short.
_COMPLETE = frozenset(
    {"stop", "thanks", "thank you", "goodbye", "good bye", "bye", "hello", "good morning", "good night", "never mind"}
    | {"yes please", "no thanks", "no thank you", "that's all", "that is all", "that's it", "help", "repeat", "again"}
)
# What may as well be the beginning of more.
_ANSWERS = _set("yes no yeah okay ok sure right please")
# How somebody begins who has more to say.
_OPENINGS = frozenset(
    {"well", "so", "now", "okay so", "i mean", "you know", "let me see", "let me think", "let's see", "the thing is"}
    | {"what i mean is", "i was wondering", "i was thinking", "can you tell me", "could you tell me", "tell me"}
    | {"do you know", "i would like", "i'd like", "i think", "i guess", "remind me", "excuse me", "how about"}
)
_DIGITS = _set("zero oh one two three four five six seven eight nine double")


def points(words: str) -> float:
    """Give how finished a text sounds, from -MOST (it goes on) to MOST (it is over); 0 if it does not tell."""
    found = re.findall(r"[a-z]+(?:'[a-z]+)*", words.lower().replace("’", "'"))
    if not found:
        return 0.0
    return max(-MOST, min(MOST, _of_words(found) + _of_punctuation(words)))


def _of_punctuation(words: str) -> float:
    """Judge by what some recognizers write; most end each text with a full stop, so that one tells nothing."""
    end = words.rstrip(" \"'”’)")
    if end.endswith((",", "-", "–", "—", ":", ";", "...", "…")):
        return -1.5
    return 1.0 if end.endswith("?") else 0.0


def _of_words(found: list[str]) -> float:
    return _goes_on(found) or _is_over(found)


def _goes_on(found: list[str]) -> float:
    """Give what speaks for more to come, as points below 0; 0 if nothing does."""
    text, first, last = " ".join(found), found[0], found[-1]
    if last in _HESITATIONS or last in _OPEN or text in _OPENINGS:
        return -3.0
    if last in _STRANDED and not (_asks(found) or (last in _PARTICLES and first in _IMPERATIVES)):
        return -2.5
    if last in _TRANSITIVE:
        return -2.0
    if first in _SUBORDINATE and len(found) < 9 and not _asks(found):
        return -1.5
    if len(found) > 1 and all(word in _DIGITS for word in found[-2:]):
        return -1.0  # a number is spoken in groups
    return 0.0


def _is_over(found: list[str]) -> float:
    """Give what speaks for the end, where nothing speaks against it."""
    text = " ".join(found)
    if text in _COMPLETE or text in _ANSWERS:
        return 2.0 if text in _COMPLETE else 0.0
    if _asks(found):
        return 1.5 if len(found) > 3 else 0.5
    if found[0] in _IMPERATIVES and len(found) > 1:
        return 1.0
    return 0.5 if len(found) > 4 else -0.5


def _asks(found: list[str]) -> bool:
    """Tell whether a text begins as a question, and has its verb and one word more."""
    if len(found) < 3:
        return False
    if found[0] in _AUXILIARY:
        return True
    return found[0] in _QUESTION and not (found[0] == "when" and found[1] in _PRONOUNS)
