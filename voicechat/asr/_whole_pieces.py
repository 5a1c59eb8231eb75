"""What recognizers share that hear a piece as a whole: which piece is worth hearing, when in a talk, what to expect."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

import numpy as np

from voicechat.types import CAPTURE_RATE, Transcript
from voicechat.utterance import Utterance

MIN_PIECE_S = 0.1  # what is shorter is no word
SILENCE = 1e-4  # a piece that nowhere is louder holds no words

Hear = Callable[[np.ndarray, Callable[[], bool]], str | None]  # None once the second says that it is in vain


def clean(samples: np.ndarray) -> np.ndarray:
    """Give samples that are numbers between -1 and 1, float32."""
    found: np.ndarray = np.clip(np.nan_to_num(samples, posinf=0, neginf=0), -1, 1).astype(np.float32)
    return found


def is_silent(samples: np.ndarray) -> bool:
    """Tell whether a piece is too short or too quiet for a word."""
    return len(samples) < MIN_PIECE_S * CAPTURE_RATE or float(np.abs(samples).max()) < SILENCE


def transcripts(frames: Iterable[np.ndarray], hear: Hear) -> Generator[Transcript, None, None]:
    """Yield what was said up to each pause, then all of it; after the last pause without hearing it again.

    Of frames that are no utterance nobody knows the pauses: they are waited for to the end.

    Args:
        hear: gives the words of float32 (n,) at 16 kHz.
    """
    if not isinstance(frames, Utterance):
        held = [np.zeros(0, np.float32), *frames]
        yield Transcript(hear(np.concatenate(held), lambda: False) or "", final=True)
        return
    for draft in frames.drafts():
        text = hear(draft.audio, lambda draft=draft: draft.stale)  # type: ignore[misc]
        if text is None:
            continue
        if text and not draft.final:
            yield Transcript(text)
        if draft.wait():
            yield Transcript(text, final=True)


def expected(prompt: str, vocabulary: str) -> str:
    """Put terms, separated by commas, and a text together as they could stand before what is said."""
    terms = ", ".join(term for part in vocabulary.split(",") if (term := part.strip()))
    return " ".join(filter(None, (f"{terms}." if terms else "", prompt.strip())))
