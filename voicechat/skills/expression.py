"""Give the value of a sum that was cut into tokens, by precedence climbing over exact fractions.

Every result is bounded, so that no power and no factorial takes long. Knows nothing of English.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from voicechat.skills.numerals import SOUND_ALIKES

MAX_DIGITS = 300  # of a result, before or after the point
MAX_FACTORIAL = 150
_MAX_DEPTH = 50

PREFIX_FACTORS = {
    "half": Fraction(1, 2),
    "third": Fraction(1, 3),
    "quarter": Fraction(1, 4),
    "double": Fraction(2),
    "triple": Fraction(3),
}
LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2, "mod": 2, "%of": 2, "^": 4}  # unary minus is 3
_UNARY_LEVEL = 3


class NotAnExpression(Exception):
    """The tokens are no sum."""


class NoResult(Exception):
    """The sum has no result; the text says why, to the user."""


def evaluate(tokens: Sequence[str]) -> Fraction:
    """Give the value of `tokens`: numbers in digits, the operators of LEVELS, - ! % ( ) squared cubed sqrt cbrt,
    PREFIX_FACTORS.

    Where a number must stand, a word that sounds like one is one.

    Raises:
        NotAnExpression: If the tokens are no sum.
        NoResult: If it has no real result, or one that is too big.
    """
    parser = _Parser(tokens)
    value = parser.expression(0)
    if parser.rest:
        raise NotAnExpression
    return value


class _Parser:
    def __init__(self, tokens: Sequence[str]) -> None:
        self.rest = list(tokens)
        self._depth = 0

    def expression(self, level: int, *, percent_of: Fraction = Fraction(1)) -> Fraction:
        """Parse what binds tighter than `level`; a first operand in percent is a part of `percent_of`."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise NotAnExpression
        value = self._operand()
        if self._took("%"):
            value = _bounded(value * percent_of / 100)
        while self.rest and LEVELS.get(self.rest[0], 0) > level:
            operator = self.rest.pop(0)
            binding = LEVELS[operator] - (operator == "^")  # a power binds to the right
            # 200 plus 10 percent is 220, as on a pocket calculator.
            right = self.expression(binding, percent_of=value if operator in "+-" else Fraction(1))
            value = _bounded(_BINARY[operator](value, right))
        self._depth -= 1
        return value

    def _operand(self) -> Fraction:
        if not self.rest:
            raise NotAnExpression
        token = self.rest.pop(0)
        if token == "-":
            return -self.expression(_UNARY_LEVEL)
        if token in PREFIX_FACTORS:
            return _bounded(PREFIX_FACTORS[token] * self.expression(LEVELS["*"]))
        if token in ("sqrt", "cbrt"):
            return _root(self._operand(), 2 if token == "sqrt" else 3)
        if token == "(":
            value = self.expression(0)
            if not self._took(")"):
                raise NotAnExpression
        else:
            value = _number(token)
        while self.rest and self.rest[0] in _POSTFIX:
            value = _bounded(_POSTFIX[self.rest.pop(0)](value))
        return value

    def _took(self, token: str) -> bool:
        if self.rest[:1] == [token]:
            self.rest.pop(0)
            return True
        return False


def _number(token: str) -> Fraction:
    if token in SOUND_ALIKES:
        return Fraction(SOUND_ALIKES[token])
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", token):
        raise NotAnExpression
    return _bounded(Fraction(token))


def _bounded(value: Fraction) -> Fraction:
    if _digits(value) > MAX_DIGITS:
        raise NoResult("That number is too big for me.")
    return value


def _digits(value: Fraction) -> float:
    """Give about how many decimal digits `value` has before the point or needs after it."""
    return max(value.numerator.bit_length(), value.denominator.bit_length()) * math.log10(2)


def _divided(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise NoResult("I cannot divide by zero. Nobody can.")
    return left / right


def _modulo(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise NoResult("I cannot divide by zero. Nobody can.")
    return left % right


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if base == 0 and exponent < 0:
        raise NoResult("That would divide by zero, and I cannot do that.")
    if abs(base) in (0, 1):
        exponent = min(exponent, exponent % 2 + 2)  # the same power, and a quick one
    if _digits(base) * abs(exponent) > MAX_DIGITS:
        raise NoResult("That number is too big for me.")
    if exponent.denominator == 1:
        return base**exponent.numerator
    if base < 0:
        raise NoResult("That has no real result.")
    return Fraction(float(base) ** float(exponent))


def _root(value: Fraction, degree: int) -> Fraction:
    if value < 0 and degree == 2:
        raise NoResult("A number below zero has no real square root.")
    magnitude = abs(value)
    numerator, denominator = _whole_root(magnitude.numerator, degree), _whole_root(magnitude.denominator, degree)
    root = Fraction(numerator, denominator)
    if root**degree != magnitude:
        approximate = math.sqrt(magnitude) if degree == 2 else math.cbrt(magnitude)
        root = Fraction(approximate)
    return -root if value < 0 else root


def _whole_root(value: int, degree: int) -> int:
    return math.isqrt(value) if degree == 2 else round(math.cbrt(value))


def _factorial(value: Fraction) -> Fraction:
    if value.denominator != 1 or value < 0:
        raise NoResult("Only whole numbers from zero up have a factorial.")
    if value > MAX_FACTORIAL:
        raise NoResult("That number is too big for me.")
    return Fraction(math.factorial(value.numerator))


_POSTFIX: dict[str, Callable[[Fraction], Fraction]] = {
    "!": _factorial,
    "squared": lambda value: _power(value, Fraction(2)),
    "cubed": lambda value: _power(value, Fraction(3)),
}
_BINARY: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divided,
    "mod": _modulo,
    "^": _power,
    "%of": lambda left, right: left * right / 100,
}
