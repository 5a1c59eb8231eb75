"""Short pieces of speech into the 30 s windows that Whisper takes, and words back to the pieces they were spoken in.

A window costs the same however little is said in it, so that pieces share one, with silence between them. Pure numpy:
knows no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voicechat.models.heard import TimedWord
from voicechat.models.mini_omni.whisper import SAMPLE_RATE, WINDOW_SAMPLES

GAP_SAMPLES = SAMPLE_RATE // 2  # of silence between two pieces: a pause, but no long one
SPLIT_SEARCH_SAMPLES = 5 * SAMPLE_RATE  # a piece that is too long is cut where it is quietest in its last seconds
FRAME_SAMPLES = SAMPLE_RATE // 50  # 20 ms, in which sound is told from silence
SILENCE_RATIO = 10 ** (-35 / 20)  # quieter than that, against the loudest frame of its piece, is no speech


@dataclass(frozen=True)
class Span:
    """Where in a window a piece is."""

    piece: int  # its number
    begin: int  # sample in the window
    end: int
    offset: int = 0  # sample in the piece that is at `begin`


def packed(lengths: Sequence[int], *, share: bool = True) -> list[list[Span]]:
    """Lay pieces into as few windows as a simple rule finds: each into the first that has room for it.

    Args:
        lengths: of the pieces in samples, each at most a window.
        share: whether pieces may share a window.

    Returns:
        The spans of each window, in order; those of a window are GAP_SAMPLES apart and in the order of their pieces.
    """
    windows: list[list[Span]] = []
    for piece, length in enumerate(lengths):
        assert length <= WINDOW_SAMPLES
        for window in windows if share else []:
            begin = window[-1].end + GAP_SAMPLES
            if begin + length <= WINDOW_SAMPLES:
                window.append(Span(piece, begin, begin + length))
                break
        else:
            windows.append([Span(piece, 0, length)])
    return windows


def laid_out(window: Sequence[Span], pieces: Sequence[np.ndarray]) -> np.ndarray:
    """Give a window's audio up to the end of its last piece, float32 (n,)."""
    audio = np.zeros(window[-1].end, np.float32)
    for span in window:
        audio[span.begin : span.end] = pieces[span.piece]
    return audio


def cut_points(samples: np.ndarray, longest: int = WINDOW_SAMPLES) -> list[int]:
    """Give where to cut audio, float32 (n,), so that no part is longer than `longest` samples: where it is quietest."""
    points: list[int] = []
    begin = 0
    while len(samples) - begin > longest:
        search = min(SPLIT_SEARCH_SAMPLES, longest // 2)
        first = begin + longest - search
        power = np.square(samples[first : begin + longest], dtype=np.float64)
        smooth = np.convolve(power, np.ones(FRAME_SAMPLES * 5), mode="same")
        begin = first + int(smooth.argmin())
        points.append(begin)
    return points


def voiced(samples: np.ndarray) -> np.ndarray:
    """Tell which frames of 20 ms of a piece hold more than silence, bool (ceil(n / FRAME_SAMPLES),)."""
    padded = np.zeros(-(-len(samples) // FRAME_SAMPLES) * FRAME_SAMPLES)
    padded[: len(samples)] = samples
    level = np.sqrt(np.square(padded).reshape(-1, FRAME_SAMPLES).mean(1))
    sounding: np.ndarray = level > SILENCE_RATIO * level.max(initial=0.0)
    return sounding


def handed_out(
    words: Iterable[TimedWord], window: Sequence[Span], pieces: Sequence[np.ndarray]
) -> dict[int, list[TimedWord]]:
    """Give each piece the words that were spoken in it, with times in the piece.

    A word belongs where most of the sound is that it is said to cover; the order of words is kept. Its times lose the
    silence at both ends, which the alignment gives to one of its neighbours at random.
    """
    sounding = np.zeros(-(-window[-1].end // FRAME_SAMPLES) + 1, bool)
    owner = np.full(len(sounding), -1)
    for number, span in enumerate(window):
        frames = voiced(pieces[span.piece])
        first = span.begin // FRAME_SAMPLES
        owner[first : first + len(frames)] = number
        sounding[first : first + len(frames)] = frames
    found: dict[int, list[TimedWord]] = {span.piece: [] for span in window}
    current = 0  # number of the span that the last word was in
    for word in words:
        first = min(int(word.start_s * SAMPLE_RATE / FRAME_SAMPLES), len(sounding) - 1)
        last = max(first + 1, round(word.end_s * SAMPLE_RATE / FRAME_SAMPLES))
        heard = [first + int(frame) for frame in np.flatnonzero(sounding[first:last])]
        votes = np.bincount([owner[frame] for frame in heard], minlength=len(window))
        wanted = int(votes.argmax()) if heard else _nearest(window, word)
        current = max(current, wanted)
        span = window[current]
        own = [frame for frame in heard if owner[frame] == current]
        length_s = (span.end - span.begin) / SAMPLE_RATE
        start_s, end_s = word.start_s, word.end_s
        if own:
            start_s = max(start_s, own[0] * FRAME_SAMPLES / SAMPLE_RATE)
            end_s = min(end_s, (own[-1] + 1) * FRAME_SAMPLES / SAMPLE_RATE)
        begin_s = span.begin / SAMPLE_RATE
        start_s = min(max(start_s - begin_s, 0.0), length_s)
        found[span.piece].append(replace(word, start_s=start_s, end_s=min(max(end_s - begin_s, start_s), length_s)))
    return found


def _nearest(window: Sequence[Span], word: TimedWord) -> int:
    """Give the number of the span that is nearest to the middle of a word."""
    middle = (word.start_s + word.end_s) / 2 * SAMPLE_RATE
    distances = [max(span.begin - middle, middle - span.end, 0.0) for span in window]
    return int(np.argmin(distances))
