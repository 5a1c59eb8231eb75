"""A talk: two worker threads, turns one after another, and the history of what was heard.

Knows roles only (protocols.py): what the source, the sink, the engine and the detector are is the composition's choice.
Half duplex: while a turn is answered nobody listens, and what the microphone took in meanwhile is forgotten, so that
the assistant never answers its own voice; a file waits and is answered turn by turn.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack

from voicechat.event_stream import EventStream
from voicechat.farewell import ends_the_talk
from voicechat.listener import Listener, ListenerEvent, UtteranceClosed, UtteranceOpened
from voicechat.protocols import AnnouncingEngine, AudioSink, AudioSource, Engine, NoticingEngine, TurnRecorder
from voicechat.turn import Turn
from voicechat.types import (
    AudioDelta,
    CancelToken,
    Message,
    Notice,
    Outcome,
    ReplyEvent,
    State,
    StateChanged,
    TextDelta,
    TurnDone,
    UserTranscript,
    Utterance,
)

logger = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 5.0  # a worker that a library keeps for longer is left to the end of the process, and said so


class Session:
    """Runs a talk from the first block of audio to the end.

    Args:
        source: read by the listening thread only.
        sink: written by the responding thread only; flushed from any.
        listener: cuts the source's audio into utterances.
        load_engine: gives the engine that answers them. It is called once, on the responding thread, so that a slow
            engine does not keep the microphone waiting; `Engine.respond` is called there too, as soon as speech starts.
        events: gets every event of the talk, and its end.
        recorder: keeps each turn, if given.

    The source and the sink are closed with the session; the engine, which may be shared, is not.
    """

    def __init__(
        self,
        *,
        source: AudioSource,
        sink: AudioSink,
        listener: Listener,
        load_engine: Callable[[], Engine],
        events: EventStream,
        recorder: TurnRecorder | None = None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._listener = listener
        self._load_engine = load_engine
        self._events = events
        self._recorder = recorder
        self._token = CancelToken()  # the session's own: set once, when the talk is to end
        self._history: list[Message] = []  # of the responding thread
        self._inbox: queue.SimpleQueue[Turn | None] = queue.SimpleQueue()  # None: no more turns
        # Serializes everything below between the two workers and the caller; notified when a turn or an
        # announcement is over, or the talk is to end.
        self._changed = threading.Condition()
        self._n_turns = 0  # announcements included
        self._n_utterances = 0
        self._current: Turn | None = None  # the turn of the newest utterance, until it is done
        self._announcing: CancelToken | None = None  # of the announcement under way
        self._error: BaseException | None = None
        self._n_running = 2
        # Daemons: closing ends them, and one that a library will not let go must not keep the process alive.
        self._threads = [
            threading.Thread(target=self._work, args=(work,), name=name, daemon=True)
            for name, work in (("voicechat-listen", self._listen), ("voicechat-respond", self._respond))
        ]

    @property
    def n_utterances(self) -> int:
        """How many times the user has spoken so far."""
        return self._n_utterances

    def start(self) -> None:
        """Begin to listen."""
        self._set_state(State.LISTENING, 0)
        for thread in self._threads:
            thread.start()

    def interrupt(self) -> bool:
        """Stop the reply that is being made or spoken; give whether there was one. From any thread but a worker."""
        with self._changed:
            if self._announcing is not None:
                token = self._announcing
            elif self._current is not None and self._current.utterance.finished:
                token = self._current.utterance.cancel
            else:
                return False
        token.cancel()  # first, so that nothing is written after the flush
        self._sink.flush()
        return True

    def stop(self) -> None:
        """End the talk now, whatever is under way. Idempotent, from any thread."""
        if self._token.cancelled:
            return
        self._token.cancel()
        with self._changed:
            current = self._current.utterance.cancel if self._current is not None else None
            tokens = [token for token in (self._announcing, current) if token is not None]
            self._changed.notify_all()
        with ExitStack() as ending:  # each of these, whatever becomes of the others; the last one first
            ending.callback(self._inbox.put, None)
            ending.callback(self._source.close)
            ending.callback(self._sink.flush)
            for token in tokens:
                ending.callback(token.cancel)

    def close(self) -> None:
        """End the talk, wait for the workers and release the devices.

        Raises:
            VoiceChatError: The first error that a worker met. Any other exception of a worker is raised, too.
        """
        self.stop()
        for thread in self._threads:
            if thread.ident is None:
                continue  # never started
            thread.join(JOIN_TIMEOUT_S)
            if thread.is_alive():
                logger.warning("%s did not end within %.0f s", thread.name, JOIN_TIMEOUT_S)
        try:
            if self._recorder is not None:
                self._recorder.close()
        finally:
            self._sink.close()
        error, self._error = self._error, None  # raised once, however often this is called
        if error is not None:
            raise error

    # Both workers ----------------------------------------------------------------------------

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as exc:
            with self._changed:
                self._error = self._error or exc
            self.stop()
        finally:
            with self._changed:
                self._n_running -= 1
                last = self._n_running == 0
            if last:
                try:
                    self._fail_unanswered()
                finally:
                    self._events.end()

    def _fail_unanswered(self) -> None:
        """Give the utterances that no responder took any more (its engine could not be loaded) their TurnDone."""
        while True:
            try:
                turn = self._inbox.get_nowait()
            except queue.Empty:
                return
            if turn is not None:
                self._keep(turn, turn.done(Outcome.FAILED, heard_s=0.0, first_heard_at=None), heard_s=0.0)

    def _set_state(self, state: State, turn: int) -> None:
        self._events.put(StateChanged(state, turn))

    # voicechat-listen ------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            while not self._token.cancelled:
                self._wait_for_the_floor()
                samples = self._source.read(unhurried=self._listener.quiet)
                if samples is None:
                    break
                self._hear(self._listener.push(samples, captured_at=self._captured_at()))
            self._hear(self._listener.finish(captured_at=self._captured_at()))
        finally:
            self._source.close()
            self._inbox.put(None)

    def _captured_at(self) -> float:
        return time.monotonic() - self._source.latency_s

    def _hear(self, happenings: Iterable[ListenerEvent]) -> None:
        for happening in happenings:
            if self._token.cancelled:
                return
            if isinstance(happening, UtteranceOpened):
                self._open_turn(happening.utterance)
            elif isinstance(happening, UtteranceClosed):
                self._set_state(State.THINKING, self._n_turns)
                self._wait_for_the_floor()
            else:
                self._events.put(happening)

    def _open_turn(self, utterance: Utterance) -> None:
        with self._changed:
            if self._announcing is not None:
                # It began in this very moment and is heard first; the utterance goes on after it, and without it.
                self._changed.wait_for(lambda: self._announcing is None or self._token.cancelled)
                self._source.discard()
            if self._token.cancelled:
                return
            self._n_utterances += 1
            self._n_turns += 1
            self._current = Turn(self._n_turns, utterance)
            self._inbox.put(self._current)
        self._set_state(State.HEARING, self._current.number)

    def _wait_for_the_floor(self) -> None:
        """Block while a reply or an announcement is under way, then forget what the microphone heard of it."""
        with self._changed:
            if not self._replying():
                return
            self._changed.wait_for(lambda: not self._replying() or self._token.cancelled)
        self._source.discard()

    def _replying(self) -> bool:
        return self._announcing is not None or (self._current is not None and self._current.utterance.finished)

    # voicechat-respond -----------------------------------------------------------------------

    def _respond(self) -> None:
        engine = self._load_engine()
        if isinstance(engine, NoticingEngine):
            for notice in engine.notices():
                self._events.put(notice)
        while True:
            try:
                turn = self._inbox.get(timeout=_until_announcement_s(engine))
            except queue.Empty:
                self._announce(engine)
                continue
            if turn is None:
                break
            self._answer(turn, engine)
        if _until_announcement_s(engine) is not None:
            self._events.put(Notice("the talk is over; a timer that is still running will not be heard"))

    def _answer(self, turn: Turn, engine: Engine) -> None:
        """Answer one utterance, and remember what was said and heard."""
        if self._token.cancelled:  # the talk ended before this turn could begin
            turn.utterance.cancel.cancel()
        done = self._speak(turn, engine.respond(turn.utterance, tuple(self._history)))
        if done.user_text:
            self._history.append(Message("user", done.user_text))
        if done.reply_text:
            self._history.append(Message("assistant", done.reply_text))
        if ends_the_talk(done.user_text):
            self.stop()

    def _announce(self, engine: Engine) -> None:
        """Let the engine speak up by itself, unless the user has just begun to."""
        assert isinstance(engine, AnnouncingEngine)
        with self._changed:
            if self._current is not None or self._token.cancelled:
                return  # the utterance, or the end, is in the inbox already
            self._n_turns += 1
            turn = Turn(self._n_turns, Utterance())
            self._announcing = turn.utterance.cancel
        done = self._speak(turn, engine.announce())
        if done.reply_text:
            self._history.append(Message("assistant", done.reply_text))

    def _speak(self, turn: Turn, reply: Generator[ReplyEvent, None, None]) -> TurnDone:
        """Bring a reply to the sink; whatever happens, the turn gets exactly one TurnDone."""
        cancel = turn.utterance.cancel
        outcome = Outcome.FAILED
        heard_before_s: float | None = None
        try:
            heard_before_s = self._sink.heard_s()
            if not cancel.cancelled:
                self._relay(reply, turn)
                self._sink.finish(cancel)
            if not cancel.cancelled:
                outcome = Outcome.COMPLETED
            elif turn.chunks or turn.utterance.finished or self._token.cancelled:
                outcome = Outcome.INTERRUPTED
            else:
                outcome = Outcome.DROPPED
        finally:
            done = self._finish(turn, reply, outcome, heard_before_s)
        return done

    def _finish(
        self,
        turn: Turn,
        reply: Generator[ReplyEvent, None, None],
        outcome: Outcome,
        heard_before_s: float | None,
    ) -> TurnDone:
        """End a turn: stop what is left of it, let the listener go on, keep the turn and tell of it."""
        heard_s, first_heard_at = 0.0, None
        try:
            try:
                reply.close()
            finally:
                if outcome is not Outcome.COMPLETED:
                    self._sink.flush()
                if heard_before_s is not None:
                    heard_s = self._sink.heard_s() - heard_before_s
                if turn.chunks:
                    first_heard_at = self._sink.first_heard_at
        finally:
            self._release_the_floor(turn)
            done = turn.done(outcome, heard_s=heard_s, first_heard_at=first_heard_at)
            done = self._keep(turn, done, heard_s=heard_s)
        logger.debug("turn %d: %.2f s of speech, %s", turn.number, done.user_s, done.latency)
        return done

    def _release_the_floor(self, turn: Turn) -> None:
        with self._changed:
            if self._current is turn:
                self._current = None
            else:
                self._announcing = None
            self._changed.notify_all()

    def _keep(self, turn: Turn, done: TurnDone, *, heard_s: float) -> TurnDone:
        """Record a turn and tell of it; the listener is at work again already."""
        try:
            if self._recorder is not None and done.outcome is not Outcome.DROPPED:
                done = self._recorder.record(done, turn.utterance.so_far(), turn.heard_chunks(heard_s))
        finally:
            self._events.put(done)
            with self._changed:
                if self._current is None and not self._token.cancelled:  # else the next turn has begun meanwhile
                    self._set_state(State.LISTENING, turn.number)
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
                    self._set_state(State.SPEAKING, turn.number)
                turn.add_audio(event.chunk)
                self._sink.write(event.chunk, cancel)
            elif isinstance(event, Notice):
                self._events.put(event)


def _until_announcement_s(engine: Engine) -> float | None:
    """Give the seconds until the engine has something to say by itself, None if nothing is pending."""
    if not isinstance(engine, AnnouncingEngine) or (at := engine.next_announcement_at()) is None:
        return None
    return max(0.0, at - time.monotonic())
