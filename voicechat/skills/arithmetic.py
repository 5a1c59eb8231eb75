"""Reckon what is asked in words: "what is twenty three plus nineteen", and then "times two".

Turns words into the tokens of `expression`, and its value into a sentence; nothing is evaluated as code. Knows
nothing of units.
"""

from __future__ import annotations

import re

from voicechat.skills import numerals
from voicechat.skills.expression import LEVELS, PREFIX_FACTORS, NoResult, NotAnExpression, evaluate
from voicechat.skills.request import Request

# How operators are said, also as a recognizer mishears them; rewritten in this order. N is a number.
_PHRASES = [
    (pattern.replace("N", "([0-9.]+)"), f" {token} ")
    for pattern, token in (
        (r"\b(?:add|at|had) N (?:and|to|too|with) N\b", r"\1 + \2"),
        (r"\b(?:subtract|take) N from N\b", r"\2 - \1"),
        (r"\bmultiply N (?:by|times|and|with) N\b", r"\1 * \2"),
        (r"\bdivide N (?:by|buy|bye|and) N\b", r"\1 / \2"),
        (r"\b(?:sum|some) of N and N\b", r"\1 + \2"),
        (r"\b(?:what|how much) is N and N$", r"\1 + \2"),
        (r"\bremainder (?:of|when) N (?:is )?divided by N\b", r"\1 mod \2"),
        (r"\b(?:the )?square of N\b", r"\1 squared"),
        (r"\b(?:the )?cube of N\b", r"\1 cubed"),
        (r"\bproduct of N and N\b", r"\1 * \2"),
        (r"\bdifference (?:of|between) N and N\b", r"\1 - \2"),
        (r"\b(?:raised )?(?:to|too) (?:the )?pow\w+ (?:of|on|off)\b|\braised to\b|\bto the power\b", "^"),
        (r"(?<=[0-9] )2 (?:the )?pow\w+ (?:of|on|off)\b", "^"),
        (r"\b(?:to|too) (?:the )?N(?:st|nd|rd|th)(?: power)?\b", r"^ \1"),
        (r"\b(?:to|too) the second power\b", "^ 2"),
        (r"\b(?:to|too) the third power\b", "^ 3"),
        (r"\b(?:the )?square[ds]? (?:root|route|rude|roots) (?:of|on|off)\b", "sqrt"),
        (r"\b(?:the )?cube[ds]? (?:root|route|roots) (?:of|on|off)\b", "cbrt"),
        (r"\b(?:the )?factorial of N\b", r"\1 !"),
        (r"\bfactorial\b", "!"),
        (r"\bsquare[ds]?\b", "squared"),
        (r"\bcube[ds]?\b", "cubed"),
        (r"\b(?:percent|per cent|percentage) (?:of|on|off of|off)\b", "%of"),
        (r"\b(?:percent|per cent)\b", "%"),
        (r"\b(?:an? |1 )?(half|quarter) of\b", r"\1"),
        (r"\b(?:an? |1 )?(?:third|3rd) of\b", "third"),
        (r"\btwice\b", "double"),
        (r"\b(?:divided?|divides|devided) (?:by|buy|bye)\b|\bover\b", "/"),
        (r"\bmultiplied (?:by|with)\b|\btimes?\b|\bx\b", "*"),
        (r"\b(?:modulo|modulus|mod)\b", "mod"),
        (r"\b(?:plus|plush|added to)\b", "+"),
        (r"\b(?:minus|negative|less|take away|mine us)\b", "-"),
        (r"[()]", r"\g<0>"),
    )
]
# Words around the sum that say nothing.
_LEAD = re.compile(
    "hello|hi|hey|and|so|now|then|what|is|are|was|does|do|the|a|result|answer|value|of|to|how|much|many|calculate|"
    "compute|reckon|work|out|solve|evaluate|tell|me|give|know|can|could|you|i"
)
_TAIL = re.compile("equals?|to|makes?|is|be|come|give|what|now")
_SPOKEN = {
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "divided by",
    "^": "to the power of",
    "mod": "modulo",
    "%of": "percent of",
    "%": "percent",
    "!": "factorial",
    "squared": "squared",
    "cubed": "cubed",
    "sqrt": "the square root of",
    "cbrt": "the cube root of",
    "half": "half of",
    "third": "a third of",
    "quarter": "a quarter of",
    "double": "twice",
    "triple": "three times",
}
_POINTERS = frozenset(("that", "it", "this"))
_OPERAND_NEXT = LEVELS.keys() | PREFIX_FACTORS.keys() | {"sqrt", "cbrt", "("}  # after one of these stands a number
_RESULT = re.compile(
    rf" is (?:about )?({numerals.NUMBER}(?: times 10 to the power of {numerals.NUMBER})?)(?: (?![AP]M\b)[a-z ]+)?\.$"
)


