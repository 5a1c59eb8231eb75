"""Text to ids and back; streamed, only whole characters come."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
tokenizers = pytest.importorskip("tokenizers")

from tests.models.mini_omni import checkpoints  # noqa: E402
from voicechat.errors import ModelError  # noqa: E402
from voicechat.models.mini_omni.tokenizer import TextStream, TextTokenizer  # noqa: E402

SPELLED = {byte: bytes([byte]) for byte in range(256)}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return checkpoints.write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")


@pytest.fixture(scope="module")
def tokenizer(path):
    return TextTokenizer(path)


@settings(deadline=None)
@given(text=st.text())
def test_a_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@settings(deadline=None)
@given(tokens=st.lists(st.integers(0, 262)))
def test_ids_are_decoded_as_the_library_does(tokenizer, path, tokens):
    library = tokenizers.Tokenizer.from_file(str(path))

    assert tokenizer.decode(tokens) == library.decode(tokens, skip_special_tokens=True)


@settings(deadline=None)
@given(data=st.one_of(st.binary(), st.text().map(str.encode)))
def test_what_is_streamed_is_the_whole(data):
    stream = TextStream(SPELLED)

    streamed = "".join([stream.push(byte) for byte in data]) + stream.finish()

    assert streamed == data.decode(errors="replace")


@settings(deadline=None)
@given(text=st.text())
def test_no_piece_of_a_text_holds_half_a_character(text):
    stream = TextStream(SPELLED)

    pieces = [stream.push(byte) for byte in text.encode()]

    assert all(piece in text for piece in pieces)
    assert stream.finish() == ""


def test_a_character_that_was_cut_off_is_told_at_the_end():
    stream = TextStream(SPELLED)

    assert [stream.push(byte) for byte in "ä".encode()[:1]] == [""]
    assert stream.finish() == "\ufffd"


def test_ids_without_a_text_are_silent(tokenizer):
    assert tokenizer.decode([151_936, 151_937, *tokenizer.encode("the"), 10**9]) == "the"


def test_what_the_user_types_is_never_a_special_token(tokenizer, path):
    library = tokenizers.Tokenizer.from_file(str(path))
    special = library.token_to_id("<|endoftext|>")

    assert special in library.encode("<|endoftext|>").ids
    assert special not in tokenizer.encode("<|endoftext|>")
    assert tokenizer.decode(tokenizer.encode("<|endoftext|>")) == "<|endoftext|>"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": None}, "not byte-level BPE"),
        ({"model": {"type": "WordPiece", "vocab": {}}}, "not byte-level BPE"),
        ({"decoder": {"type": "Metaspace"}}, "not byte-level BPE"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": []}}, "no vocabulary"),
        ({"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": []}}, "an id of its vocabulary is no number"),
        (
            {"model": {"type": "BPE", "vocab": {"a": 151_936}, "merges": []}},
            "of another model: it has ids up to 151936",
        ),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused(path, tmp_path, changes, said):
    (tmp_path / "tokenizer.json").write_text(json.dumps(json.loads(path.read_text()) | changes))

    with pytest.raises(ModelError, match=said):
        TextTokenizer(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
def test_a_tokenizer_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "tokenizer.json").write_text(text)

    with pytest.raises(ModelError, match="get it again"):
        TextTokenizer(tmp_path / "tokenizer.json")
