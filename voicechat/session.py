"""A talk: two worker threads, and turns one after another.

Knows roles only (protocols.py): what the source, the sink, the engine and the detector are is the composition's choice.
Who has the word is decided in floor.py, how a turn is answered in responder.py. A microphone is listened to all the
time: the listener judges what is an interruption. A file waits and is answered turn by turn.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from enum import Enum, auto

from voicechat.event_stream import EventStream
from voicechat.farewell import ends_the_talk
from voicechat.floor import Floor
from voicechat.listener import Listener, ListenerEvent, UtteranceClosed, UtteranceDropped, UtteranceOpened
from voicechat.protocols import AnnouncingEngine, AudioSink, AudioSource, Engine, NoticingEngine, TurnRecorder
from voicechat.responder import Responder
from voicechat.turn import Origin, Turn
from voicechat.types import CancelToken, Loudness, Notice, Outcome, State, StateChanged
from voicechat.utterance import Utterance

logger = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 5.0  # a worker that a library keeps for longer is left to the end of the process, and said so
KEY_TAIL_S = 0.15  # people let the talk key go before their last word is out


class _Order(Enum):
    """What the keys ask of the listening thread."""

    TALK = auto()
    END_TALK = auto()
    TOGGLE_TALK = auto()
    MUTE = auto()
    UNMUTE = auto()
    FORGET = auto()  # what is being said: the user has typed something instead


class Session:
    """Runs a talk from the first block of audio to the end.

    Args:
        source: read by the listening thread only.
        sink: written by the responding thread only; flushed, and made quiet, from any.
        listener: cuts the source's audio into utterances.
        load_engine: gives the engine that answers them. It is called once, on the responding thread, so that a slow
            engine does not keep the microphone waiting; `Engine.respond` is called there too, as soon as speech starts.
        events: gets every event of the talk, and its end.
        recorder: keeps each turn, if given.
        turn_by_turn: whether the source waits while a turn is answered, as a file does.

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
        turn_by_turn: bool = False,
    ) -> None:
        self._source = source
        self._sink = sink
        self._listener = listener
        self._load_engine = load_engine
        self._events = events
        self._recorder = recorder
        self._turn_by_turn = turn_by_turn
        self._token = CancelToken()  # the session's own: set once, when the talk is to end
        self._floor = Floor(self._token, events)
        self._responder = Responder(sink, events, self._floor, self._token, recorder)
        self._inbox: queue.SimpleQueue[Turn | None] = queue.SimpleQueue()  # None: no more turns
        self._orders: queue.SimpleQueue[tuple[_Order, float]] = queue.SimpleQueue()  # each with its time.monotonic()
        self._muted = False  # of the listening thread
        self._n_utterances = 0  # likewise
        # Serializes taking the floor, cancelling whoever had it, and queueing the turn, between all threads.
        self._taking = threading.Lock()
        # Serializes the two below between the workers.
        self._ending = threading.Lock()
        self._error: BaseException | None = None
        self._n_running = 2
        # Daemons: closing ends them, and one that a library will not let go must not keep the process alive.
        self._threads = [
            threading.Thread(target=self._work, args=(work,), name=name, daemon=True)
            for name, work in (("voicechat-listen", self._listen), ("voicechat-respond", self._respond))
        ]

    @property
    def n_utterances(self) -> int:
        """How many times the user has spoken or typed so far."""
        return self._n_utterances

    def start(self) -> None:
        """Begin to listen."""
        self._events.put(StateChanged(State.LISTENING, 0))
        for thread in self._threads:
            thread.start()

    def interrupt(self) -> bool:
        """Stop the reply that is being made or spoken; give whether there was one. From any thread but a worker."""
        turn = self._floor.turn
        if turn is None or not turn.answering:
            return False
        turn.utterance.cancel.cancel()  # first, so that nothing is written after the flush
        self._sink.flush()
        return True

    def talk(self) -> None:
        """Take the word until `end_talk`, whatever the detectors say; a reply under way stops."""
        self.interrupt()
        self._orders.put((_Order.TALK, time.monotonic()))

    def end_talk(self) -> None:
        """End what the user says."""
        self._orders.put((_Order.END_TALK, time.monotonic()))

    def toggle_talk(self) -> None:
        """End what the user says, or take the word for them."""
        self.interrupt()
        self._orders.put((_Order.TOGGLE_TALK, time.monotonic()))

    def mute(self, muted: bool) -> None:
        """Stop or begin to listen; what is being said is forgotten."""
        self._orders.put((_Order.MUTE if muted else _Order.UNMUTE, time.monotonic()))

    def say(self, text: str) -> None:
        """Take typed words for a turn; a reply under way stops, what is being said is forgotten."""
        self._orders.put((_Order.FORGET, time.monotonic()))
        turn = self._take(Utterance(), Origin.TEXT, text=text)
        if turn is not None:
            self._floor.tell(turn, State.THINKING)

    def repeat(self) -> bool:
        """Speak the last reply once more, from its beginning; give whether there is one."""
        turn = self._floor.turn
        repeated = turn if turn is not None and turn.answering and turn.chunks else self._responder.last_reply
        if repeated is None:
            return False
        self._take(Utterance(), Origin.REPEAT, repeated=repeated.repeated or repeated)
        return True

    def stop(self) -> None:
        """End the talk now, whatever is under way. Idempotent, from any thread."""
        if self._token.cancelled:
            return
        self._token.cancel()
        turn = self._floor.turn
        with ExitStack() as ending:  # each of these, whatever becomes of the others; the last one first
            ending.callback(self._inbox.put, None)
            ending.callback(self._source.close)
            ending.callback(self._sink.flush)
            if turn is not None:
                ending.callback(turn.utterance.cancel.cancel)

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
            with self._ending:
                self._error = self._error or exc
            self.stop()
        finally:
            with self._ending:
                self._n_running -= 1
                last = self._n_running == 0
            if last:
                try:
                    self._give_up_the_rest()
                finally:
                    self._events.end()

    def _give_up_the_rest(self) -> None:
        """Give the turns that nobody answers any more their TurnDone; from here on none begins."""
        with self._taking:
            self._token.cancel()
        while True:
            try:
                turn = self._inbox.get_nowait()
            except queue.Empty:
                return
            if turn is not None:
                self._responder.give_up(turn, failed=self._error is not None)

    def _take(
        self, utterance: Utterance, origin: Origin, *, text: str = "", repeated: Turn | None = None
    ) -> Turn | None:
        """Begin a turn, and end the one that was under way; None if the talk is to end."""
        with self._taking:
            turn, before = self._floor.take(utterance, origin, patient=self._turn_by_turn and origin is Origin.SPEECH)
            if self._token.cancelled:
                self._floor.release(turn)
                return None
            if origin is Origin.TEXT:
                turn.user_text, turn.typed_at = text, time.monotonic()
            turn.repeated = repeated
            if origin is not Origin.REPEAT:
                self._n_utterances += 1
            if before is not None:
                if origin is Origin.SPEECH and self._unheard(before):
                    utterance.continues(before.utterance)
                    before.continued = True
                before.utterance.cancel.cancel()  # first, so that nothing is written after the flush
                self._sink.flush()
            self._inbox.put(turn)
            return turn

    def _unheard(self, turn: Turn) -> bool:
        """Whether a spoken turn is being answered, and nothing of the answer was heard: the user had only paused."""
        if turn.origin is not Origin.SPEECH or turn.utterance.cancel.cancelled:
            return False
        return not turn.chunks or turn.heard_before_s is None or self._sink.heard_s() <= turn.heard_before_s

    # voicechat-listen ------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            while not self._token.cancelled:
                if self._turn_by_turn:
                    self._floor.wait_while_answering()
                samples = self._source.read(unhurried=self._listener.quiet)
                captured_at = self._captured_at()
                self._follow_orders(captured_at)
                if samples is None:
                    break
                if not self._muted:
                    # What was captured before a reply had ended may still hold the end of it.
                    guarded = self._floor.answering or captured_at < self._floor.free_since
                    self._hear(self._listener.push(samples, captured_at=captured_at, guarded=guarded))
            self._hear(self._listener.finish(captured_at=self._captured_at()))
        finally:
            self._source.close()
            self._inbox.put(None)

    def _captured_at(self) -> float:
        return time.monotonic() - self._source.latency_s

    def _follow_orders(self, captured_at: float) -> None:
        while not self._orders.empty():
            order, at = self._orders.get()
            if order is _Order.TOGGLE_TALK:
                order = _Order.END_TALK if self._listener.in_utterance else _Order.TALK
            match order:
                case _Order.TALK:
                    self._hear(self._listener.open_by_key(captured_at=captured_at))
                case _Order.END_TALK:
                    self._listener.close_by_key(at=at + KEY_TAIL_S)
                case _Order.MUTE | _Order.UNMUTE | _Order.FORGET:
                    self._hear(self._listener.drop())
            if order in (_Order.MUTE, _Order.UNMUTE):
                self._muted = order is _Order.MUTE

    def _hear(self, happenings: Iterable[ListenerEvent]) -> None:
        for happening in happenings:
            if self._token.cancelled:
                return
            match happening:
                case UtteranceOpened():
                    turn = self._take(happening.utterance, Origin.SPEECH)
                    if turn is not None:
                        self._floor.tell(turn, State.HEARING)
                case UtteranceClosed():
                    turn = self._floor.turn
                    if turn is not None and turn.utterance is happening.utterance:
                        self._floor.tell(turn, State.THINKING)
                    if self._turn_by_turn:
                        self._floor.wait_while_answering()
                case UtteranceDropped():
                    happening.utterance.cancel.cancel()
                case Loudness():
                    self._sink.set_loudness(happening)
                case _:
                    self._events.put(happening)

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
                # Unless the user has just begun to speak, or the talk is to end: that is in the inbox already.
                turn = self._floor.take_if_free(Utterance(), Origin.ENGINE)
                if turn is not None:
                    self._responder.answer(turn, engine)
                continue
            if turn is None:
                break
            done = self._responder.answer(turn, engine)
            if done.outcome is not Outcome.CONTINUED and ends_the_talk(done.user_text):
                self.stop()
        if _until_announcement_s(engine) is not None:
            self._events.put(Notice("the talk is over; a timer that is still running will not be heard"))


def _until_announcement_s(engine: Engine) -> float | None:
    """Give the seconds until the engine has something to say by itself, None if nothing is pending."""
    if not isinstance(engine, AnnouncingEngine) or (at := engine.next_announcement_at()) is None:
        return None
    return max(0.0, at - time.monotonic())
