"""The backend `whisper`: its options, its errors, a talk and files; the model itself is tested in tests/models."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from tests.models.whisper.checkpoints import write_whisper
from voicechat.asr import whisper
from voicechat.asr.whisper import Options
from voicechat.errors import ConfigError, ModelError
from voicechat.models.mini_omni import kernels
from voicechat.protocols import BatchTranscriber
from voicechat.types import CAPTURE_RATE, Recognized
from voicechat.utterance import Utterance

SPEECH = (np.random.default_rng(0).standard_normal(2 * CAPTURE_RATE) * 0.1).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with kernels.one_torch_thread():  # faster for tiny tensors on a busy machine
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_whisper(tmp_path_factory.mktemp("whisper")))


def test_pieces_and_a_talk_have_the_same_words(model: str):
    with closing(whisper.load(Options(model=model, language="en", guard=False))) as transcriber:
        assert isinstance(transcriber, BatchTranscriber)
        pieces = transcriber.transcribe_pieces([SPEECH, np.zeros(0, np.float32)])
        utterance = Utterance()
        utterance.push(SPEECH)
        utterance.end(ended_at=0.0, speech_s=2.0)
        frames, talk = (
            list(transcriber.transcribe([SPEECH[:999], SPEECH[999:]])),
            list(transcriber.transcribe(utterance)),
        )

    assert pieces[0].text
    assert pieces[0].language == "en"
    assert pieces[1] == Recognized("")
    assert [each.text for each in frames] == [each.text for each in talk] == [pieces[0].text]
    assert talk[-1].final


def test_words_have_times(model: str):
    with closing(whisper.load(Options(model=model, language="en", guard=False))) as transcriber:
        (piece,) = transcriber.transcribe_pieces([SPEECH], words=True)

    assert transcriber.tells_words
    assert piece.words
    assert all(0 <= word.start_s <= word.end_s <= 2.0 for word in piece.words)


@pytest.mark.parametrize(
    "options",
    [
        {},  # with its guard
        {"task": "translate", "language": "de", "guard": False},
        {"prompt": "the inn", "vocabulary": "he, in", "guard": False},
        {"dtype": "int8", "guard": False},
        {"dtype": "bfloat16", "guard": False},
        {"exact_encoder": False, "encoder_margin_s": 1.0, "guard": False},
        {"pack": False, "batch_size": 2, "guard": False},
    ],
)
def test_every_option_leads_to_words_or_none(model: str, options):
    with closing(whisper.load(Options(model=model, device="cpu", **options))) as transcriber:
        found = transcriber.transcribe_pieces([SPEECH, SPEECH[: CAPTURE_RATE // 2]])

    assert len(found) == 2


def test_how_many_pieces_work_best_follows_the_windows(model: str):
    with closing(whisper.load(Options(model=model, batch_size=2))) as packed:
        assert packed.batch_size == 16
    with closing(whisper.load(Options(model=model, batch_size=2, pack=False))) as alone:
        assert (alone.batch_size, alone.max_piece_s) == (2, 30.0)


def test_a_closed_transcriber_takes_no_other_call(model: str):
    transcriber = whisper.load(Options(model=model))

    transcriber.close()
    transcriber.close()

    with pytest.raises(ModelError, match="whisper is closed"):
        transcriber.transcribe_pieces([SPEECH])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 257}, "batch_size must be from 0 to 256, not 257"),
        ({"encoder_margin_s": 31.0}, "encoder_margin_s must be from 0.0 to 30.0, not 31.0"),
        ({"language": "xx"}, "knows no language 'xx'"),
        ({"device": "tpu"}, "no device is called 'tpu'"),
    ],
)
def test_an_option_that_cannot_be_is_refused(model: str, options, message: str):
    with pytest.raises(ConfigError, match=message):
        whisper.load(Options(model=model, **options))


def test_missing_weights_say_how_to_get_them():
    with pytest.raises(ModelError, match="run: voicechat models pull whisper-small"):
        whisper.load(Options())


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else found(name))

    with pytest.raises(ModelError, match=r"whisper needs the package torch; run: pip install 'voicechat\[models\]'"):
        whisper.load(Options())


def test_a_folder_without_a_model_is_an_error(tmp_path: Path):
    with pytest.raises(ModelError, match="holds no model"):
        whisper.load(Options(model=str(tmp_path)))
