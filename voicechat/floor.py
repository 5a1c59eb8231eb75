"""Who has the word: the newest turn that is not done yet. Shared by the thread that listens and the one that answers.

Knows nothing of audio or engines. The newest turn always wins; whoever takes the floor from an older one cancels it.
The states of a turn are told from here, since only who has the floor says what is going on.
"""

from __future__ import annotations

import threading
import time

from voicechat.event_stream import EventStream
from voicechat.turn import Origin, Turn
from voicechat.types import CancelToken, State, StateChanged
from voicechat.utterance import Utterance

ORDER = list(State)  # of the states in a turn


class Floor:
    """Hands the floor from turn to turn, and numbers the turns.

    Args:
        token: the talk's own; once it is set nobody waits here any more.
        events: gets the states.
    """

    def __init__(self, token: CancelToken, events: EventStream) -> None:
        self._token = token
        self._events = events
        # Serializes everything below; notified when a turn is done, and when the talk is to end.
        self._changed = threading.Condition()
        self._turn: Turn | None = None
        self._state = State.LISTENING
        self._n_turns = 0
        self._free_since = 0.0
        token.on_cancel(self._wake)

    @property
    def turn(self) -> Turn | None:
        """The turn that has the floor."""
        return self._turn

    @property
    def number(self) -> int:
        """How many turns there have been, announcements included."""
        return self._n_turns

    @property
    def free_since(self) -> float:
        """`time.monotonic()` of the last time that the floor became free."""
        return self._free_since

    @property
    def answering(self) -> bool:
        """Whether a reply is being made or spoken."""
        turn = self._turn
        return turn is not None and turn.answering

    def take(self, utterance: Utterance, origin: Origin, *, patient: bool = False) -> tuple[Turn, Turn | None]:
        """Give the floor to a new turn; give it, and the turn that had it until now, which is to be cancelled.

        Args:
            patient: wait while a reply is being made or spoken, rather than take the floor from it.
        """
        with self._changed:
            if patient:
                self._changed.wait_for(lambda: not self.answering or self._token.cancelled)
            before = self._turn
            return self._new_turn(utterance, origin), before

    def take_if_free(self, utterance: Utterance, origin: Origin) -> Turn | None:
        """Give the floor to a new turn, unless there is one or the talk is to end."""
        with self._changed:
            if self._turn is not None or self._token.cancelled:
                return None
            return self._new_turn(utterance, origin)

    def release(self, turn: Turn) -> None:
        """Say that a turn is done; one that had lost the floor changes nothing."""
        with self._changed:
            if self._turn is turn:
                self._turn = None
                self._free_since = time.monotonic()
                self._changed.notify_all()

    def tell(self, turn: Turn, state: State) -> None:
        """Tell how far a turn is, if it has the floor and is not further already."""
        with self._changed:
            if self._turn is turn and ORDER.index(state) > ORDER.index(self._state):
                self._state = state
                self._events.put(StateChanged(state, turn.number))

    def tell_listening(self, number: int) -> None:
        """Tell that the user has the word after turn `number`, unless the next has begun or the talk ends."""
        with self._changed:
            if self._turn is None and not self._token.cancelled:
                self._events.put(StateChanged(State.LISTENING, number))

    def wait_while_answering(self) -> None:
        """Block while a reply is being made or spoken, and the talk is not to end."""
        with self._changed:
            self._changed.wait_for(lambda: not self.answering or self._token.cancelled)

    def _new_turn(self, utterance: Utterance, origin: Origin) -> Turn:
        self._n_turns += 1
        self._state = State.LISTENING
        self._turn = Turn(self._n_turns, utterance, origin)
        return self._turn

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
