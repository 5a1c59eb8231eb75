"""Mistral's tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from tests.models.speech_to_text.checkpoints import N_VOXTRAL_SPECIAL, VOXTRAL_TEXTS, write_tekken
from voicechat.models.speech_to_text.tekken import Tekken


@pytest.fixture(scope="module")
def tekken(tmp_path_factory: pytest.TempPathFactory) -> Tekken:
    return Tekken(write_tekken(tmp_path_factory.mktemp("tekken") / "tekken.json"))


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_text_comes_back(tekken: Tekken, text: str):
    assert tekken.decode(tekken.encode(text)) == text


def test_neighbours_join_by_rank_within_a_word(tekken: Tekken):
    texts = [VOXTRAL_TEXTS[token - N_VOXTRAL_SPECIAL] for token in tekken.encode("lang:en slang")]

    assert texts == [b"lang", b":en", b" ", b"s", b"lang"]


def test_special_tokens_have_ids_and_no_text(tekken: Tekken):
    assert tekken.special["[AUDIO]"] == 24
    assert tekken.decode([1, 24, *tekken.encode("hi"), 2, 10_000]) == "hi"
