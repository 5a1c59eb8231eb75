from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.speaking import synthesized
from voicechat.asr import pocketsphinx
from voicechat.asr.pocketsphinx import BATCH_SAMPLES, Options, PocketsphinxTranscriber
from voicechat.errors import ConfigError, ModelError
from voicechat.types import CAPTURE_RATE, Transcript

QUESTION = "what time is it"


@pytest.fixture(scope="module")
def transcriber() -> Iterator[PocketsphinxTranscriber]:
    with closing(pocketsphinx.load(Options())) as loaded:
        yield loaded


def recording(text: str, *, gain: float = 1.0, noise_db: float = -65) -> np.ndarray:
    """Give `text` as a microphone would: with a little noise before, behind and below."""
    speech = synthesized(text, speed_wpm=185)
    samples = np.pad(soxr.resample(speech.samples, speech.sample_rate, CAPTURE_RATE), CAPTURE_RATE * 3 // 10)
    noise = np.random.default_rng(0).normal(0, 10 ** (noise_db / 20), len(samples))
    return (gain * (samples + noise)).astype(np.float32)


def cut(samples: np.ndarray, *sizes: int) -> Iterator[np.ndarray]:
    position = 0
    while position < len(samples):
        for size in sizes:
            yield samples[position : position + size]
            position += size


@pytest.mark.parametrize(
    "text",
    [
        "what time is it",
        "what is three plus four",
        "set a timer for five minutes",
        "roll two dice",
        "flip a coin",
        "hello",
        "goodbye",
        "thank you",
    ],
)
def test_what_is_said_to_an_assistant_is_understood(transcriber: PocketsphinxTranscriber, text: str):
    assert final(transcriber, [recording(text)]) == text


def test_partial_transcripts_come_while_the_user_speaks(transcriber: PocketsphinxTranscriber):
    samples = recording("what is three plus four")
    n_heard = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal n_heard
        for frame in cut(samples, 320):
            n_heard += len(frame)
            yield frame

    seen = [(n_heard, transcript) for transcript in transcriber.transcribe(frames())]

    *partials, last = [transcript for _, transcript in seen]
    assert last == Transcript("what is three plus four", final=True)
    assert len(partials) >= 2
    assert not any(partial.final for partial in partials)
    assert len({partial.text for partial in partials}) == len(partials)
    assert seen[0][0] < 0.7 * len(samples)


@pytest.mark.parametrize("sizes", [(160,), (1, 999, 4001), (1_000_000,)])
def test_how_the_audio_is_cut_makes_no_difference(transcriber: PocketsphinxTranscriber, sizes: tuple[int, ...]):
    samples = recording(QUESTION)

    assert list(transcriber.transcribe(cut(samples, *sizes))) == list(transcriber.transcribe(cut(samples, 320)))


def test_no_utterance_knows_of_the_one_before(transcriber: PocketsphinxTranscriber):
    samples = recording("spell elephant")
    first = list(transcriber.transcribe([samples]))

    list(transcriber.transcribe([recording("how are you today", gain=0.05)]))

    assert list(transcriber.transcribe([samples])) == first


@pytest.mark.parametrize("gain", [0.01, 0.1, 1.5])
def test_a_quiet_or_a_loud_voice_is_understood_as_well(transcriber: PocketsphinxTranscriber, gain: float):
    assert final(transcriber, [recording(QUESTION, gain=gain)]) == QUESTION


def test_silence_without_any_noise_does_no_harm(transcriber: PocketsphinxTranscriber):
    questions = ("what is two plus two", "what is your name", "how much is six times two")

    understood = [final(transcriber, [recording(question, noise_db=-200)]) for question in questions]

    assert sum(words == question for words, question in zip(understood, questions, strict=True)) >= 2


@pytest.mark.parametrize("n_frames", [0, 10, 200])
def test_an_utterance_that_is_left_early_leaves_nothing_behind(transcriber: PocketsphinxTranscriber, n_frames: int):
    frames = cut(recording("this is not heard to its end by anyone at all"), 160)
    left = transcriber.transcribe(frame for _, frame in zip(range(n_frames), frames, strict=False))
    next(left)
    left.close()

    assert final(transcriber, [recording(QUESTION)]) == QUESTION


def test_two_utterances_at_once_do_not_mix(transcriber: PocketsphinxTranscriber):
    texts = ["what time is it", "flip a coin"]

    calls = [transcriber.transcribe(cut(recording(text), 320)) for text in texts]
    partials = [next(call) for call in calls]  # both are under way now
    finals = [list(call)[-1] for call in calls]

    assert not any(partial.final for partial in partials)
    assert [last.text for last in finals] == texts


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.zeros(1, np.float32),
        np.zeros(400, np.float32),
        np.zeros(BATCH_SAMPLES + 1, np.float32),
        np.zeros(2 * CAPTURE_RATE, np.float32),
        np.full(CAPTURE_RATE, np.nan, np.float32),
        np.full(CAPTURE_RATE, -np.inf, np.float32),
    ],
)
def test_what_is_no_speech_gives_one_empty_transcript(transcriber: PocketsphinxTranscriber, samples: np.ndarray):
    assert list(transcriber.transcribe([samples])) == [Transcript("", final=True)]


