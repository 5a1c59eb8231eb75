from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from tests.skills.asking import ask, talk
from voicechat.skills import arithmetic
from voicechat.skills.expression import MAX_FACTORIAL, NoResult, NotAnExpression, evaluate


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("what is twenty three plus nineteen", "23 plus 19 is 42."),
        ("what's 2+2?", "2 plus 2 is 4."),
        ("how much is seven minus three", "7 minus 3 is 4."),
        ("what is twelve times twelve", "12 times 12 is 144."),
        ("what is one hundred divided by four", "100 divided by 4 is 25."),
        ("what is two plus three times four", "2 plus 3 times 4 is 14."),
        ("ten minus three minus two", "10 minus 3 minus 2 is 5."),
        ("what is zero point one plus zero point two", "0.1 plus 0.2 is 0.3."),
        ("minus three times minus four", "Minus 3 times minus 4 is 12."),
        ("what is negative five plus two", "Minus 5 plus 2 is minus 3."),
        ("what is fifteen percent of eighty", "15 percent of 80 is 12."),
        ("what is two hundred plus ten percent", "200 plus 10 percent is 220."),
        ("eighty minus twenty five percent", "80 minus 25 percent is 60."),
        ("what is five squared", "5 squared is 25."),
        ("three cubed", "3 cubed is 27."),
        ("two squared cubed", "2 squared cubed is 64."),
        ("what is two to the power of ten", "2 to the power of 10 is 1024."),
        ("two to the tenth", "2 to the power of 10 is 1024."),
        ("two to the power of two to the power of three", "2 to the power of 2 to the power of 3 is 256."),
        ("the square root of sixteen", "The square root of 16 is 4."),
        ("square root of two", "The square root of 2 is about 1.4142."),
        ("cube root of twenty seven", "The cube root of 27 is 3."),
        ("cube root of minus eight", "The cube root of minus 8 is minus 2."),
        ("square root of sixteen plus nine", "The square root of 16 plus 9 is 13."),
        ("half of ten", "Half of 10 is 5."),
        ("twice seven", "Twice 7 is 14."),
        ("a third of nine", "A third of 9 is 3."),
        ("five factorial", "5 factorial is 120."),
        ("ten modulo three", "10 modulo 3 is 1."),
        ("add three and four", "3 plus 4 is 7."),
        ("subtract three from ten", "10 minus 3 is 7."),
        ("multiply six by seven", "6 times 7 is 42."),
        ("divide one hundred by eight", "100 divided by 8 is 12.5."),
        ("the sum of two and three", "2 plus 3 is 5."),
        ("what is the difference between ten and four", "10 minus 4 is 6."),
        ("the sum of seven thousand and five hundred", "7000 plus 500 is 7500."),
        ("how much is two and three", "2 plus 3 is 5."),
        ("the cube of three", "3 cubed is 27."),
        ("the remainder of ten divided by three", "10 modulo 3 is 1."),
        ("two plus two equals", "2 plus 2 is 4."),
        ("calculate one over three", "1 divided by 3 is about 0.3333."),
        ("what is (2+3)*4", "That is 20."),
        ("a million times a million", "1000000 times 1000000 is 1000000000000."),
        ("2^100", "2 to the power of 100 is about 1.2677 times 10 to the power of 30."),
        # as a recognizer hears them
        ("what is to plus to", "2 plus 2 is 4."),
        ("what is won plus ate", "1 plus 8 is 9."),
        ("what is for times for", "4 times 4 is 16."),
        ("six time's seven", "6 times 7 is 42."),
        ("ten divided buy two", "10 divided by 2 is 5."),
        ("the square route of nine", "The square root of 9 is 3."),
        ("five plush five", "5 plus 5 is 10."),
    ],
)
def test_sums_are_understood_and_answered(question: str, reply: str):
    assert ask(arithmetic.answer, question) == reply


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("what is ten divided by zero", "I cannot divide by zero. Nobody can."),
        ("zero to the power of minus one", "That would divide by zero, and I cannot do that."),
        ("square root of minus one", "A number below zero has no real square root."),
        ("(minus 8) ** 0.5", "That has no real result."),
        ("9**9**9**9", "That number is too big for me."),
        ("ten to the power of one million", "That number is too big for me."),
        ("1000 factorial", "That number is too big for me."),
        ("2.5 factorial", "Only whole numbers from zero up have a factorial."),
    ],
)
def test_a_sum_without_a_result_is_explained(question: str, reply: str):
    assert ask(arithmetic.answer, question) == reply


