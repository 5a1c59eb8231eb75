"""Each way of calling a recognizer: parity with transformers' own, batches, times, wishes, damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tests.models.speech_to_text.checkpoints import TRANSCRIBE, WRITERS  # noqa: E402
from voicechat.errors import ConfigError, ModelError  # noqa: E402
from voicechat.models.heard import TimedWord  # noqa: E402
from voicechat.models.mini_omni import kernels  # noqa: E402
from voicechat.models.speech_to_text import loading  # noqa: E402
from voicechat.models.speech_to_text.calling import Place, Recognizer, Wishes  # noqa: E402
from voicechat.models.speech_to_text.transducer import word_times  # noqa: E402

KINDS = tuple(WRITERS)
TIMED = ("wav2vec2", "parakeet_ctc", "parakeet_tdt")


def speech(duration_s: float, seed: int) -> np.ndarray:
    """Something with the ups and downs of speech."""
    rng = np.random.default_rng(seed)
    n = round(duration_s * 16_000)
    return (rng.standard_normal(n) * np.abs(np.sin(np.arange(n) / 3000)) * 0.2).astype(np.float32)


PIECES = [speech(2.0, 0), speech(1.3, 1), speech(3.1, 2)]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with kernels.one_torch_thread():  # faster for tiny tensors on a busy machine
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = WRITERS[kind](tmp_path_factory.mktemp(kind))
        return made[kind]

    return folder


def loaded(folder: Path, **wishes: str) -> Recognizer:
    return loading.load(Place(folder, f"tiny {folder.name}", "cpu", "float32"), Wishes(**wishes))


def texts(recognizer: Recognizer, pieces: list[np.ndarray]) -> list[str]:
    heard = recognizer.recognize(pieces, words=False, stopped=lambda: False)
    assert heard is not None
    return [each.text for each in heard]


def theirs(kind: str, folder: Path, piece: np.ndarray) -> str:
    """What transformers' own documentation says to do with a piece."""
    processor: Any = None if kind == "voxtral" else transformers.AutoProcessor.from_pretrained(folder)
    with torch.inference_mode():
        if kind == "wav2vec2":
            inputs = processor(piece, sampling_rate=16_000, return_tensors="pt")
            ids = transformers.AutoModelForCTC.from_pretrained(folder)(**inputs).logits.argmax(-1)
            letters = processor.batch_decode(ids)[0]  # to skip special tokens here would join "l" and "l"
            return str(letters).replace("<s>", "").replace("</s>", "").replace("<unk>", "")
        if kind == "parakeet_ctc":
            model = transformers.AutoModelForCTC.from_pretrained(folder)
            ids = model.generate(**processor(piece, sampling_rate=16_000))
            return str(processor.batch_decode(ids, skip_special_tokens=True)[0])
        if kind == "parakeet_tdt":
            model = transformers.AutoModelForTDT.from_pretrained(folder)
            output = model.generate(**processor(piece, sampling_rate=16_000), max_new_tokens=1000)
            return str(processor.decode(output.sequences, skip_special_tokens=True)[0])
        if kind == "moonshine":
            model = transformers.MoonshineForConditionalGeneration.from_pretrained(folder)
            inputs = processor(piece, sampling_rate=16_000, return_tensors="pt")
            ids = model.generate(**inputs, max_new_tokens=round(len(piece) / 16_000 * 6.5) + 8)
            return str(processor.batch_decode(ids, skip_special_tokens=True)[0])
        if kind == "qwen3_asr":
            model = transformers.Qwen3ASRForConditionalGeneration.from_pretrained(folder)
            inputs = processor.apply_transcription_request(audio=piece, language="English")
            ids = model.generate(**inputs, max_new_tokens=round(len(piece) / 16_000 * 20) + 32, do_sample=False)
            written = ids[:, inputs["input_ids"].shape[1] :]
            return str(processor.decode(written, return_format="transcription_only")[0])
        model = transformers.VoxtralForConditionalGeneration.from_pretrained(folder)
        features = transformers.WhisperFeatureExtractor.from_pretrained(folder)(
            piece, sampling_rate=16_000, return_tensors="pt"
        ).input_features
        # <s> [INST] [BEGIN_AUDIO] [AUDIO] * 375 [/INST] lang :en [TRANSCRIBE]; texts come behind 40 special ones.
        prompt = torch.tensor([[1, 3, 25, *[24] * 375, 4, 40 + 258, 40 + 260, TRANSCRIBE]])
        ids = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            input_features=features,
            max_new_tokens=round(len(piece) / 16_000 * 20) + 32,
            do_sample=False,
        )
        written = [token - 40 for token in ids[0, prompt.shape[1] :].tolist() if 40 <= token < 40 + 256]
        return bytes(written).decode(errors="replace")


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_is_transformers(folders, kind: str):
    recognizer = loaded(folders(kind), language="en")

    for piece in PIECES[:2]:
        expected = theirs(kind, folders(kind), piece).strip()
        assert texts(recognizer, [piece]) == [expected]
        assert expected


