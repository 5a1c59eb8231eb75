from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pytest
import soxr

from tests.speaking import QUESTION, likeness, read_audio
from voicechat.engines.cascade import CascadeEngine, load
from voicechat.errors import ModelError
from voicechat.protocols import AnnouncingEngine
from voicechat.registry import load_backend
from voicechat.types import (
    CAPTURE_RATE,
    AudioChunk,
    AudioDelta,
    Message,
    ReplyEvent,
    TextDelta,
    Transcript,
    UserTranscript,
)
from voicechat.utterance import Utterance

TIMEOUT_S = 20


class FrameCounter:
    """Understands how many frames it has heard."""

    def __init__(self) -> None:
        self.n_ended = 0  # calls, however they ended
        self.n_closed = 0

    def transcribe(self, frames: Iterable[np.ndarray]) -> Iterator[Transcript]:
        n = 0
        try:
            for n, _ in enumerate(frames, 1):
                yield Transcript(f"heard {n}")
            yield Transcript(f"heard {n}" if n else "", final=True)
        finally:
            self.n_ended += 1

    def close(self) -> None:
        self.n_closed += 1


class Reciter:
    """Answers with the same deltas each time."""

    def __init__(self, *deltas: str, on_delta: Callable[[int], None] = lambda _: None) -> None:
        self._deltas = deltas
        self._on_delta = on_delta
        self.asked: list[list[Message]] = []
        self.n_ended = self.n_given = self.n_closed = 0

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        self.asked.append(list(messages))
        try:
            for index, delta in enumerate(self._deltas):
                self._on_delta(index)
                self.n_given += 1
                yield delta
        finally:
            self.n_ended += 1

    def close(self) -> None:
        self.n_closed += 1


class AlarmClock(Reciter):
    """Has one thing to say by itself."""

    due_at: float | None = 12.5

    def next_announcement_at(self) -> float | None:
        return self.due_at

    def announcement(self) -> str:
        text, self.due_at = ("Time is up. Wake up!" if self.due_at else ""), None
        return text


class ToneVoice:
    """Says each sentence in two chunks, whose samples are its number of characters."""

    def __init__(self, on_chunk: Callable[[int], None] = lambda _: None, *, fail: Exception | None = None) -> None:
        self._on_chunk = on_chunk
        self._fail = fail
        self.n_ended = self.n_closed = 0

    def synthesize(self, text: str) -> Iterator[AudioChunk]:
        try:
            for index in range(2):
                self._on_chunk(index)
                yield AudioChunk(np.full(100, len(text), np.float32), 22_050)
                if self._fail:
                    raise self._fail
        finally:
            self.n_ended += 1

    def close(self) -> None:
        self.n_closed += 1


def utterance(n_frames: int = 2) -> Utterance:
    spoken = Utterance()
    for _ in range(n_frames):
        spoken.push(np.zeros(320, np.float32))
    spoken.end(ended_at=time.monotonic(), speech_s=1.0)
    return spoken


def shown(events: Iterable[ReplyEvent]) -> list[object]:
    """Give events as values that can be compared; audio is its number of characters."""
    return [int(e.chunk.samples[0]) if isinstance(e, AudioDelta) else e for e in events]


def test_the_words_come_first_then_each_sentence_before_its_sound():
    engine = CascadeEngine(FrameCounter(), Reciter("One two. Thr", "ee!", " Four"), ToneVoice())

    assert shown(engine.respond(utterance(), [])) == [
        UserTranscript("heard 1"),
        UserTranscript("heard 2"),
        UserTranscript("heard 2", final=True),
        TextDelta("One two."),
        8,
        8,
        TextDelta(" Three!"),
        6,
        6,
        TextDelta(" Four"),
        4,
        4,
    ]


def test_the_words_are_understood_while_the_user_speaks():
    engine = CascadeEngine(FrameCounter(), Reciter(), ToneVoice())
    growing = Utterance()
    reply = engine.respond(growing, [])

    growing.push(np.zeros(320, np.float32))

    assert next(reply) == UserTranscript("heard 1")
    reply.close()


def test_a_sentence_is_spoken_before_the_next_is_written():
    given: list[int] = []
    model = Reciter("One. T", "wo. T", "hree.", on_delta=given.append)
    engine = CascadeEngine(FrameCounter(), model, ToneVoice())

    for event in engine.respond(utterance(), []):
        if isinstance(event, AudioDelta):
            break

    assert given == [0]


def test_the_chat_model_gets_the_history_and_the_words():
    model = Reciter("Yes.")
    history = [Message("user", "hello"), Message("assistant", "Hi.")]

    list(CascadeEngine(FrameCounter(), model, ToneVoice()).respond(utterance(3), history))

    assert model.asked == [[*history, Message("user", "heard 3")]]


def test_the_chat_model_is_asked_even_if_nothing_was_understood():
    model = Reciter("Sorry?")

    events = shown(CascadeEngine(FrameCounter(), model, ToneVoice()).respond(utterance(0), []))

    assert model.asked == [[Message("user", "")]]
    assert events == [UserTranscript("", final=True), TextDelta("Sorry?"), 6, 6]