@pytest.mark.parametrize(
    "text",
    ["what time is it", "time", "forty two", "minus one", "i have two brothers", "the cosine of five plus three",
     "plus", "is that a plus", "how many times did you call", "", "the square", "over and out"],
)  # fmt: skip
def test_what_is_no_sum_is_left_to_others(text: str):
    assert ask(arithmetic.answer, text) is None


def test_a_follow_up_goes_on_with_the_last_result():
    replies = talk(
        arithmetic.answer, "two plus three", "times two", "and divided by four", "the square root of that", "minus one"
    )

    assert replies[1:] == [
        "5 times 2 is 10.",
        "10 divided by 4 is 2.5.",
        "The square root of 2.5 is about 1.5811.",
        "1.5811 minus 1 is 0.5811.",
    ]


def test_a_follow_up_understands_negative_and_very_large_results():
    assert ask(arithmetic.answer, "three minus five", "times two") == "Minus 2 times 2 is minus 4."
    assert ask(arithmetic.answer, "2^100", "divided by two") == (
        "1.2677 times 10 to the power of 30 divided by 2 is 6.3385 times 10 to the power of 29."
    )


def test_a_sum_of_its_own_does_not_go_on_with_the_last_result():
    assert ask(arithmetic.answer, "two plus three", "what is minus one plus two") == "Minus 1 plus 2 is 1."


def test_a_sum_that_was_half_understood_is_asked_for_again():
    assert "sum" in (ask(arithmetic.answer_in_part, "how much instantly minus three") or "")
    assert ask(arithmetic.answer_in_part, "what is love") is None


_OPERATORS = {"plus": "+", "minus": "-", "times": "*"}


@settings(deadline=None)
@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=5),
    st.lists(st.sampled_from(sorted(_OPERATORS)), min_size=4, max_size=4),
)
def test_sums_said_in_words_come_out_as_python_has_them(numbers: list[int], operators: list[str]):
    said, typed = num2words(numbers[0]), str(numbers[0])
    for operator, number in zip(operators, numbers[1:], strict=False):
        said += f" {operator} {num2words(number)}"
        typed += f" {_OPERATORS[operator]} ({number})"
    expected = eval(typed)  # our own text

    reply = ask(arithmetic.answer, f"what is {said}")

    assert reply is not None
    heard = reply.removesuffix(".").rpartition(" is ")[2].removeprefix("about ")
    if abs(expected) < 10**21:
        assert heard == str(expected).replace("-", "minus ")
    else:
        mantissa, _, exponent = heard.replace("minus ", "-").partition(" times 10 to the power of ")
        assert float(mantissa) * 10.0 ** int(exponent) == pytest.approx(expected, rel=1e-4)


def _signed(number: int) -> list[str]:
    return [str(number)] if number >= 0 else ["-", str(-number)]


@settings(deadline=None)
@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9).filter(bool))
def test_division_is_exact_and_undone_by_multiplication(dividend: int, divisor: int):
    tokens = [*_signed(dividend), "/", "(", *_signed(divisor), ")"]

    assert evaluate(tokens) == Fraction(dividend, divisor)
    assert evaluate([*tokens, "*", "(", *_signed(divisor), ")"]) == dividend


@settings(deadline=None)
@given(st.integers(0, 10**60))
def test_the_root_of_a_square_is_exact(number: int):
    assert evaluate(["sqrt", "(", str(number), "^", "2", ")"]) == number


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["1", "2", "0", "99999999", "0.5", "+", "-", "*", "/", "^", "mod", "%of", "%", "!", "(", ")",
                         "sqrt", "cbrt", "half", "to", "x"]),
        max_size=30,
    )
)  # fmt: skip
def test_any_tokens_have_a_bounded_value_or_none(tokens: list[str]):
    try:
        value = evaluate(tokens)
    except (NotAnExpression, NoResult):
        return

    assert abs(value.numerator) < 10**310
    assert value.denominator < 10**310


def test_nesting_is_bounded():
    with pytest.raises(NotAnExpression):
        evaluate(["("] * 10_000 + ["1"] + [")"] * 10_000)


def test_the_largest_factorial_that_is_allowed_has_a_value():
    assert evaluate([str(MAX_FACTORIAL), "!"]) > 0
    with pytest.raises(NoResult):
        evaluate([str(MAX_FACTORIAL + 1), "!"])
