"""How long each pause of a turn is waited for: what a turn detector makes of it, and the user's patience setting.

Knows nothing of frames or of the end of turns; one for each talk.
"""

from __future__ import annotations

from voicechat.patience import Patience
from voicechat.protocols import TurnDetector
from voicechat.types import Pause
from voicechat.utterance import Utterance


class Pauses:
    """Judges the pauses of one turn after another.

    Args:
        words: whether the words count that were understood so far; in a file they come when the machine has time, so
            that turns would end now here, now there.
    """

    def __init__(self, detector: TurnDetector, patience: Patience, *, words: bool = True) -> None:
        self._detector = detector
        self._patience = patience
        self._words = words
        self._earlier_s: list[float] = []  # pauses of this turn that were not its end
        self._judged_words: str | None = None  # in the pause under way

    def wait_ms(self, utterance: Utterance, silence_s: float) -> float | None:
        """Give the silence that ends the turn in this pause; None if nothing has changed since it was asked last.

        Args:
            silence_s: how long the pause is already.

        Raises:
            ModelError: If the detector fails.
        """
        words = utterance.words if self._words else ""
        if not self._patience.judges or words == self._judged_words:
            return None
        self._judged_words = words
        probability = self._detector.probability(Pause(utterance.so_far(), silence_s, words or None))
        return self._patience.wait_ms(probability, earlier_s=self._earlier_s)

    def went_on(self, silence_s: float) -> None:
        """Note that the user went on after a pause of this length."""
        self._earlier_s.append(silence_s)
        self._judged_words = None

    def turn_ended(self) -> None:
        """Forget the turn."""
        self._earlier_s.clear()
        self._judged_words = None
