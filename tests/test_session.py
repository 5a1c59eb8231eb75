import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import (
    TIMEOUT_S,
    ArraySource,
    EchoEngine,
    EndlessSource,
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
    Outcome,
    State,
    StateChanged,
    TextDelta,
    TurnDone,
    UserTranscript,
)


def test_every_turn_of_a_file_is_answered_in_order():
    source = ArraySource(
        np.concatenate(
            [silence(1), speech(1, 0.5), silence(1), speech(0.5, 0.6), silence(1), speech(2, 0.7), silence(1)]
        )
    )

    talk = Talk(source, engine=EchoEngine(["one", "two", "three"])).run()

    assert [done.turn for done in talk.done] == [1, 2, 3]
    assert [done.user_text for done in talk.done] == ["one", "two", "three"]
    assert [done.outcome for done in talk.done] == [Outcome.COMPLETED] * 3
    assert [round(float(audio.max()), 1) for audio in talk.engine.heard] == [0.5, 0.6, 0.7]
    assert [done.user_s for done in talk.done] == pytest.approx([1, 0.5, 2], abs=0.021)


def test_an_utterance_holds_all_of_the_speech_and_the_pre_roll():
    source = ArraySource(np.concatenate([silence(1), speech(1), silence(1)]))

    talk = Talk(source).run()

    [audio] = talk.engine.heard
    n_spoken = int(np.count_nonzero(audio))
    assert n_spoken == CAPTURE_RATE
    first = int(np.flatnonzero(audio)[0])
    assert 0.3 * CAPTURE_RATE <= first <= 0.4 * CAPTURE_RATE


def test_speech_at_the_very_first_sample_is_not_clipped():
    talk = Talk(ArraySource(np.concatenate([speech(0.7), silence(1)]))).run()

    assert np.count_nonzero(talk.engine.heard[0]) == round(0.7 * CAPTURE_RATE)


def test_speech_up_to_the_last_sample_is_answered():
    talk = Talk(ArraySource(np.concatenate([silence(1), speech(0.7, 0.4)]))).run()

    assert np.count_nonzero(talk.engine.heard[0]) == round(0.7 * CAPTURE_RATE)
    assert talk.done[0].outcome is Outcome.COMPLETED


def test_a_cough_is_no_turn():
    talk = Talk(ArraySource(np.concatenate([silence(1), speech(0.1), silence(1)]))).run()

    assert talk.done == []
    assert talk.session.n_utterances == 0


def test_the_history_of_a_turn_is_what_was_said_before():
    one = np.concatenate([speech(1), silence(1)])

    talk = Talk(ArraySource(np.concatenate([one, one])), engine=EchoEngine(["hello", "again"])).run()

    assert talk.engine.histories[0] == ()
    assert [(message.role, message.text) for message in talk.engine.histories[1]] == [
        ("user", "hello"),
        ("assistant", "word0 word1"),
    ]


def test_the_states_of_a_turn_come_in_order_and_end_with_listening():
    talk = Talk(ArraySource(np.concatenate([speech(1), silence(1)]))).run()

    states = [event.state for event in talk.events if isinstance(event, StateChanged)]
    assert states == [State.LISTENING, State.HEARING, State.THINKING, State.SPEAKING, State.LISTENING]


def test_words_are_placed_in_the_audio_that_speaks_them():
    talk = Talk(ArraySource(np.concatenate([speech(1), silence(1)])), engine=EchoEngine(n_chunks=3)).run()

    places = [event.at_s for event in talk.events if isinstance(event, TextDelta)]
    assert places == pytest.approx([0, 0.1, 0.2])


def test_without_a_detector_of_interruptions_a_reply_is_spoken_whoever_talks_into_it():
    gate = threading.Event()
    sink = MemorySink(gate)
    source = FedSource()
    talk = Talk(source, sink=sink)
    talk.session.start()
    source.feed(np.concatenate([speech(1), silence(1)]))
    assert sink.writing.wait(TIMEOUT_S)

    source.feed(np.concatenate([speech(2, 0.9), silence(1)]))
    gate.set()
    talk.next_of(StateChanged, lambda event: event.state is State.LISTENING and event.turn)
    source.feed(np.concatenate([speech(1, 0.4), silence(1)]))
    talk.next_of(TurnDone)
    talk.session.close()

    assert [round(float(audio.max()), 1) for audio in talk.engine.heard] == [0.5, 0.4]
    assert [done.outcome for done in talk.done] == [Outcome.COMPLETED] * 2


def test_an_interrupted_reply_keeps_only_what_was_heard_and_the_talk_goes_on():
    gate = threading.Event()
    sink = MemorySink(gate)
    one = np.concatenate([speech(1), silence(1)])
    talk = Talk(ArraySource(np.concatenate([one, one])), sink=sink, engine=EchoEngine(["hello", "again"]))
    talk.session.start()
    assert sink.writing.wait(TIMEOUT_S)

    assert talk.session.interrupt()
    gate.set()
    talk.drain()
    talk.session.close()

    assert [done.outcome for done in talk.done] == [Outcome.INTERRUPTED, Outcome.COMPLETED]
    assert talk.done[0].reply_text == ""
    assert [message.text for message in talk.engine.histories[1]] == ["hello"]
    assert talk.engine.n_closed_replies == 2


def test_there_is_nothing_to_interrupt_while_the_assistant_listens():
    talk = Talk(EndlessSource(silence(0.1)))
    talk.session.start()

    assert not talk.session.interrupt()
    talk.session.close()


class AnnouncingFake(EchoEngine):
    """Has one thing to say by itself, at once."""

    def __init__(self):
        super().__init__()
        self.pending = True

    def next_announcement_at(self):
        return 0.0 if self.pending else None

    def announce(self):
        self.pending = False
        yield TextDelta("time is up")
        yield AudioDelta(AudioChunk(np.ones(2400, np.float32), 24_000))


def test_an_engine_may_speak_up_by_itself():
    talk = Talk(EndlessSource(silence(0.1)), engine=AnnouncingFake())
    talk.session.start()

    done = talk.next_of(TurnDone)
    talk.session.close()

    assert (done.user_text, done.reply_text, done.outcome) == ("", "time is up", Outcome.COMPLETED)
    assert talk.session.n_utterances == 0


pieces = st.tuples(st.booleans(), st.floats(0.02, 1.5))


@settings(max_examples=40, deadline=None)
@given(st.lists(pieces, max_size=8), st.integers(1, 5000))
def test_any_input_cut_in_any_way_gives_the_same_turns(plan, block):
    samples = np.concatenate([silence(0), *(speech(s) if spoken else silence(s) for spoken, s in plan)])

    first, second = (Talk(ArraySource(samples, block=size)).run() for size in (block, 320))

    assert len(first.done) == len(second.done) == first.session.n_utterances
    assert all(np.array_equal(a, b) for a, b in zip(first.engine.heard, second.engine.heard, strict=True))
    assert [e.text for e in first.events if isinstance(e, UserTranscript)] == [
        e.text for e in second.events if isinstance(e, UserTranscript)
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=6), st.integers(0, 60))
def test_stopping_anywhere_leaves_exactly_one_turn_done_for_each_utterance(plan, stop_at):
    samples = np.concatenate([speech(s) if spoken else silence(s) for spoken, s in plan])
    talk = None

    def stop(index):
        if index == stop_at:
            talk.session.stop()

    talk = Talk(ArraySource(samples, before_block=stop))
    talk.run()

    assert len(talk.done) == talk.session.n_utterances
    assert [done.turn for done in talk.done] == sorted({done.turn for done in talk.done})
