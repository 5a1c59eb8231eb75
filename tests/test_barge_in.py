"""The user speaks, types or presses keys while a reply is under way."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import (
    TIMEOUT_S,
    ArraySource,
    CountingInterruptions,
    EchoEngine,
    FedSource,
    MemorySink,
    Talk,
    silence,
    speech,
)
from voicechat.types import (
    CAPTURE_RATE,
    AudioChunk,
    AudioDelta,
    Loudness,
    Message,
    Notice,
    Outcome,
    State,
    StateChanged,
    TextDelta,
    TurnDone,
    UserTranscript,
)

TURN = np.concatenate([speech(1), silence(0.6)])
INTERRUPTION = np.concatenate([silence(1), speech(2, 0.7), silence(0.6)])


class Interruptible(Talk):
    """A talk whose first reply, once `n_heard` of its chunks were heard, waits at the sink until the gate opens."""

    def __init__(self, engine=None, *, n_heard=1, **listener):
        self.gate = threading.Event()
        listener.setdefault("interruptions", CountingInterruptions())
        super().__init__(FedSource(), engine=engine, sink=MemorySink(self.gate, n_free=n_heard), **listener)
        self.session.start()

    def until_reply(self):
        self.source.feed(TURN)
        assert self.sink.writing.wait(TIMEOUT_S)
        return self

    def finish(self, *, turns):
        """Let replies through until the turn of that number is done, and end the talk."""
        self.gate.set()
        if turns not in [done.turn for done in self.done]:
            self.next_of(TurnDone, lambda done: done.turn == turns)
        self.calls = [call for call in self.sink.calls if call != "finish"]
        self.session.close()
        self.drain()
        return self

    @property
    def outcomes(self):
        return [done.outcome for done in self.done]


def n_samples(audio, value):
    return np.count_nonzero(audio == np.float32(value))


def test_an_interruption_ends_the_reply_and_is_heard_from_its_first_syllable():
    talk = Interruptible().until_reply()

    talk.source.feed(INTERRUPTION)
    talk.finish(turns=2)

    assert talk.outcomes == [Outcome.INTERRUPTED, Outcome.COMPLETED]
    first_spoken = int(np.flatnonzero(talk.engine.heard[1])[0])
    assert n_samples(talk.engine.heard[1], 0.7) == 2 * CAPTURE_RATE
    assert first_spoken == pytest.approx(0.3 * CAPTURE_RATE, abs=320)
    assert talk.done[1].user_s == pytest.approx(2, abs=0.021)
    assert talk.engine.n_closed_replies == 2


def test_the_reply_is_ducked_then_held_then_cut_and_the_next_one_is_in_full():
    talk = Interruptible().until_reply()

    talk.source.feed(INTERRUPTION)
    talk.finish(turns=2)

    assert talk.calls[2:5] == [Loudness.DUCKED, Loudness.HELD, "flush"]
    assert talk.calls[-2:] == ["write", "write"]


def test_only_what_was_heard_of_an_interrupted_reply_is_remembered():
    talk = Interruptible(EchoEngine(["one", "two"])).until_reply()

    talk.source.feed(INTERRUPTION)
    talk.finish(turns=2)

    assert talk.engine.histories[1] == (Message("user", "one"), Message("assistant", "word0"))


def test_who_goes_on_before_anything_was_heard_had_only_paused():
    talk = Interruptible(EchoEngine(["one", "one and two"]), n_heard=0).until_reply()

    talk.source.feed(INTERRUPTION)
    talk.finish(turns=2)

    assert talk.outcomes == [Outcome.CONTINUED, Outcome.COMPLETED]
    assert [n_samples(talk.engine.heard[1], value) for value in (0.5, 0.7)] == [CAPTURE_RATE, 2 * CAPTURE_RATE]
    assert talk.done[1].user_s == pytest.approx(3, abs=0.021)
    assert talk.engine.histories == [(), ()]


class ThinkingEngine(EchoEngine):
    """Thinks about its first reply until it is told to stop."""

    def __init__(self):
        super().__init__()
        self.thinking = threading.Event()

    def respond(self, utterance, history):
        utterance.audio()
        if not self.thinking.is_set():
            self.thinking.set()
            assert utterance.cancel.wait(TIMEOUT_S)
        yield from super().respond(utterance, history)


def test_the_user_can_go_on_while_the_model_is_thinking():
    talk = Interruptible(ThinkingEngine())
    talk.source.feed(TURN)
    assert talk.engine.thinking.wait(TIMEOUT_S)

    talk.source.feed(INTERRUPTION)
    talk.finish(turns=2)

    assert talk.outcomes == [Outcome.CONTINUED, Outcome.COMPLETED]
    assert [n_samples(talk.engine.heard[0], value) for value in (0.5, 0.7)] == [CAPTURE_RATE, 2 * CAPTURE_RATE]


@pytest.mark.parametrize(
    ("sound_s", "loudness"),
    [(0.3, [Loudness.DUCKED, Loudness.HELD, Loudness.FULL]), (0.08, [Loudness.DUCKED, Loudness.FULL]), (0.02, [])],
)
def test_after_a_cough_the_reply_goes_on_and_nothing_of_it_is_skipped(sound_s, loudness):
    talk = Interruptible().until_reply()

    talk.source.feed(np.concatenate([silence(1), speech(sound_s), silence(1)]))
    talk.finish(turns=1)

    assert talk.outcomes == [Outcome.COMPLETED]
    assert talk.calls == ["write", "write", *loudness]
    assert len(talk.sink.chunks) == 2


def test_speech_that_began_during_the_reply_is_heard_when_the_reply_ends_before_it_is_sure():
    talk = Interruptible().until_reply()

    talk.source.feed(np.concatenate([silence(1), speech(0.4, 0.7)]))
    talk.gate.set()
    talk.next_of(StateChanged, lambda event: event.state is State.LISTENING and event.turn)
    talk.source.feed(np.concatenate([speech(0.4, 0.7), silence(0.6)]))
    talk.finish(turns=2)

    assert talk.outcomes == [Outcome.COMPLETED, Outcome.COMPLETED]
    assert n_samples(talk.engine.heard[1], 0.7) == 0.8 * CAPTURE_RATE


def test_an_announcement_can_be_interrupted():
    class Announcing(EchoEngine):
        due = True

        def next_announcement_at(self):
            return 0.0 if self.due else None

        def announce(self):
            self.due = False
            yield TextDelta("time is up ")
            for _ in range(2):
                yield AudioDelta(AudioChunk(np.ones(2400, np.float32), 24_000))

    talk = Interruptible(Announcing())
    assert talk.sink.writing.wait(TIMEOUT_S)

    talk.source.feed(INTERRUPTION)
    talk.finish(turns=2)

    assert talk.outcomes == [Outcome.INTERRUPTED, Outcome.COMPLETED]
    assert talk.done[0].user_text == ""


# Keys ------------------------------------------------------------------------------------------


class TypedEngine(EchoEngine):
    def respond_to_text(self, text, history, cancel):
        self.histories.append(tuple(history))
        yield TextDelta(f"you typed {text}")
        yield AudioDelta(AudioChunk(np.ones(2400, np.float32), 24_000))


def test_typed_words_are_answered_and_remembered():
    talk = Interruptible(TypedEngine())

    talk.session.say("hello")
    talk.next_of(TurnDone)
    talk.session.say("again")
    talk.finish(turns=2)

    assert [(done.user_text, done.reply_text) for done in talk.done] == [
        ("hello", "you typed hello"),
        ("again", "you typed again"),
    ]
    assert talk.engine.histories[1] == (Message("user", "hello"), Message("assistant", "you typed hello"))
    assert [event.text for event in talk.events if isinstance(event, UserTranscript)] == ["hello", "again"]
    assert talk.done[0].latency.first_audio_ms is not None


def test_typed_words_stop_the_reply_under_way():
    talk = Interruptible(TypedEngine()).until_reply()

    talk.session.say("never mind")
    talk.finish(turns=2)

    assert talk.outcomes == [Outcome.INTERRUPTED, Outcome.COMPLETED]


def test_typed_words_take_the_place_of_what_is_being_said():
    talk = Interruptible(TypedEngine())
    talk.source.feed(speech(1))

    talk.session.say("hello")
    talk.source.feed(silence(1))
    talk.finish(turns=2)

    assert talk.outcomes == [Outcome.DROPPED, Outcome.COMPLETED]


def test_an_engine_that_only_hears_says_so_when_something_is_typed():
    talk = Interruptible()

    talk.session.say("hello")
    talk.finish(turns=1)

    assert [event.text for event in talk.events if isinstance(event, Notice)] == ["this engine answers speech only"]


def test_a_reply_is_repeated_whole_and_not_remembered_twice():
    talk = Interruptible(EchoEngine(["one", "two"])).until_reply()
    talk.session.interrupt()
    talk.next_of(TurnDone)
    talk.gate.set()

    assert talk.session.repeat()
    talk.next_of(TurnDone)
    talk.source.feed(TURN)
    talk.finish(turns=3)

    assert talk.done[1].reply_text == "word0 word1"
    assert talk.done[1].reply_s == pytest.approx(0.2)
    assert len(talk.engine.histories[1]) == 2


def test_there_is_nothing_to_repeat_at_the_beginning():
    talk = Interruptible()

    assert not talk.session.repeat()
    talk.session.close()


def test_with_the_talk_key_only_what_is_said_while_it_is_down_is_heard():
    talk = Interruptible(by_key=True)
    talk.source.feed(np.concatenate([speech(1), silence(1)]))

    talk.session.talk()
    talk.source.feed(np.concatenate([silence(1), speech(1, 0.7), silence(2), speech(1, 0.8)]))
    talk.session.end_talk()
    talk.source.feed(np.concatenate([silence(0.5), speech(1, 0.9)]))
    talk.finish(turns=1)

    [audio] = talk.engine.heard
    assert [n_samples(audio, value) for value in (0.7, 0.8, 0.9)] == [CAPTURE_RATE, CAPTURE_RATE, 0]
    assert talk.done[0].user_s == pytest.approx(5, abs=0.5)


def test_a_key_press_without_a_word_is_no_turn():
    talk = Interruptible(by_key=True)

    talk.session.toggle_talk()
    talk.source.feed(silence(1))
    talk.session.toggle_talk()
    talk.source.feed(silence(1))
    talk.finish(turns=1)

    assert talk.outcomes == [Outcome.DROPPED]


def test_the_talk_key_stops_the_reply_at_once():
    talk = Interruptible().until_reply()

    talk.session.talk()

    assert "flush" in talk.sink.calls
    talk.finish(turns=1)


def test_the_talk_key_ends_a_turn_that_began_without_it():
    talk = Interruptible()
    talk.source.feed(speech(1))

    talk.session.toggle_talk()
    talk.source.feed(silence(0.2))
    talk.finish(turns=1)

    assert talk.outcomes == [Outcome.COMPLETED]
    assert n_samples(talk.engine.heard[0], 0.5) == CAPTURE_RATE


def test_a_muted_microphone_is_not_heard_and_what_was_being_said_is_forgotten():
    talk = Interruptible()
    talk.source.feed(speech(1))

    talk.session.mute(True)
    talk.source.feed(np.concatenate([silence(1), speech(1), silence(1)]))
    talk.session.mute(False)
    talk.source.feed(np.concatenate([silence(1), speech(1, 0.7), silence(1)]))
    talk.finish(turns=2)

    assert talk.outcomes == [Outcome.DROPPED, Outcome.COMPLETED]
    assert n_samples(talk.engine.heard[0], 0.7) == CAPTURE_RATE


# Laws ------------------------------------------------------------------------------------------

acts = st.one_of(
    st.tuples(st.just("speak"), st.floats(0.6, 1.5)),
    st.tuples(st.just("sound"), st.floats(0.02, 0.4)),
    st.tuples(st.just("pause"), st.floats(0.6, 2.0)),
    st.tuples(st.sampled_from(["say", "repeat", "interrupt", "wait"]), st.just(0.0)),
)


@settings(max_examples=60)
@given(st.lists(acts, max_size=8), st.integers(0, 3))
def test_whatever_happens_each_turn_is_done_once_and_no_sentence_is_lost(plan, n_heard):
    talk = Interruptible(TypedEngine(n_chunks=3), n_heard=n_heard)
    spoken = []
    for index, (act, duration_s) in enumerate(plan):
        value = round(0.2 + 0.05 * index, 2)
        if act == "speak":
            talk.source.feed(np.concatenate([speech(duration_s, value), silence(0.6)]))
            spoken.append((value, round(duration_s * CAPTURE_RATE)))
        elif act in ("sound", "pause"):
            talk.source.feed(np.concatenate([speech(duration_s if act == "sound" else 0, 0.99), silence(1)]))
        elif act == "say":
            talk.session.say("hello")
        elif act == "wait":
            talk.gate.set()
        else:
            getattr(talk.session, act)()
    talk.gate.set()
    talk.source.feed(np.concatenate([silence(1), speech(1, 0.95), silence(1)]))
    talk.source.close()
    talk.drain()
    talk.session.close()

    numbers = [done.turn for done in talk.done]
    assert numbers == list(range(1, len(numbers) + 1))
    heard = np.concatenate([silence(0), *talk.engine.heard])
    given_up = any(act in ("say", "repeat", "interrupt") for act, _duration_s in plan)
    assert given_up or all(n_samples(heard, value) >= n for value, n in spoken)


def test_a_file_is_answered_turn_by_turn_whatever_it_holds():
    samples = np.concatenate([TURN, INTERRUPTION, silence(1)])

    talk = Talk(ArraySource(samples), interruptions=CountingInterruptions()).run()

    assert [done.outcome for done in talk.done] == [Outcome.COMPLETED] * 2
    assert [round(float(audio.max()), 1) for audio in talk.engine.heard] == [0.5, 0.7]
