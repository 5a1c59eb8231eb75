"""Whisper as a whole: parity with transformers, what is packed and batched, what is guarded against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import transformers  # noqa: E402

from tests.models.whisper.checkpoints import write_whisper  # noqa: E402
from voicechat.errors import ConfigError  # noqa: E402
from voicechat.models.whisper import guard, recognizer  # noqa: E402
from voicechat.models.whisper.decode import Written  # noqa: E402
from voicechat.models.whisper.recognizer import Request, Whisper  # noqa: E402

SECOND = 16_000
N_MOST = 40
PLAIN = Request(language="en", guarded=False, tokens_per_s=0, tokens_beside=N_MOST)


def speech(duration_s: float, seed: int = 0) -> np.ndarray:
    """Something with the ups and downs of speech, and a margin of silence."""
    rng = np.random.default_rng(seed)
    n = round(duration_s * SECOND)
    sound = rng.standard_normal(n) * np.abs(np.sin(np.arange(n) / 3000 + seed)) * 0.2
    sound[: SECOND // 20] = sound[-SECOND // 20 :] = 0
    return sound.astype(np.float32)


PIECES = [speech(duration_s, seed) for seed, duration_s in enumerate((3.0, 9.5, 30.0, 1.2, 14.0))]


@pytest.fixture(scope="module")
def whisper(folder: Path) -> Whisper:
    return recognizer.load(folder, "tiny")


@pytest.fixture(scope="module")
def theirs(folder: Path):
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    return model, transformers.WhisperFeatureExtractor.from_pretrained(folder)


def generated(theirs, whisper: Whisper, piece: np.ndarray, **asked: object) -> str:
    """What transformers' own generate writes down."""
    model, extractor = theirs
    features = extractor(piece, sampling_rate=SECOND, return_tensors="pt").input_features
    ids = model.generate(features, max_new_tokens=N_MOST, num_beams=1, **asked)[0].tolist()
    return whisper._tokenizer.decode(ids).strip()


def texts(whisper: Whisper, pieces: list[np.ndarray], request: Request) -> list[str]:
    heard = whisper.transcribe(pieces, request)
    assert heard is not None
    return [each.text for each in heard]


def test_the_text_is_transformers(whisper: Whisper, theirs):
    expected = [generated(theirs, whisper, piece, language="en", task="transcribe") for piece in PIECES]

    assert texts(whisper, PIECES, replace(PLAIN, share=False)) == expected
    assert len(set(expected)) == len(expected)


def test_the_translation_is_transformers(whisper: Whisper, theirs):
    expected = generated(theirs, whisper, PIECES[0], language="de", task="translate")

    assert texts(whisper, PIECES[:1], replace(PLAIN, language="de", translate=True)) == [expected]
    assert expected != generated(theirs, whisper, PIECES[0], language="de", task="transcribe")


def test_the_language_found_is_transformers(whisper: Whisper, theirs):
    model, extractor = theirs
    for piece in PIECES:
        features = extractor(piece, sampling_rate=SECOND, return_tensors="pt").input_features
        token = int(model.detect_language(features)[0])

        heard = whisper.transcribe([piece], replace(PLAIN, language=""))

        assert heard is not None
        assert whisper._tokenizer.languages[heard[0].language] == token


def test_a_prompt_is_transformers(whisper: Whisper, theirs):
    ids = torch.tensor([whisper._tokenizer.previous, *whisper._tokenizer.encode(" the inn")])
    model, extractor = theirs
    features = extractor(PIECES[0], sampling_rate=SECOND, return_tensors="pt").input_features
    written = model.generate(features, language="en", task="transcribe", prompt_ids=ids, max_new_tokens=20, num_beams=1)
    expected = whisper._tokenizer.decode(written[0].tolist())

    (text,) = texts(whisper, PIECES[:1], replace(PLAIN, prompt="the inn ", tokens_beside=20))

    assert expected.removeprefix(" the inn").strip() == text
    assert text != texts(whisper, PIECES[:1], replace(PLAIN, tokens_beside=20))[0]


