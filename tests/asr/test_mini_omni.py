"""The backend `mini-omni`: Mini-Omni's own transcription task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.models.mini_omni.checkpoints import write_model  # noqa: E402
from voicechat.asr import mini_omni  # noqa: E402
from voicechat.asr.mini_omni import MiniOmniTranscriber, Options  # noqa: E402
from voicechat.errors import ConfigError, ModelError  # noqa: E402
from voicechat.models.mini_omni import kernels  # noqa: E402
from voicechat.models.mini_omni.whisper import Heard  # noqa: E402
from voicechat.protocols import BatchTranscriber  # noqa: E402
from voicechat.types import CAPTURE_RATE, Recognized, Transcript  # noqa: E402

SPEECH = (np.random.default_rng(0).standard_normal(CAPTURE_RATE) * 0.1).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with kernels.one_torch_thread():  # faster for tiny tensors on a busy machine
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("mini-omni"))


class Counting:
    """A pipeline that hears how long the sound is, and notes what it was asked."""

    def __init__(self) -> None:
        self.margins: list[float | None] = []

    def hear(self, audio: np.ndarray, *, margin_s: float | None, stopped: Callable[[], bool]) -> Heard | None:
        self.margins.append(margin_s)
        return None if stopped() else Heard(torch.zeros(len(audio), 1), 0.0, 0.0)

    def words(self, features: torch.Tensor, stopped: Callable[[], bool]) -> str:
        return str(len(features))


def transcriber(pipeline: object, **options: float) -> MiniOmniTranscriber:
    return MiniOmniTranscriber(pipeline, **options)  # type: ignore[arg-type]


def test_pieces_and_a_talk_have_the_words_of_the_pipeline():
    pipeline = Counting()
    made = transcriber(pipeline, margin_s=1.5)

    assert isinstance(made, BatchTranscriber)
    assert made.transcribe_pieces([SPEECH, SPEECH[:2000]], words=True) == [
        Recognized("16000", language="en"),
        Recognized("2000", language="en"),
    ]
    assert list(made.transcribe([SPEECH])) == [Transcript("16000", final=True)]
    assert pipeline.margins == [1.5] * 3


def test_the_whole_model_runs(folder: Path):
    with closing(mini_omni.load(Options(weights=str(folder), device="cpu", dtype="float32"))) as made:
        (found,) = made.transcribe_pieces([SPEECH])
        (last,) = made.transcribe([SPEECH])

    assert last == Transcript(found.text, final=True)


@pytest.mark.parametrize(
    "piece",
    [
        np.zeros(0, np.float32),
        np.ones(1, np.float32),
        np.zeros(CAPTURE_RATE, np.float32),
        np.full(CAPTURE_RATE, np.nan, np.float32),
    ],
)
def test_what_holds_no_words_is_not_heard(piece: np.ndarray):
    assert transcriber(object()).transcribe_pieces([piece]) == [Recognized("")]  # which would fail if it were asked


def test_a_closed_transcriber_takes_no_other_call():
    made = transcriber(Counting())

    made.close()
    made.close()

    with pytest.raises(ModelError, match="mini-omni is closed"):
        made.transcribe_pieces([SPEECH])


def test_an_option_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="encoder_margin_s must be from 0 to 30, not 99"):
        mini_omni.load(Options(encoder_margin_s=99.0))


def test_missing_weights_say_how_to_get_them():
    with pytest.raises(ModelError, match="run: voicechat models pull mini-omni"):
        mini_omni.load(Options())