@pytest.mark.parametrize("kind", KINDS)
def test_no_piece_of_a_batch_knows_of_the_others(folders, kind: str):
    recognizer = loaded(folders(kind), language="en")

    assert texts(recognizer, PIECES) == [texts(recognizer, [piece])[0] for piece in PIECES]


@pytest.mark.parametrize("kind", KINDS)
def test_words_make_the_text_where_they_are_told(folders, kind: str):
    recognizer = loaded(folders(kind))
    heard = recognizer.recognize(PIECES, words=True, stopped=lambda: False)

    assert recognizer.tells_words == (kind in TIMED)
    assert heard is not None
    for each, piece in zip(heard, PIECES, strict=True):
        if kind in TIMED:
            assert [word.text for word in each.words] == each.text.split()
            edges = [edge for word in each.words for edge in (word.start_s, word.end_s)]
            assert edges == sorted(edges)
            assert edges[0] >= 0
            assert edges[-1] <= len(piece) / 16_000 + 0.32  # a TDT's last step may lead beyond the end
        else:
            assert not each.words


def test_the_times_of_letters_are_transformers(folders):
    folder = folders("wav2vec2")
    recognizer = loaded(folder)
    processor = transformers.AutoProcessor.from_pretrained(folder)
    letters = processor.tokenizer.get_vocab()
    spelled = ["<pad>", *"HH", "<pad>", *"I||", "<pad>", *"AL", "<pad>", *"L||BE", "<pad>", "<pad>"]
    frames = [letters[letter] for letter in spelled]

    words = recognizer._words(recognizer._runs(frames), 0.02)  # type: ignore[attr-defined]

    offsets = processor.decode(frames, output_word_offsets=True).word_offsets
    expected = [TimedWord(word["word"], word["start_offset"] * 0.02, word["end_offset"] * 0.02) for word in offsets]
    assert [word.text for word in words] == ["HI", "ALL", "BE"]
    assert list(words) == expected


def test_syllables_make_words():
    tokens = [(" the", 0.0, 0.2), (" b", 0.5, 0.6), ("ing", 0.6, 0.9), (".", 0.9, 0.9), (" ", 1.0, 1.1)]

    words = word_times([{"token": text, "start": begin, "end": end} for text, begin, end in tokens])

    assert words == (TimedWord("the", 0.0, 0.2), TimedWord("bing.", 0.5, 0.9))


@pytest.mark.parametrize("kind", KINDS)
def test_who_stops_it_gets_nothing(folders, kind: str):
    assert loaded(folders(kind)).recognize(PIECES[:1], words=False, stopped=lambda: True) is None


def test_expectations_and_the_language_reach_qwen(folders):
    folder = folders("qwen3_asr")

    plain, expecting, german = (
        texts(loaded(folder, **wishes), PIECES[:1])
        for wishes in ({"language": "en"}, {"language": "en", "prompt": "SNAC, Voxtral."}, {"language": "de"})
    )

    assert plain != expecting
    assert plain != german


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "qwen3_asr"])
def test_a_prompt_that_would_be_ignored_is_refused(folders, kind: str):
    with pytest.raises(ConfigError, match="takes no prompt and no vocabulary"):
        loaded(folders(kind), prompt="SNAC")


def test_a_language_that_qwen_does_not_know_is_refused(folders):
    with pytest.raises(ConfigError, match="knows no language 'xx'; known: ar, yue"):
        loaded(folders("qwen3_asr"), language="xx")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("whisper", "own is a Whisper; use --asr whisper --model own"),
        ("bert", "own is of the kind 'bert'; known: moonshine, "),
        (None, "own is of the kind None; known: "),
    ],
)
def test_another_kind_of_model_is_refused(tmp_path: Path, kind: str | None, message: str):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))

    with pytest.raises(ConfigError, match=message):
        loading.load(Place(tmp_path, "own", "cpu", "float32"), Wishes())


@pytest.mark.parametrize(
    ("kind", "damage", "message"),
    [
        ("wav2vec2", lambda own: (own / "model.safetensors").unlink(), "transformers cannot load own from"),
        ("wav2vec2", lambda own: (own / "model.safetensors").write_bytes(b"x" * 99), "transformers cannot load own"),
        ("wav2vec2", lambda own: (own / "vocab.json").unlink(), "transformers cannot load own"),
        ("voxtral", lambda own: (own / "tekken.json").unlink(), "cannot read .*tekken.json"),
        ("voxtral", lambda own: (own / "tekken.json").write_text("{}"), "tekken.json is damaged or of another kind"),
    ],
)
def test_damage_is_one_line(folders, tmp_path: Path, kind: str, damage: Callable[[Path], object], message: str):
    own = Path(shutil.copytree(folders(kind), tmp_path / "own"))
    damage(own)

    with pytest.raises(ModelError, match=message) as caught:
        loading.load(Place(own, "own", "cpu", "float32"), Wishes())

    assert "\n" not in str(caught.value)