def test_a_model_with_more_bands_is_transformers(tmp_path: Path):
    folder = write_whisper(tmp_path, seed=1, n_bands=128)
    transformers.logging.disable_progress_bar()
    model = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    whisper = recognizer.load(folder, "large")

    expected = generated(
        (model, transformers.WhisperFeatureExtractor.from_pretrained(folder)), whisper, PIECES[1], language="en"
    )

    assert texts(whisper, [PIECES[1]], PLAIN) == [expected]


@pytest.mark.parametrize("n_windows", [1, 2, 8])
def test_how_many_windows_are_written_at_once_makes_no_difference(whisper: Whisper, n_windows: int):
    alone = [texts(whisper, [piece], PLAIN)[0] for piece in PIECES]

    assert texts(whisper, PIECES, replace(PLAIN, share=False, n_windows=n_windows)) == alone


def test_pieces_that_share_a_window_get_each_their_words(whisper: Whisper):
    pieces = [speech(2.0, 1), speech(3.0, 2), speech(4.0, 3)]

    heard = whisper.transcribe(pieces, PLAIN, words=True)

    assert heard is not None
    window = "".join(each.text for each in heard)
    assert window
    for each, piece in zip(heard, pieces, strict=True):
        assert each.text == "".join(f" {word.text}" for word in each.words).strip() or not each.words
        assert all(0 <= word.start_s <= word.end_s <= len(piece) / SECOND for word in each.words)


def test_words_make_the_text_and_do_not_change_it(whisper: Whisper):
    plain = whisper.transcribe(PIECES, replace(PLAIN, share=False))
    timed = whisper.transcribe(PIECES, replace(PLAIN, share=False), words=True)

    assert plain is not None
    assert timed is not None
    for without, heard in zip(plain, timed, strict=True):
        assert heard.text == without.text
        assert heard.words
        assert not without.words
        assert "".join(word.text for word in heard.words).replace(" ", "") == heard.text.replace(" ", "")
        starts = [word.start_s for word in heard.words]
        assert starts == sorted(starts)


def test_a_long_piece_is_heard_to_its_end(whisper: Whisper):
    piece = np.concatenate([speech(20.0, 1), speech(20.0, 2), speech(20.0, 3)])

    (heard,) = whisper.transcribe([piece], PLAIN, words=True) or []

    assert heard.words[0].start_s < 5
    assert 50 < heard.words[-1].end_s <= 60
    starts = [word.start_s for word in heard.words]
    assert starts == sorted(starts)
    assert starts[-1] > 30


@pytest.mark.parametrize(
    "piece",
    [
        np.zeros(0, np.float32),
        np.ones(1, np.float32),
        np.ones(1599, np.float32),
        np.zeros(SECOND, np.float32),
        np.full(SECOND, 1e-6, np.float32),
        np.full(SECOND, np.nan, np.float32),
        np.full(SECOND, np.inf, np.float32),
    ],
)
def test_what_holds_no_words_is_not_even_encoded(whisper: Whisper, monkeypatch: pytest.MonkeyPatch, piece: np.ndarray):
    monkeypatch.setattr(recognizer, "encode", None)

    assert texts(whisper, [piece, piece], Request()) == ["", ""]


def test_bad_samples_spoil_nothing_else(whisper: Whisper):
    piece = speech(2.0).copy()
    piece[1000] = np.nan
    piece[2000] = 7.0
    expected = np.nan_to_num(speech(2.0).copy())
    expected[1000], expected[2000] = 0, 1

    assert texts(whisper, [piece, np.zeros(0, np.float32)], PLAIN) == [*texts(whisper, [expected], PLAIN), ""]


def test_no_pieces_have_no_words(whisper: Whisper):
    assert whisper.transcribe([], Request()) == []


def test_who_stops_it_gets_nothing(whisper: Whisper):
    for n_asked in (0, 1, 3, 6):
        asked = iter(range(100))

        assert whisper.transcribe(PIECES[:1], PLAIN, stopped=lambda n=n_asked, asked=asked: next(asked) >= n) is None


def test_a_language_it_does_not_know_is_refused(whisper: Whisper):
    with pytest.raises(ConfigError, match="tiny knows no language 'xx'; known: en, zh, de"):
        whisper.check(Request(language="xx"))

    whisper.check(Request(language="de", translate=True))


