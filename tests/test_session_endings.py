"""However a talk or a turn ends, it ends in order, once, and nothing that was said is lost."""

import threading
from contextlib import suppress

import numpy as np
import pytest

from tests.fakes import (
    TIMEOUT_S,
    ArraySource,
    EchoEngine,
    EndlessSource,
    MemorySink,
    Talk,
    silence,
    speech,
)
from voicechat.errors import ModelError
from voicechat.types import (
    CAPTURE_RATE,
    Outcome,
    State,
    StateChanged,
)


def test_an_error_of_the_engine_ends_the_talk_and_is_raised_to_the_caller():
    engine = EchoEngine(fail=ModelError("it broke"))
    talk = Talk(EndlessSource(np.concatenate([speech(1), silence(1)])), engine=engine)
    talk.session.start()
    talk.drain()

    with pytest.raises(ModelError, match="it broke"):
        talk.session.close()
    assert [done.outcome for done in talk.done] == [Outcome.FAILED]
    assert talk.sink.closed
    assert engine.n_closed_replies == 1


class Unloadable(Talk):
    """Its engine cannot be loaded, which shows only when the user is speaking already."""

    def __init__(self, source):
        super().__init__(source)
        self.speaking = threading.Event()

    def load_engine(self):
        assert self.speaking.wait(TIMEOUT_S)
        raise ModelError("no such model")


def test_an_engine_that_cannot_be_loaded_ends_the_talk_and_the_turn_under_way():
    talk = Unloadable(EndlessSource(speech(3)))
    talk.session.start()
    talk.next_of(StateChanged, lambda event: event.state is State.HEARING)
    talk.speaking.set()
    talk.drain()

    with pytest.raises(ModelError, match="no such model"):
        talk.session.close()
    assert [done.outcome for done in talk.done] == [Outcome.FAILED]


def test_an_error_of_the_source_ends_the_talk_and_the_open_utterance():
    def fail(index):
        if index == 20:
            raise OSError("gone")

    talk = Talk(ArraySource(speech(5), before_block=fail))
    talk.session.start()
    talk.drain()

    with pytest.raises(OSError, match="gone"):
        talk.session.close()
    assert [done.outcome for done in talk.done] == [Outcome.INTERRUPTED]


def test_ending_the_talk_while_the_user_speaks_still_gives_one_turn_done():
    talk = Talk(EndlessSource(speech(3), before_block=lambda index: None))
    talk.session.start()
    talk.next_of(StateChanged, lambda event: event.state is State.HEARING)

    talk.session.stop()
    talk.drain()
    talk.session.close()

    assert len(talk.done) == 1


@pytest.mark.parametrize("word", ["stop", "Goodbye.", "good bye"])
def test_a_farewell_ends_the_talk_after_its_answer(word):
    one = np.concatenate([speech(1), silence(1)])

    talk = Talk(EndlessSource(np.concatenate([one, one])), engine=EchoEngine([word])).run()

    assert [done.outcome for done in talk.done] == [Outcome.COMPLETED]
    assert talk.done[0].reply_text == "word0 word1"


def test_closing_twice_and_before_any_turn_is_harmless():
    talk = Talk(EndlessSource(silence(0.1)))
    talk.session.start()

    talk.session.close()
    talk.session.close()

    assert talk.done == []


class KeepingRecorder:
    def __init__(self):
        self.turns = []
        self.closed = False

    def record(self, done, user_audio, reply):
        self.turns.append((done.turn, len(user_audio), sum(len(chunk.samples) for chunk in reply)))
        return done

    def close(self):
        self.closed = True


def test_each_turn_is_recorded_with_what_was_said_and_heard():
    recorder = KeepingRecorder()

    talk = Talk(ArraySource(np.concatenate([speech(1), silence(1)])), recorder=recorder).run()

    assert recorder.turns == [(1, len(talk.engine.heard[0]), 4800)]
    assert recorder.closed


@pytest.mark.parametrize("trouble", ["stop", "source", "engine"])
def test_what_the_user_has_said_is_kept_whatever_ends_the_talk(trouble):
    recorder = KeepingRecorder()
    talk = None

    def before_block(index):
        if index == 20 and trouble == "stop":
            talk.session.stop()
        if index == 20 and trouble == "source":
            raise OSError("gone")

    engine = EchoEngine(fail=ModelError("it broke") if trouble == "engine" else None)
    source = ArraySource(np.concatenate([speech(5), silence(1)]), before_block=before_block)
    talk = Talk(source, engine=engine, recorder=recorder)
    talk.session.start()
    talk.drain()
    with suppress(OSError, ModelError):
        talk.session.close()

    [(turn, n_samples, _)] = recorder.turns
    assert turn == 1
    assert n_samples >= 0.9 * CAPTURE_RATE


class Stubborn(EchoEngine):
    """Fails once more when it is told to stop."""

    def respond(self, utterance, history):
        try:
            yield from super().respond(utterance, history)
        finally:
            raise ModelError("the socket is gone")


class Deaf(MemorySink):
    """Cannot tell what was heard."""

    def heard_s(self):
        raise OSError("no clock")


@pytest.mark.parametrize(("engine", "sink"), [(Stubborn(), MemorySink()), (EchoEngine(), Deaf())])
def test_a_turn_is_told_of_even_when_its_end_fails(engine, sink):
    talk = Talk(ArraySource(np.concatenate([speech(1), silence(1)])), engine=engine, sink=sink)
    talk.session.start()
    talk.drain()

    with pytest.raises((ModelError, OSError)):
        talk.session.close()
    assert len(talk.done) == 1


class BrokenSink(MemorySink):
    def flush(self):
        raise OSError("no device")


def test_a_sink_that_cannot_be_flushed_does_not_keep_the_talk_from_ending():
    talk = Talk(EndlessSource(silence(0.1)), sink=BrokenSink())
    talk.session.start()

    with pytest.raises(OSError, match="no device"):
        talk.session.close()

    assert talk.source.closed.is_set()
