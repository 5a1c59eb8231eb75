"""Roll dice, flip coins, pick numbers and choose between things.

Draws from the request's own random numbers, so that a seeded talk can be repeated.
"""

from __future__ import annotations

import re
import string

from voicechat.skills.numerals import NUMBER, article, listing, parse
from voicechat.skills.request import Request

MAX_DICE = 20
MAX_SIDES = 1000
MAX_COINS = 20
LARGEST_NUMBER = 10**15

_ROLL = r"(?:roll\w*|role|rule|row|throw|threw|through|cast)"
_DICE = r"(?:dice|dies?|dyes?|guys?|dive|dies|i|eye)"
_SIDED = re.compile(
    rf"\b{_ROLL}\b.*?\b(?:(?P<n>[0-9]+|to|too|for) )?(?:an? |the )?(?:d|de|be|the|dee|tea) ?(?P<sides>[0-9]+)\b"
    rf"|\b{_ROLL}\b.*?\b(?:(?P<n2>[0-9]+) )?(?P<sides2>[0-9]+) side[ds]? {_DICE}\b"
)
_PLAIN = re.compile(
    rf"\b{_ROLL} (?:me )?(?:up )?(?:(?P<n>[0-9]+|to|too|for|some|the|an?|and|my|your|a pair of|a couple of) )?{_DICE}\b"
    rf"|^(?:an? )?(?:dice|die) (?:roll|throw)\b"
)
_COIN = re.compile(
    r"\b(?:flip\w*|flick|slip|tos\w*|throw)\b.*?\b(?:(?P<n>[0-9]+) )?(?:coins?|cone|going|quoin)\b"
    r"|\bheads or tails\b|\bcoin (?:flip|toss)\b"
)
_BETWEEN = re.compile(
    rf"\b(?:between|from) (?P<low>{NUMBER}) (?:and|to|too|through|an|until) (?P<high>{NUMBER}|tin|ate|then)\b"
)
_PICK = re.compile(
    r"\b(?:random|pick|choose|think of|give me|tell me|guess|compiler)\b.*\bnumber|^random(?: number)?\b"
)
_CHOICE = re.compile(
    r"^(?:(?:can|could|would|will) you |help me |now )?(?:choose|pick|decide) (?:between |from )?(.+?) (?:or|and) (.+)$"
)
_AGAIN = re.compile(r"\b(?:roll|flip|toss|throw|pick|choose)\b.*\b(?:again|another|1 more|once more)\b")
_RANKS = ("ace", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "jack", "queen", "king")
_SUITS = ("clubs", "diamonds", "hearts", "spades")
_THINGS = {
    "color": ("red", "orange", "yellow", "green", "blue", "purple", "white", "black"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "letter": tuple(string.ascii_uppercase),
}
_WORDS = {"to": 2, "too": 2, "for": 4, "some": 2, "pair": 2, "couple": 2, "tin": 10, "ate": 8, "then": 10}


def answer(request: Request) -> str | None:
    if _AGAIN.search(request.text) and request.previous().text != request.text:
        request = _as_before(request)
        if _AGAIN.search(request.text):
            return "What shall I draw? Say, for example, roll two dice, or flip a coin."
    return _dice(request) or _coins(request) or _number(request) or _pick(request) or _choice(request)


def _as_before(request: Request) -> Request:
    """Give the last request that was about chance, to be drawn anew."""
    previous = request
    while previous.asked:
        previous = previous.previous()
        if any(pattern.search(previous.text) for pattern in (_SIDED, _PLAIN, _COIN, _BETWEEN, _PICK)):
            return Request(
                previous.heard,
                previous.words,
                previous.text,
                request.earlier,
                request.now,
                request.random,
                request.clock_hours,
            )
    return request


def _dice(request: Request) -> str | None:
    if sided := _SIDED.search(request.text):
        n, sides = _amount(sided["n"] or sided["n2"]), int((sided["sides"] or sided["sides2"])[:6])
    elif plain := _PLAIN.search(request.text):
        asked_many = re.search(r"\b(?:some|the|pair|couple)\b.*\bdice\b", plain[0])
        n, sides = _amount(plain["n"]) if not asked_many else 2, 6
    else:
        return None
    if not 2 <= sides <= MAX_SIDES:
        return f"My dice have from two to {MAX_SIDES} sides."
    if not 1 <= n <= MAX_DICE:
        return f"I can roll up to {MAX_DICE} dice at once."
    rolls = [request.random.randint(1, sides) for _ in range(n)]
    if n == 1:
        return f"You rolled {article(str(rolls[0]))} {rolls[0]}."
    return f"You rolled {listing([str(roll) for roll in rolls])}. Together that is {sum(rolls)}."


def _coins(request: Request) -> str | None:
    found = _COIN.search(request.text)
    if not found:
        return None
    n = _amount(found["n"])
    if not 1 <= n <= MAX_COINS:
        return f"I can flip up to {MAX_COINS} coins at once."
    flips = [request.random.choice(("heads", "tails")) for _ in range(n)]
    return f"It is {flips[0]}." if n == 1 else f"{listing(flips).capitalize()}."


def _number(request: Request) -> str | None:
    limits = _BETWEEN.search(request.text)
    if not limits and not _PICK.search(request.text):
        return None
    if limits and not re.search(
        r"\b(?:number|random|pick|choose|compiler|picker|something)\b|^between\b", request.text
    ):
        return None
    low, high = (_limit(limits["low"]), _limit(limits["high"])) if limits else (1, 100)
    if max(abs(low), abs(high)) > LARGEST_NUMBER:
        return "That is further than I can count."
    if low > high:
        low, high = high, low
    return f"{request.vary(('I pick', 'My number is', 'How about'))} {_signed(request.random.randint(low, high))}."


def _pick(request: Request) -> str | None:
    found = re.search(r"\b(?:pick|choose|draw|give me) (?:an? |me a |any )?(card|colou?r|day|letter)$", request.text)
    if not found:
        return None
    if found[1] == "card":
        return f"The {request.random.choice(_RANKS)} of {request.random.choice(_SUITS)}."
    return f"I pick {request.random.choice(_THINGS[found[1].replace('colour', 'color')])}."


def _choice(request: Request) -> str | None:
    found = _CHOICE.search(request.words)
    if not found:
        return None
    options = [re.sub(r"^(?:either|between) ", "", option) for option in found.groups()]
    return f"I choose {request.random.choice(options)}."


def _amount(word: str | None) -> int:
    words = (word or "1").split()
    known = next((_WORDS[part] for part in words if part in _WORDS), 1)
    return int(words[0][:6]) if words[0].isdigit() else known


def _limit(word: str) -> int:
    return _WORDS[word] if word in _WORDS else round(parse(word))


def _signed(n: int) -> str:
    return f"minus {-n}" if n < 0 else str(n)
