from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechat.asr._phrase_model import GENERAL_SHARE, arpa, expected_counts
from voicechat.asr.pocketsphinx import PHRASES
from voicechat.errors import ConfigError

words = st.sampled_from(["a", "b", "c", "*", "(a|b c)", "(d|)", "<x>", "(<x>|e (a|b))"])
phrases = st.lists(st.lists(words, min_size=1, max_size=6).map(" ".join), min_size=1, max_size=6).map(
    lambda lines: "\n".join(["<x> = x|y z|x y", *lines])
)


class Model:
    """Reads an ARPA file as a recognizer does."""

    def __init__(self, text: str) -> None:
        self.counts: list[int] = []
        self.logs: dict[tuple[str, ...], float] = {}
        self.backoffs: dict[tuple[str, ...], float] = {}
        order = 0
        for line in text.splitlines():
            fields = line.split()
            if line.startswith("ngram "):
                self.counts.append(int(line.partition("=")[2]))
            elif line.endswith("-grams:"):
                order = int(line[1])
            elif order and fields and not line.startswith("\\"):
                gram = tuple(fields[1 : 1 + order])
                self.logs[gram] = float(fields[0])
                self.backoffs[gram] = float(fields[1 + order]) if len(fields) > 1 + order else 0.0

    def log10(self, *gram: str) -> float:
        if gram in self.logs:
            return self.logs[gram]
        return self.backoffs.get(gram[:-1], 0.0) + self.log10(*gram[1:]) if len(gram) > 1 else -99.0

    @property
    def vocabulary(self) -> list[str]:
        return [gram[0] for gram in self.logs if len(gram) == 1 and gram != ("<s>",)]


@given(phrases)
def test_after_every_history_the_probabilities_add_up_to_one(text: str):
    model = Model(arpa(text, {"common": 0.2, "rare": 0.1, "a": 0.1}))

    for history in {(), ("nothing",), *model.backoffs}:
        if len(history) < 3:
            total = sum(10 ** model.log10(*history, word) for word in model.vocabulary)
            assert math.isclose(total, 1, abs_tol=0.005), history


@given(phrases)
def test_each_phrase_is_counted_once(text: str):
    counts = expected_counts(text)

    n_phrases = len(text.splitlines()) - 1
    ends = sum(following.get("</s>", 0.0) for history, following in counts.items() if history == ())
    assert math.isclose(ends, n_phrases)
    # Whatever stands after one known word stands after it in all places.
    assert all(sum(counts[history].values()) > 0 for history in counts)


def test_brackets_and_classes_stand_for_their_choices():
    assert expected_counts("<n> = one|two three\n(a|b|) <n>")[()] == pytest.approx(
        {"a": 1 / 3, "b": 1 / 3, "one": 0.5, "two": 0.5, "three": 0.5, "</s>": 1.0}
    )


def test_comments_blank_lines_and_capitals_do_not_count():
    assert expected_counts("# a comment\n\n  Stop  ") == expected_counts("stop")


def test_what_is_a_phrase_is_likelier_than_what_is_none():
    model = Model(arpa("set a timer\nspell *\nflip a coin", {"elephant": 0.5}))

    assert model.log10("set", "a", "timer") > model.log10("set", "a", "coin") > model.log10("a", "set", "flip")
    assert 10 ** model.log10("<s>", "spell", "elephant") > 0.5 * GENERAL_SHARE


def test_the_built_in_phrases_are_in_their_form():
    model = Model(arpa(PHRASES.read_text("utf-8"), {}))

    assert model.counts[0] == len([gram for gram in model.logs if len(gram) == 1])
    assert {"timer", "fahrenheit", "goodbye", "</s>"} <= set(model.vocabulary)
    assert not [word for word in model.vocabulary if set(word) & set("()|*#=") or word != word.lower()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set a <thing>", "<thing> is not defined before the phrase 'set a <thing>'"),
        ("a (b|c", "brackets do not match in the phrase 'a (b|c'"),
        ("a b) c", "brackets do not match in the phrase 'a b) c'"),
        ("# nothing", "there are no phrases to expect"),
    ],
)
def test_phrases_in_another_form_are_refused(text: str, message: str):
    with pytest.raises(ConfigError) as caught:
        arpa(text, {})

    assert message in str(caught.value)