def test_words_have_no_marks_of_the_dictionary(transcriber: PocketsphinxTranscriber):
    # Both have several pronunciations, which the dictionary numbers, and there is silence between them.
    gap = np.zeros(CAPTURE_RATE // 2, np.float32)
    words = final(transcriber, [recording("what is your name"), gap, recording("the")])

    assert words.startswith("what is your name")
    assert all(word.replace("'", "").isalpha() for word in words.split())


def test_nothing_is_said_on_the_terminal(capfd: pytest.CaptureFixture[str]):
    with closing(pocketsphinx.load(Options(phrases="none"))) as transcriber:
        final(transcriber, [recording(QUESTION)])

    assert capfd.readouterr() == ("", "")


def test_own_phrases_are_expected(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "phrases.txt"
    path.write_text("open the pod bay (door|doors)\nhello qwxz\n")

    with closing(pocketsphinx.load(Options(phrases=str(path)))) as transcriber:
        assert final(transcriber, [recording("open the pod bay doors")]) == "open the pod bay doors"
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["not in the dictionary, so never recognized: qwxz"]


def test_a_closed_transcriber_completes_its_call_and_takes_no_other():
    transcriber = pocketsphinx.load(Options(phrases="none"))
    call = transcriber.transcribe(cut(recording(QUESTION), 320))
    next(call)

    transcriber.close()
    transcriber.close()

    assert list(call)[-1].final
    with pytest.raises(ModelError, match="closed"):
        next(transcriber.transcribe([]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(acoustic_model="/no/such"), "acoustic_model: no such file or folder: '/no/such'"),
        (Options(dictionary="/no/such"), "dictionary: no such file or folder: '/no/such'"),
        (Options(language_model="/no/such"), "language_model: no such file or folder: '/no/such'"),
        (Options(phrases="/no/such"), "phrases: cannot read '/no/such'"),
        (Options(language_weight=0.5), "language_weight must be between 1 and 20, not 0.5"),
        (Options(max_active=10), "max_active must be between 100 and 100000, not 10"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: Options, message: str):
    with pytest.raises(ConfigError) as caught:
        pocketsphinx.load(options)

    assert message in str(caught.value)


def test_a_file_that_is_no_model_is_an_error(tmp_path: Path):
    path = tmp_path / "model.lm"
    path.write_text("no model")

    with pytest.raises(ModelError, match=r"pocketsphinx cannot load .*model\.lm"):
        pocketsphinx.load(Options(language_model=str(path)))


def final(transcriber: PocketsphinxTranscriber, frames: list[np.ndarray]) -> str:
    *_, last = transcriber.transcribe(frames)
    assert last.final
    return last.text
