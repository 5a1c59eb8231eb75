"""Turn phrases into a language model in the ARPA format: which words a recognizer is to expect next.

The form of the phrases is told at the top of `_phrases.txt`. A model of three words at a time, in which a shorter
history fills in, with a fixed weight, for what was not seen after the longer. Knows nothing of the recognizer.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from voicechat.errors import ConfigError

ORDER = 3  # words
ANY_WORD = "*"
SMOOTHING = 0.2  # how many phrases' worth the shorter history counts
GENERAL_SHARE = 0.3  # of the general words, where nothing is known of the words before
MANY = 20  # choices

Words = tuple[str, ...]
Choices = dict[Words, float]  # sequences of words, and how likely each is
Counts = dict[Words, dict[str, float]]  # history -> next word -> how often

_TOKEN = re.compile(r"[()|]|<[^>]+>|[^\s()|<>]+")


def arpa(phrases: str, general: Mapping[str, float]) -> str:
    """Give the language model of `phrases` as an ARPA file.

    Args:
        general: words that may stand anywhere, above all in place of `*`, and how likely each is.

    Raises:
        ConfigError: If there are no phrases, or one is not in the form that `_phrases.txt` tells.
    """
    counts = expected_counts(phrases)
    if not counts:
        raise ConfigError('there are no phrases to expect; give some, or set phrases to "none"')
    probabilities: dict[Words, float] = {(word,): p for word, p in _single_words(counts[()], general).items()}
    backoffs: dict[Words, float] = {}
    for history in sorted((history for history in counts if history), key=len):
        following = counts[history]
        weight = SMOOTHING + following.get(ANY_WORD, 0.0)
        whole = SMOOTHING + sum(following.values())
        backoffs[history] = weight / whole
        for word, count in following.items():
            if word != ANY_WORD:
                shorter = probability((*history[1:], word), probabilities, backoffs)
                probabilities[*history, word] = (count + weight * shorter) / whole
    probabilities["<s>",] = 1e-10  # nothing precedes it, but the format wants it
    return "\n".join(_lines(probabilities, backoffs))


def probability(words: Words, probabilities: Mapping[Words, float], backoffs: Mapping[Words, float]) -> float:
    """Give how likely the last of `words` is after the others, by the rule of the ARPA format."""
    if words in probabilities:
        return probabilities[words]
    if len(words) == 1:
        return 0.0
    return backoffs.get(words[:-1], 1.0) * probability(words[1:], probabilities, backoffs)


def expected_counts(phrases: str) -> Counts:
    """Give, for each history of fewer than ORDER words, how often each word follows if each phrase is said once.

    Raises:
        ConfigError: If a line is not in the form that `_phrases.txt` tells.
    """
    counts: Counts = defaultdict(lambda: defaultdict(float))
    classes: dict[str, Choices] = {}
    for line in map(str.strip, phrases.splitlines()):
        if not line or line.startswith("#"):
            continue
        name, is_class, definition = line.partition(" = ")
        tokens = _TOKEN.findall(definition if is_class else line)
        try:
            if is_class:
                classes[name] = _choices(tokens, classes)
            else:
                _count([*_parts(tokens, classes), {("</s>",): 1.0}], counts)
        except KeyError as exc:
            raise ConfigError(f"{exc.args[0]} is not defined before the phrase {line[:80]!r}") from exc
        except ValueError as exc:
            raise ConfigError(f"brackets do not match in the phrase {line[:80]!r}") from exc
    return counts


def _count(parts: Sequence[Choices], counts: Counts) -> None:
    """Add what one phrase contributes, following all its choices at once."""
    states: Choices = {("<s>",): 1.0}
    for part in parts:
        starts: Choices = defaultdict(float)  # the first words of a choice, as far as the words before it reach
        ends: Choices = defaultdict(float)  # its last words, as far as they reach into what comes after it
        for words, share in part.items():
            for i, word in enumerate(words):
                for start in range(max(0, i - ORDER + 1), i + 1):
                    if ANY_WORD not in words[start:i]:
                        counts[words[start:i]][word] += share
            for n in range(1, min(len(words), ORDER - 1) + 1):
                starts[words[:n]] += share
            ends[words[1 - ORDER :]] += share
        for state, likely in states.items():
            for words, share in starts.items():
                for history in (state[i:] + words[:-1] for i in range(len(state))):
                    if len(history) < ORDER and ANY_WORD not in history:
                        counts[history][words[-1]] += likely * share
        after: Choices = defaultdict(float)
        for words, share in ends.items():
            # After one of very many choices, its last word tells enough of what was before.
            if words and len(part) > MANY:
                after[words[-1:]] += share
                continue
            for state, likely in states.items():
                after[(state + words)[1 - ORDER :]] += likely * share
        states = after


def _choices(tokens: Sequence[str], classes: Mapping[str, Choices]) -> Choices:
    """Give all that `a|b c|<class>` stands for."""
    alternatives: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == "|" and depth == 0:
            alternatives.append([])
        else:
            alternatives[-1].append(token)
    choices: Choices = defaultdict(float)
    for alternative in alternatives:
        sequences: Choices = {(): 1.0}
        for part in _parts(alternative, classes):
            sequences = {(*a, *b): p * q for a, p in sequences.items() for b, q in part.items()}
        for words, share in sequences.items():
            choices[words] += share / len(alternatives)
    return choices


def _parts(tokens: Sequence[str], classes: Mapping[str, Choices]) -> Iterator[Choices]:
    """Yield what each word, class or bracket in a row stands for."""
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = position + 1
        if token == "(":
            end = _closing(tokens, position) + 1
            yield _choices(tokens[position + 1 : end - 1], classes)
        elif token in ")|":
            raise ValueError(token)
        elif token.startswith("<"):
            yield classes[token]
        else:
            yield {(token.lower(),): 1.0}
        position = end


def _closing(tokens: Sequence[str], opening: int) -> int:
    """Give where the bracket that opens at `opening` is closed."""
    depth = 0
    for position in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[position], 0)
        if depth == 0:
            return position
    raise ValueError("(")


def _single_words(counts: Mapping[str, float], general: Mapping[str, float]) -> dict[str, float]:
    known = {word: count for word, count in counts.items() if word != ANY_WORD}
    share = GENERAL_SHARE if general else 0.0
    scale, general_scale = (1 - share) / sum(known.values()), share / (sum(general.values()) or 1.0)
    words = {word: scale * count for word, count in known.items()}
    for word, likely in general.items():
        words[word] = words.get(word, 0.0) + general_scale * likely
    return words


def _lines(probabilities: Mapping[Words, float], backoffs: Mapping[Words, float]) -> Iterator[str]:
    by_length: list[list[Words]] = [[] for _ in range(ORDER)]
    for words in sorted(probabilities):
        by_length[len(words) - 1].append(words)
    yield "\\data\\"
    for n, grams in enumerate(by_length, 1):
        yield f"ngram {n}={len(grams)}"
    for n, grams in enumerate(by_length, 1):
        yield f"\n\\{n}-grams:"
        for words in grams:
            backoff = f" {math.log10(backoffs.get(words, 1.0)):.4f}" if n < ORDER else ""
            yield f"{math.log10(probabilities[words]):.4f} {' '.join(words)}{backoff}"
    yield "\n\\end\\\n"
