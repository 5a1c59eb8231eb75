"""The backend `transformers`: its options, its errors, batches; the recognizers are tested in tests/models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from tests.models.speech_to_text.checkpoints import write_parakeet_ctc
from voicechat.asr import transformers
from voicechat.asr.transformers import HubTranscriber, Options
from voicechat.errors import ConfigError, ModelError
from voicechat.models.heard import Heard, TimedWord
from voicechat.models.mini_omni import kernels
from voicechat.protocols import BatchTranscriber
from voicechat.types import CAPTURE_RATE, Recognized, Transcript, Word

SPEECH = (np.random.default_rng(0).standard_normal(CAPTURE_RATE) * 0.1).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with kernels.one_torch_thread():  # faster for tiny tensors on a busy machine
        yield


class Counting:
    """Hears how long each piece is, and notes how many came at once."""

    tells_words = True
    max_piece_s = 30.0

    def __init__(self) -> None:
        self.batches: list[int] = []

    def recognize(self, pieces: Sequence[np.ndarray], *, words: bool, stopped: Callable[[], bool]) -> list[Heard]:
        self.batches.append(len(pieces))
        times = (TimedWord("n", 0.0, 1.0),) if words else ()
        return [Heard(str(len(piece)), times, "en") for piece in pieces]


def test_pieces_come_in_batches_and_silent_ones_not_at_all():
    recognizer = Counting()
    transcriber = HubTranscriber(recognizer, batch_size=2)
    lengths = [2000, 100, 3000, 4000, 5000]

    found = transcriber.transcribe_pieces([np.full(n, 0.1, np.float32) for n in lengths])

    assert [each.text for each in found] == ["2000", "", "3000", "4000", "5000"]
    assert found[1] == Recognized("")
    assert recognizer.batches == [2, 2]


@pytest.mark.parametrize(
    "piece",
    [np.zeros(0, np.float32), np.ones(1, np.float32), np.full(CAPTURE_RATE, np.nan, np.float32)],
)
def test_what_holds_no_words_is_not_heard(piece: np.ndarray):
    recognizer = Counting()
    transcriber = HubTranscriber(recognizer, batch_size=2)

    assert transcriber.transcribe_pieces([piece]) == [Recognized("")]
    assert list(transcriber.transcribe([piece])) == [Transcript("", final=True)]
    assert recognizer.batches == []


def test_words_are_asked_for_where_they_are_told():
    recognizer = Counting()
    transcriber = HubTranscriber(recognizer, batch_size=1)
    assert transcriber.transcribe_pieces([SPEECH], words=True)[0].words == (Word("n", 0.0, 1.0),)

    recognizer.tells_words = False
    transcriber = HubTranscriber(recognizer, batch_size=1)
    assert transcriber.transcribe_pieces([SPEECH], words=True)[0].words == ()


def test_a_checkpoint_is_loaded_and_recognizes(tmp_path: Path):
    with closing(transformers.load(Options(model=str(write_parakeet_ctc(tmp_path)), device="cpu"))) as transcriber:
        assert isinstance(transcriber, BatchTranscriber)
        (found,) = transcriber.transcribe_pieces([SPEECH], words=True)
        (last,) = transcriber.transcribe([SPEECH])

    assert found.text
    assert last == Transcript(found.text, final=True)
    with pytest.raises(ModelError, match="transformers is closed"):
        transcriber.transcribe_pieces([SPEECH])


def test_an_option_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="batch_size must be from 0 to 256, not -1"):
        transformers.load(Options(batch_size=-1))


def test_missing_weights_say_how_to_get_them():
    with pytest.raises(ModelError, match="run: voicechat models pull moonshine-base"):
        transformers.load(Options())
