"""Answers turns: what the engine yields for each goes to the sink and the events, and what was heard into the history.

Knows roles only, and runs on one thread, whose loop is the session's. Whatever happens, every turn gets exactly one
TurnDone.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator

from voicechat.event_stream import EventStream
from voicechat.floor import Floor
from voicechat.protocols import AnnouncingEngine, AudioSink, Engine, TurnRecorder, TypedEngine
from voicechat.turn import Origin, Turn
from voicechat.types import (
    AudioDelta,
    CancelToken,
    Message,
    Notice,
    Outcome,
    ReplyEvent,
    Severity,
    State,
    TextDelta,
    TurnDone,
    UserTranscript,
)

logger = logging.getLogger(__name__)


class Responder:
    """Brings one reply after another to the sink.

    Args:
        floor: told when a turn is done.
        token: the talk's own.
        recorder: keeps each turn, if given.
    """

    def __init__(
        self, sink: AudioSink, events: EventStream, floor: Floor, token: CancelToken, recorder: TurnRecorder | None
    ) -> None:
        self._sink = sink
        self._events = events
        self._floor = floor
        self._token = token
        self._recorder = recorder
        self._history: list[Message] = []
        self._spoken: Turn | None = None  # the last one with a reply that sounded

    @property
    def last_reply(self) -> Turn | None:
        """The turn whose reply can be repeated."""
        return self._spoken

    def answer(self, turn: Turn, engine: Engine) -> TurnDone:
        """Answer a turn, and remember what was said and heard."""
        if self._token.cancelled:  # the talk ended before this turn could begin
            turn.utterance.cancel.cancel()
        done = self._speak(turn, self._reply(turn, engine))
        if turn.chunks and turn.origin is not Origin.REPEAT:
            self._spoken = turn
        if done.outcome is Outcome.CONTINUED or turn.origin is Origin.REPEAT:
            return done
        if done.user_text:
            self._history.append(Message("user", done.user_text))
        if done.reply_text:
            self._history.append(Message("assistant", done.reply_text))
        return done

    def give_up(self, turn: Turn, *, failed: bool) -> None:
        """Give a turn that no engine will answer its TurnDone: because of an error, or because the talk is over."""
        outcome = Outcome.FAILED if failed else self._outcome(turn)
        self._floor.release(turn)
        self._keep(turn, turn.done(outcome, heard_s=0.0, first_heard_at=None), heard_s=0.0)

    def _reply(self, turn: Turn, engine: Engine) -> Generator[ReplyEvent, None, None]:
        match turn.origin:
            case Origin.SPEECH:
                return engine.respond(turn.utterance, tuple(self._history))
            case Origin.TEXT:
                return self._reply_to_text(turn, engine)
            case Origin.ENGINE:
                assert isinstance(engine, AnnouncingEngine)
                return engine.announce()
            case Origin.REPEAT:
                return _once_more(turn.repeated)

    def _reply_to_text(self, turn: Turn, engine: Engine) -> Generator[ReplyEvent, None, None]:
        yield UserTranscript(turn.user_text, final=True)
        if not isinstance(engine, TypedEngine):
            yield Notice("this engine answers speech only", Severity.WARNING)
            return
        yield from engine.respond_to_text(turn.user_text, tuple(self._history), turn.utterance.cancel)

    def _speak(self, turn: Turn, reply: Generator[ReplyEvent, None, None]) -> TurnDone:
        cancel = turn.utterance.cancel
        outcome = Outcome.FAILED
        try:
            turn.heard_before_s = self._sink.heard_s()
            if not cancel.cancelled:
                self._relay(reply, turn)
                self._sink.finish(cancel)
            outcome = self._outcome(turn)
        finally:
            done = self._finish(turn, reply, outcome)
        return done

    def _outcome(self, turn: Turn) -> Outcome:
        if not turn.utterance.cancel.cancelled:
            return Outcome.COMPLETED
        if turn.continued:
            return Outcome.CONTINUED
        if turn.chunks or turn.answering or self._token.cancelled:
            return Outcome.INTERRUPTED
        return Outcome.DROPPED

    def _finish(self, turn: Turn, reply: Generator[ReplyEvent, None, None], outcome: Outcome) -> TurnDone:
        """End a turn: stop what is left of it, let the listener go on, keep the turn and tell of it."""
        heard_s, first_heard_at = 0.0, None
        try:
            try:
                reply.close()
            finally:
                if outcome is not Outcome.COMPLETED:
                    self._sink.flush()
                if turn.heard_before_s is not None:
                    heard_s = self._sink.heard_s() - turn.heard_before_s
                if turn.chunks:
                    first_heard_at = self._sink.first_heard_at
        finally:
            self._floor.release(turn)
            done = turn.done(outcome, heard_s=heard_s, first_heard_at=first_heard_at)
            done = self._keep(turn, done, heard_s=heard_s)
        logger.debug("turn %d: %.2f s of speech, %s", turn.number, done.user_s, done.latency)
        return done

    def _keep(self, turn: Turn, done: TurnDone, *, heard_s: float) -> TurnDone:
        """Record a turn and tell of it; the listener is at work again already."""
        try:
            if self._recorder is not None and done.outcome not in (Outcome.DROPPED, Outcome.CONTINUED):
                done = self._recorder.record(done, turn.utterance.so_far(), turn.heard_chunks(heard_s))
        finally:
            self._events.put(done)
            self._floor.tell_listening(turn.number)
        return done

    def _relay(self, reply: Generator[ReplyEvent, None, None], turn: Turn) -> None:
        cancel = turn.utterance.cancel
        for event in reply:
            if cancel.cancelled:
                return
            if isinstance(event, UserTranscript):
                self._events.put(turn.add_transcript(event))
            elif isinstance(event, TextDelta):
                self._events.put(turn.add_text(event))
            elif isinstance(event, AudioDelta) and len(event.chunk.samples):
                if not turn.chunks:
                    self._floor.tell(turn, State.SPEAKING)
                turn.add_audio(event.chunk)
                self._sink.write(event.chunk, cancel)
            elif isinstance(event, Notice):
                self._events.put(event)


def _once_more(turn: Turn | None) -> Generator[ReplyEvent, None, None]:
    """Yield a reply again, each of its words where it was before."""
    if turn is None:
        return
    deltas: Iterator[TextDelta] = iter(turn.deltas)
    delta = next(deltas, None)
    spoken_s = 0.0
    for chunk in turn.chunks:
        while delta is not None and delta.at_s <= spoken_s:
            yield TextDelta(delta.text)
            delta = next(deltas, None)
        yield AudioDelta(chunk)
        spoken_s += chunk.duration_s
    while delta is not None:
        yield TextDelta(delta.text)
        delta = next(deltas, None)