def test_a_shorter_context_is_heard_too(whisper: Whisper):
    """What is heard of random weights says nothing; that the window is short shows in the features."""
    short = whisper._encoded([speech(3.0)], Request(margin_s=2.56), lambda: False)
    whole = whisper._encoded([speech(3.0)], Request(), lambda: False)

    assert short is not None
    assert whole is not None
    assert short.shape[1] == pytest.approx((3.0 + 2.56) / 0.02, abs=1)
    assert whole.shape[1] == 1500
    assert texts(whisper, [speech(3.0), speech(5.0)], replace(PLAIN, margin_s=1.0, share=False))[0]


def test_eight_bits_say_nearly_the_same(folder: Path, whisper: Whisper):
    rounded = recognizer.load(folder, "tiny", precision="int8")
    audio = [speech(3.0)]

    exact = whisper._encoded(audio, PLAIN, lambda: False)
    features = rounded._encoded(audio, PLAIN, lambda: False)

    assert exact is not None
    assert features is not None
    assert float((features - exact).norm() / exact.norm()) < 0.05
    assert texts(rounded, PIECES, PLAIN)  # it runs
    assert {type(m).__name__ for m in rounded._decoder.modules()} & {"Linear", "Embedding"} == {
        "Embedding"
    }  # positions


# The guard -------------------------------------------------------------------------------------


class Scripted(Whisper):
    """Writes what it is told to, and notes at which temperatures."""

    def __init__(self, like: Whisper, script: list[tuple[str, float, float]]) -> None:
        self.__dict__.update(like.__dict__)
        self.script = iter(script)
        self.temperatures: list[float] = []

    def _tries(self, windows, request, temperature, *, aligned, stopped):
        self.temperatures.append(temperature)
        return [
            Written(self._tokenizer.encode(text), logprob, no_speech, None)
            for text, logprob, no_speech in [next(self.script) for _ in windows]
        ]


GOOD, GUESS = ("the inn", -0.2, 0.0), ("the wine", -1.5, 0.0)
LOOP = ("he" * 40, -0.1, 0.0)


@pytest.mark.parametrize(
    ("script", "text", "n_tries"),
    [
        ([GOOD], "the inn", 1),
        ([GUESS, GOOD], "the inn", 2),
        ([LOOP, GUESS, GOOD], "the inn", 3),
        ([GUESS, LOOP, LOOP, LOOP, LOOP, LOOP], "the wine", 6),
        ([("a", -1.4, 0.0), *[GUESS] * 5], "a", 6),
        ([("the inn", -1.5, 0.9), *[GUESS] * 5], "", 6),
        ([LOOP] * 6, "he", 6),
    ],
)
def test_a_doubtful_text_is_tried_again(whisper: Whisper, script, text: str, n_tries: int):
    scripted = Scripted(whisper, script)

    assert texts(scripted, [speech(2.0)], Request(language="en")) == [text]
    assert scripted.temperatures == list(recognizer.TEMPERATURES[:n_tries])


def test_only_what_is_doubtful_is_tried_again(whisper: Whisper):
    scripted = Scripted(whisper, [GOOD, GUESS, ("a", -0.1, 0.0)])

    assert texts(scripted, [speech(2.0), speech(2.0)], Request(language="en", share=False)) == ["the inn", "a"]


def test_without_the_guard_the_first_text_stays(whisper: Whisper):
    scripted = Scripted(whisper, [LOOP])

    assert texts(scripted, [speech(2.0)], Request(language="en", guarded=False)) == [LOOP[0]]


@pytest.mark.parametrize(("gain", "text"), [(1.0, "Thank you."), (0.001, "")])
def test_thanks_for_nothing_are_left_out(whisper: Whisper, gain: float, text: str):
    scripted = Scripted(whisper, [(" Thank you.", -0.2, 0.0)])
    piece = speech(2.0) * np.float32(gain)

    assert guard.is_near_silence(piece) == (not text)
    assert texts(scripted, [piece], Request(language="en")) == [text]


def test_sampling_is_the_same_each_time(whisper: Whisper):
    request = Request(language="en", tokens_per_s=0, tokens_beside=20)

    assert texts(whisper, PIECES[:2], request) == texts(whisper, PIECES[:2], request)
