"""Recognizing on a server, a real one in this process: what it is asked, what is made of what it answers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("httpx2")

from tests.asr.speech_server import Answer, SpeechServer, events
from voicechat.asr import http
from voicechat.asr._http_client import Client
from voicechat.asr.http import HttpTranscriber, Options
from voicechat.errors import ConfigError, RemoteError, VoiceChatError
from voicechat.types import CAPTURE_RATE, Recognized, Transcript, Word
from voicechat.utterance import Utterance

SPEECH = (np.sin(np.arange(CAPTURE_RATE) / 20) * 0.3).astype(np.float32)
SECRET = "sk-very-secret-0123456789"
TEXT = Answer({"text": " Hello there. "})


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with SpeechServer([TEXT]) as running:
        yield running


def transcriber(server: SpeechServer, key: str = "", **options: Any) -> HttpTranscriber:
    """One that does not wait long between two tries."""
    chosen = Options(url=server.url, **options)
    client = Client(chosen.url, key, timeout_s=chosen.timeout_s, n_tries=chosen.tries, first_pause_s=0.001)
    return HttpTranscriber(client, chosen)


def recognized(server: SpeechServer, *, words: bool = False, key: str = "", **options: Any) -> Recognized:
    with closing(transcriber(server, key, **options)) as made:
        (found,) = made.transcribe_pieces([SPEECH], words=words)
    return found


def test_a_piece_is_sent_as_it_is_and_its_text_comes_back(server: SpeechServer):
    found = recognized(server, model="some-model")

    assert found == Recognized("Hello there.")
    (request,) = server.requests
    assert request.path == "/v1/audio/transcriptions"
    assert request.fields == {"model": "some-model", "response_format": "json"}
    assert request.rate == CAPTURE_RATE
    np.testing.assert_allclose(request.samples / 32767, SPEECH, atol=1e-4)


def test_wishes_are_passed_on(server: SpeechServer):
    recognized(server, language="de", prompt="Guten Tag.", vocabulary="Voxtral, SNAC ,")
    recognized(server, language="de", task="translate")

    first, second = server.requests
    assert first.fields["language"] == "de"
    assert first.fields["prompt"] == "Voxtral, SNAC. Guten Tag."
    assert second.path == "/v1/audio/translations"
    assert "language" not in second.fields


def test_words_are_asked_for_and_read(server: SpeechServer):
    server.answers = [
        Answer(
            {
                "text": "Hello there.",
                "language": "en",
                "words": [
                    {"word": "Hello", "start": 0.1, "end": 0.4},
                    {"word": " there ", "start": 0.5, "end": 99},
                    {"word": "", "start": 0, "end": 0},
                    {"word": "odd", "start": "a", "end": None},
                    "nonsense",
                ],
            }
        )
    ]

    found = recognized(server, words=True)

    assert found == Recognized("Hello there.", (Word("Hello", 0.1, 0.4), Word("there", 0.5, 1.0)), "en")
    assert server.requests[0].fields["response_format"] == "verbose_json"
    assert server.requests[0].fields["timestamp_granularities[]"] == "word"


def test_a_server_that_refuses_words_is_not_asked_again(server: SpeechServer):
    server.answers = [Answer({"error": {"message": "not with this model"}}, status=400), TEXT]

    with closing(transcriber(server, batch_size=1)) as made:
        found = made.transcribe_pieces([SPEECH, SPEECH], words=True)

    assert found == [Recognized("Hello there.")] * 2
    assert [request.fields["response_format"] for request in server.requests] == ["verbose_json", "json", "json"]


def test_pieces_come_back_in_order_however_many_are_sent_at_once(server: SpeechServer):
    class Lengths(SpeechServer):
        def next(self, request):
            return Answer({"text": str(len(request.samples))})

    with Lengths() as counting, closing(transcriber(counting, batch_size=3)) as made:
        lengths = [CAPTURE_RATE + n for n in (5, 3, 9, 1, 7)]
        found = made.transcribe_pieces([np.resize(SPEECH, n) for n in lengths])

    assert [each.text for each in found] == [str(n) for n in lengths]


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0, np.float32),
        np.ones(1, np.float32),
        np.zeros(CAPTURE_RATE, np.float32),
        np.full(CAPTURE_RATE, np.nan, np.float32),
    ],
)
def test_what_holds_no_words_is_not_sent(server: SpeechServer, samples: np.ndarray):
    with closing(transcriber(server)) as made:
        assert made.transcribe_pieces([samples]) == [Recognized("")]
        assert list(made.transcribe([samples])) == [Transcript("", final=True)]

    assert not server.requests


def test_bad_samples_are_repaired_before_they_are_sent(server: SpeechServer):
    samples = SPEECH.copy()
    samples[:3] = [np.nan, np.inf, 5.0]
    with closing(transcriber(server)) as made:
        made.transcribe_pieces([samples])

    assert server.requests[0].samples[:3].tolist() == [0, 0, 32767]


# Talks -----------------------------------------------------------------------------------------


def test_the_words_of_a_talk_come_as_they_are_recognized(server: SpeechServer):
    server.answers = [
        events(
            {"type": "transcript.text.delta", "delta": "Hello"},
            {"type": "something.new"},
            {"type": "transcript.text.delta", "delta": " there"},
            {"type": "transcript.text.done", "text": "Hello there."},
        )
    ]

    with closing(transcriber(server)) as made:
        found = list(made.transcribe([SPEECH[:8000], SPEECH[8000:]]))

    assert found == [Transcript("Hello"), Transcript("Hello there"), Transcript("Hello there.", final=True)]
    assert server.requests[0].fields["stream"] == "true"
    assert len(server.requests[0].samples) == len(SPEECH)


def test_events_without_a_last_one_are_all_there_is(server: SpeechServer):
    server.answers = [events({"type": "transcript.text.delta", "delta": "Hello"})]

    with closing(transcriber(server)) as made:
        assert list(made.transcribe([SPEECH]))[-1] == Transcript("Hello", final=True)


def test_a_server_that_does_not_stream_gives_all_at_once(server: SpeechServer):
    with closing(transcriber(server)) as made:
        assert list(made.transcribe([SPEECH])) == [Transcript("Hello there.", final=True)]


def test_a_server_that_refuses_to_stream_is_not_asked_again(server: SpeechServer):
    server.answers = [Answer(b"no", status=400), TEXT]

    with closing(transcriber(server)) as made:
        for _ in range(2):
            assert list(made.transcribe([SPEECH])) == [Transcript("Hello there.", final=True)]

    assert ["stream" in request.fields for request in server.requests] == [True, False, False]


def test_an_utterance_that_was_cancelled_is_not_sent(server: SpeechServer):
    utterance = Utterance()
    utterance.push(SPEECH)
    utterance.cancel.cancel()

    with closing(transcriber(server)) as made:
        assert list(made.transcribe(utterance)) == []

    assert not server.requests


# Bad days --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_a_busy_server_is_asked_again(server: SpeechServer, status: int):
    server.answers = [Answer(b"busy", status=status, headers={"Retry-After": "0"})] * 2 + [TEXT]

    assert recognized(server) == Recognized("Hello there.")
    assert len(server.requests) == 3


def test_a_cut_connection_is_tried_again(server: SpeechServer):
    server.answers = [Answer({"text": "Hello there."}, cut_after=5), TEXT]

    assert recognized(server) == Recognized("Hello there.")


def test_a_server_that_stays_busy_is_given_up(server: SpeechServer):
    server.answers = [Answer({"error": {"message": "slow down"}}, status=429)]

    with pytest.raises(RemoteError, match="answers 429: slow down"):
        recognized(server, tries=3)

    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer({"error": {"message": "wrong key"}}, status=401), "answers 401: wrong key; check the key"),
        (Answer({"error": {"message": "no", "code": "insufficient_quota"}}, status=429), "answers 429: no"),
        (Answer({"detail": "no such model"}, status=404), "answers 404: no such model"),
        (Answer(b"<html>", status=404), "answers 404"),
        (Answer(b"[1]", status=404), "answers 404"),
        (Answer(b"", status=302, headers={"Location": "http://localhost:1/"}), "answers 302"),
        (Answer(b"<html>"), "answers something else than JSON: b'<html>'"),
        (Answer(b"[" * 100_000), "answers something else than JSON"),
        (Answer(b"[]"), "something else than a JSON object"),
        (Answer({"words": []}), "answer has no text"),
        (Answer({"text": None}), "answer has no text"),
    ],
)
def test_what_cannot_be_understood_is_an_error_at_once(server: SpeechServer, answer: Answer, message: str):
    server.answers = [answer]

    with pytest.raises(RemoteError, match=message) as caught:
        recognized(server)

    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1


def test_an_error_among_the_events_is_one(server: SpeechServer):
    server.answers = [events({"type": "error", "error": {"message": "model\n\x1b[2J gone"}})]

    with closing(transcriber(server)) as made, pytest.raises(RemoteError, match=r"failed: model  \[2J gone"):
        list(made.transcribe([SPEECH]))


def test_an_endless_answer_is_cut_off(server: SpeechServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("voicechat.asr._http_client.MAX_ANSWER_BYTES", 1000)
    server.answers = [Answer({"text": "x" * 2000})]

    with pytest.raises(RemoteError, match="answers without end"):
        recognized(server)


def test_a_server_that_is_not_there_is_an_error():
    with SpeechServer([TEXT]) as gone:
        pass

    with pytest.raises(RemoteError, match=r"cannot reach http://127\.0\.0\.1:\d+/v1: "):
        recognized(gone, tries=2)


def test_closing_wakes_who_waits_for_a_busy_server(server: SpeechServer):
    server.answers = [Answer(b"", status=503, headers={"Retry-After": "20"})]
    made = transcriber(server)
    raised: list[VoiceChatError] = []

    def work() -> None:
        try:
            made.transcribe_pieces([SPEECH])
        except VoiceChatError as error:
            raised.append(error)

    thread = threading.Thread(target=work, name="test-http")
    thread.start()
    began_at = time.monotonic()
    while not server.requests and time.monotonic() < began_at + 10:
        threading.Event().wait(0.005)
    made.close()
    made.close()
    thread.join(10)

    assert not thread.is_alive()
    assert isinstance(raised[0], RemoteError)
    with pytest.raises(RemoteError, match="closed"):
        made.transcribe_pieces([SPEECH])


# Keys ------------------------------------------------------------------------------------------


def test_a_key_is_sent_and_never_shown(server: SpeechServer, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    server.answers = [
        Answer({"error": {"message": f"{SECRET} is slow"}}, status=503),
        Answer({"error": {"message": f"{SECRET} is wrong"}}, status=401),
    ]

    with pytest.raises(RemoteError) as caught:
        recognized(server, key=SECRET)

    assert server.requests[0].key == f"Bearer {SECRET}"
    assert SECRET not in str(caught.value) + caplog.text + repr(caught.value.__cause__)


def test_openais_key_is_for_openai_only(server: SpeechServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with closing(http.load(Options(url=server.url))) as made:
        made.transcribe_pieces([SPEECH])

    assert server.requests[0].key == ""


def test_another_server_gets_the_key_that_is_for_it(server: SpeechServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_KEY", f" {SECRET}\n")
    with closing(http.load(Options(url=f"{server.url}/", key_variable="MY_KEY"))) as made:
        made.transcribe_pieces([SPEECH])

    assert server.requests[0].key == f"Bearer {SECRET}"
    assert server.requests[0].path == "/v1/audio/transcriptions"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(), "api.openai.com wants a key: set the environment variable OPENAI_API_KEY"),
        (Options(url="https://other.example/v1", key_variable="NO_SUCH"), "other.example wants a key: .* NO_SUCH"),
        (Options(url="http://other.example/v1", key_variable="MY_KEY"), "in the clear to other.example; use https://"),
        (Options(url="http://localhost/v1", key_variable="BAD_KEY"), "BAD_KEY has characters that no key has"),
        (Options(url="file:///etc/passwd"), "url must be like https://api.openai.com/v1"),
        (Options(url="https://user:pw@host/v1"), "url must be like"),
        (Options(url="https://"), "url must be like"),
        (Options(url="http://localhost/v1", batch_size=0), "batch_size must be from 1 to 64, not 0"),
        (Options(url="http://localhost/v1", timeout_s=0.0), "timeout_s must be from 1 to 3600"),
        (Options(url="http://localhost/v1", tries=0), "tries must be from 1 to 20, not 0"),
    ],
)
def test_an_option_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, options: Options, message: str):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("MY_KEY", SECRET)
    monkeypatch.setenv("BAD_KEY", "käy")

    with pytest.raises(ConfigError, match=message):
        http.load(options)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["word", "start", "end"]), inner),
    max_leaves=12,
)


@given(words=JSON, language=JSON)
def test_no_answer_makes_words_that_cannot_be(words: object, language: object):
    answer = {"text": "Hello.", "words": words, "language": language}

    found = http._understood(answer, 2.0, "", words=True)

    assert found.text == "Hello."
    assert all(0 <= word.start_s <= word.end_s <= 2.0 and word.text for word in found.words)
    assert found.language == "" or (len(found.language) in (2, 3) and found.language.isalpha())