@pytest.mark.parametrize("n_events", range(1, 10))
def test_a_reply_that_is_closed_early_ends_every_part(n_events: int):
    transcriber, model, voice = FrameCounter(), Reciter("One. Two. Three."), ToneVoice()
    reply = CascadeEngine(transcriber, model, voice).respond(utterance(), [])
    events = [next(reply) for _ in range(n_events)]

    reply.close()

    assert transcriber.n_ended == 1
    assert model.n_ended == len(model.asked)
    assert voice.n_ended == sum(isinstance(event, TextDelta) for event in events[:-1])


@pytest.mark.parametrize("n_events", range(10))
def test_a_cancelled_reply_gives_nothing_more(n_events: int):
    transcriber, model, voice = FrameCounter(), Reciter("One. Two. Three."), ToneVoice()
    spoken = utterance()
    reply = CascadeEngine(transcriber, model, voice).respond(spoken, [])
    for _ in range(n_events):
        next(reply)

    spoken.cancel.cancel()

    assert list(reply) == []
    assert transcriber.n_ended == min(n_events, 1) or n_events == 0
    assert model.n_ended == len(model.asked) == (n_events > 3)


def test_cancelling_within_a_step_is_noticed_before_the_next():
    spoken = utterance()
    model = Reciter("One. Two.", " Three.", " Four.", on_delta=lambda index: index == 1 and spoken.cancel.cancel())

    events = shown(CascadeEngine(FrameCounter(), model, ToneVoice()).respond(spoken, []))

    assert events[3:] == [TextDelta("One."), 4, 4]
    assert model.n_given == 2


def test_an_utterance_that_is_dropped_is_not_answered():
    engine = CascadeEngine(FrameCounter(), model := Reciter("Yes."), ToneVoice())
    growing = Utterance()
    growing.push(np.zeros(320, np.float32))
    events: list[ReplyEvent] = []
    listening = threading.Event()

    def respond() -> None:
        for event in engine.respond(growing, []):
            events.append(event)
            listening.set()

    thread = threading.Thread(target=respond)
    thread.start()
    assert listening.wait(TIMEOUT_S)
    growing.cancel.cancel()
    thread.join(TIMEOUT_S)

    assert not thread.is_alive()
    assert events == [UserTranscript("heard 1")]
    assert not model.asked


def test_the_error_of_a_part_comes_through_and_ends_the_others():
    model, voice = Reciter("One. Two."), ToneVoice(fail=ModelError("no voice"))

    with pytest.raises(ModelError, match="no voice"):
        list(CascadeEngine(FrameCounter(), model, voice).respond(utterance(), []))

    assert (model.n_ended, voice.n_ended) == (1, 1)


def test_an_announcement_is_spoken_once():
    engine: AnnouncingEngine = CascadeEngine(FrameCounter(), AlarmClock(), ToneVoice())

    assert engine.next_announcement_at() == 12.5
    assert shown(engine.announce()) == [TextDelta("Time is up."), 11, 11, TextDelta(" Wake up!"), 8, 8]
    assert engine.next_announcement_at() is None
    assert shown(engine.announce()) == []


def test_a_chat_model_that_never_speaks_up_has_no_announcements():
    engine = CascadeEngine(FrameCounter(), Reciter(), ToneVoice())

    assert engine.next_announcement_at() is None
    assert list(engine.announce()) == []


def test_closing_closes_all_parts_even_if_one_cannot_be():
    class Stuck(Reciter):
        def close(self) -> None:
            raise ModelError("stuck")

    transcriber, voice = FrameCounter(), ToneVoice()

    with pytest.raises(ModelError, match="stuck"):
        CascadeEngine(transcriber, Stuck(), voice).close()

    assert (transcriber.n_closed, voice.n_closed) == (1, 1)


def test_the_parts_that_were_loaded_are_closed_if_another_cannot_be():
    transcriber, model = FrameCounter(), Reciter()
    parts = {"asr": transcriber, "llm": model}

    with pytest.raises(KeyError, match="tts"):
        load(parts.__getitem__)

    assert (transcriber.n_closed, model.n_closed) == (1, 1)


def test_a_spoken_question_gets_a_spoken_answer():
    names = {"asr": "pocketsphinx", "llm": "skills", "tts": "espeak"}
    engine = load(lambda kind: load_backend(kind, names[kind], {}))
    samples = read_audio(QUESTION)
    spoken = Utterance()
    for start in range(0, len(samples), 320):
        spoken.push(samples[start : start + 320])
    spoken.end(ended_at=time.monotonic(), speech_s=1.0)

    events = list(engine.respond(spoken, []))
    engine.close()

    transcripts = [event for event in events if isinstance(event, UserTranscript)]
    assert transcripts[-1] == UserTranscript("what time is it", final=True)
    assert not transcripts[0].final
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    chunks = [event.chunk for event in events if isinstance(event, AudioDelta)]
    reply = np.concatenate([chunk.samples for chunk in chunks])
    assert text.startswith("It is ")
    assert likeness(soxr.resample(reply, chunks[0].sample_rate, CAPTURE_RATE), text) > 0.9
