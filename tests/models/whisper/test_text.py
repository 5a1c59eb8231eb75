"""Whisper's tokens: special ones, text, words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from tests.models.whisper.checkpoints import Vocabulary
from voicechat.errors import ModelError
from voicechat.models.whisper.text import WhisperTokenizer


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary()


@pytest.fixture(scope="module")
def path(vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vocabulary.write(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")


@pytest.fixture(scope="module")
def tokenizer(path: Path) -> WhisperTokenizer:
    return WhisperTokenizer(path, multilingual=True)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def test_special_tokens_have_their_ids(tokenizer: WhisperTokenizer, vocabulary: Vocabulary):
    known = vocabulary.special

    assert tokenizer.start == known["<|startoftranscript|>"]
    assert tokenizer.no_speech == known["<|nospeech|>"]
    assert tokenizer.languages == {code: known[f"<|{code}|>"] for code in vocabulary.languages}


def test_a_model_that_knows_english_only_has_no_languages(path: Path):
    assert WhisperTokenizer(path, multilingual=False).languages == {}


@given(text=TEXTS)
def test_a_text_comes_back(tokenizer: WhisperTokenizer, text: str):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_tokens_in_a_text_are_text(tokenizer: WhisperTokenizer):
    ids = tokenizer.encode("<|endoftext|>")

    assert tokenizer.end not in ids
    assert tokenizer.decode(ids) == "<|endoftext|>"
    assert tokenizer.decode([*ids, tokenizer.end, tokenizer.start, tokenizer.no_timestamps + 7]) == "<|endoftext|>"


@given(text=TEXTS, language=st.sampled_from(["en", "zh"]))
def test_words_are_the_text_and_count_all_ids(tokenizer: WhisperTokenizer, text: str, language: str):
    ids = tokenizer.encode(text)

    words = tokenizer.words(ids, language)

    assert sum(n for _, n in words) == len(ids)
    assert all(n > 0 for _, n in words)
    assert "".join(word for word, _ in words).split() == text.split() or not text.isprintable()


@given(ids=st.lists(st.integers(0, 300), max_size=40), language=st.sampled_from(["en", "ja"]))
def test_ids_that_make_no_text_are_counted_too(tokenizer: WhisperTokenizer, ids: list[int], language: str):
    words = tokenizer.words(ids, language)

    assert sum(n for _, n in words) == len(ids)


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        (" the cat, said he", "en", [" the", " cat,", " said", " he"]),
        (' he said: "go on!" then', "en", [" he", " said:", ' "go', ' on!"', " then"]),
        (" - no. (maybe)", "en", [" -no.", " (maybe)"]),
        (" können Bäume", "de", [" können", " Bäume"]),
        ("你好，世界。", "zh", ["你", "好，", "世", "界。"]),
        ("", "en", []),
    ],
)
def test_punctuation_belongs_to_a_word(tokenizer: WhisperTokenizer, text: str, language: str, words: list[str]):
    assert [word for word, _ in tokenizer.words(tokenizer.encode(text), language)] == words


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda settings: settings.pop("added_tokens"), "no special tokens"),
        (lambda settings: settings["added_tokens"].clear(), r"no token <\|endoftext\|>"),
        (lambda settings: settings["model"].update(type="Unigram"), "not byte-level BPE"),
    ],
)
def test_another_tokenizer_is_refused(path: Path, tmp_path: Path, damage, message: str):
    settings = json.loads(path.read_text())
    damage(settings)
    other = tmp_path / "tokenizer.json"
    other.write_text(json.dumps(settings))

    with pytest.raises(ModelError, match=message):
        WhisperTokenizer(other, multilingual=True)