def answer(request: Request) -> str | None:
    asked = _trimmed(_tokens(request.text))
    tokens = _with_last_result(asked, request)
    if not any(token in _SPOKEN and (token != "-" or i) for i, token in enumerate(tokens)):  # a sign makes no sum
        return None
    try:
        value = evaluate(tokens)
    except NotAnExpression:
        return None
    except NoResult as exc:
        return str(exc)
    question = "that" if "(" in asked else _spoken(tokens)  # brackets cannot be heard
    return f"{question[0].upper()}{question[1:]} is {numerals.say(value)}."


def answer_in_part(request: Request) -> str | None:
    """Ask again where the words look like a sum but were not understood whole."""
    asks = re.search(r"\b(?:what|how much|calculate|compute)\b", request.text)
    operator = re.search(r"\b(?:plus|minus|times|divided|percent|squared|root|power)\b", request.text)
    if not (asks and operator and re.search(r"[0-9]", request.text)):
        return None
    return request.vary(
        (
            "I heard a sum, but not all of it. Please say it again, like what is 12 times 7.",
            "I did not catch every part of that sum. Could you say it once more?",
        )
    )


def _tokens(text: str) -> list[str]:
    for pattern, token in _PHRASES:
        text = re.sub(pattern, token, text)
    return text.split()


def _trimmed(tokens: list[str]) -> list[str]:
    """Drop the words around the sum, but not those that sound like the number that an operator needs."""
    start, end = 0, len(tokens)
    while start < end and _LEAD.fullmatch(tokens[start]) and not _is_operand(tokens, start, neighbour=start + 1):
        start += 1
    while end > start and _TAIL.fullmatch(tokens[end - 1]) and not _is_operand(tokens, end - 1, neighbour=end - 2):
        end -= 1
    return tokens[start:end]


def _is_operand(tokens: list[str], index: int, *, neighbour: int) -> bool:
    beside = tokens[neighbour] if 0 <= neighbour < len(tokens) else ""
    return tokens[index] in numerals.SOUND_ALIKES and beside in LEVELS


def _with_last_result(tokens: list[str], request: Request) -> list[str]:
    """Put the number that the last reply gave where the words point to it: "that", or in front of an operator."""
    found = _RESULT.search(request.last_said)
    if not found or not tokens:
        return tokens
    result = ["(", *_tokens(found[1]), ")"]
    asks_for_negative = re.match(r"(?:what|how much) is (?:minus|negative)\b", request.text)
    if tokens[0] in LEVELS.keys() | {"!", "squared", "cubed"} and not asks_for_negative:
        tokens = ["that", *tokens]
    return [part for token in tokens for part in (result if token in _POINTERS else [token])]


def _spoken(tokens: list[str]) -> str:
    """Give the sum in words, as it was understood."""
    words = []
    for before, token in zip(["(", *tokens], tokens, strict=False):
        if token in "()":
            continue
        word = numerals.SOUND_ALIKES.get(token, token) if before in _OPERAND_NEXT else token
        words.append(_SPOKEN.get(token, str(word)))
    return " ".join(words)
