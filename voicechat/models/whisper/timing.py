"""When each word was spoken: from where Whisper's alignment heads look while they write it (arXiv 2212.04356, and the
word times of its published code: normalize, median filter, dynamic time warping).

Pure numpy: attention weights in, times out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voicechat.models.heard import TimedWord

MEDIAN_WIDTH = 7  # positions, so 140 ms: the published value
# Which two of seven values to put in order, one pair after another, until the middle one is in the middle
# (N. Devillard, "Fast median search", 1998): an order of magnitude faster than sorting.
_EXCHANGES = ((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4))


def token_times(weights: np.ndarray, *, position_s: float) -> np.ndarray:
    """Give where each token begins, and where the last one ends.

    Args:
        weights: float32 (n_heads, n_tokens + 1, n_positions), row by row what was looked at while a token was written;
            the last row belongs to the end of the text.
        position_s: of a position, in seconds.

    Returns:
        float64 (n_tokens + 1,), in seconds, never falling.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        normal = (weights - weights.mean(-2, keepdims=True)) / weights.std(-2, keepdims=True)
    normal = np.nan_to_num(normal)  # a position that all rows see alike says nothing
    matrix = np.mean([median_filtered(head) for head in normal], axis=0)
    rows, columns = warped(-matrix.astype(np.float64))
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    times: np.ndarray = columns[begins] * position_s
    return times


def word_times(words: Sequence[tuple[str, int]], times: np.ndarray) -> list[TimedWord]:
    """Put words and the times of their tokens together.

    Args:
        words: each with how many tokens it has.
        times: as `token_times` gives them.
    """
    ends = np.cumsum([0, *(n_tokens for _, n_tokens in words)])
    return [
        TimedWord(text, float(times[begin]), float(times[end]))
        for (text, _), begin, end in zip(words, ends[:-1], ends[1:], strict=True)
    ]


def warped(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the cheapest path through a matrix from its first corner to its last, by steps right, down, or both.

    All cells of a diagonal are worked out at once, which is what makes it fast enough without compiled code.

    Args:
        cost: float64 (n, m), n and m >= 1.

    Returns:
        Row and column of each cell on the path, int64 (n_steps,) each.
    """
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf, np.float32)
    total[0, 0] = 0
    came_from = np.full((n + 1, m + 1), 2, np.int8)  # 0: both, 1: the row above, 2: the column before
    came_from[:, 0] = 1
    came_from[0, :] = 2
    for diagonal in range(2, n + m + 1):
        i = np.arange(max(1, diagonal - m), min(n, diagonal - 1) + 1)
        j = diagonal - i
        before = np.stack([total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]])
        step = before.argmin(0)
        total[i, j] = cost[i - 1, j - 1] + before.min(0)
        came_from[i, j] = step
    i, j = n, m
    path = []
    while i > 0 or j > 0:
        path.append((i - 1, j - 1))
        step_back = came_from[i, j]
        i -= step_back != 2
        j -= step_back != 1
    rows, columns = np.array(path[::-1]).T
    return rows, columns


def median_filtered(weights: np.ndarray) -> np.ndarray:
    """Replace each value of (n_rows, n_positions) by the median of the MEDIAN_WIDTH around it, mirrored at the ends."""
    half = MEDIAN_WIDTH // 2
    n_positions = weights.shape[-1]
    if n_positions <= half:
        return weights
    padded = np.pad(weights, ((0, 0), (half, half)), mode="reflect")
    values = [padded[:, shift : shift + n_positions] for shift in range(MEDIAN_WIDTH)]
    for low, high in _EXCHANGES:
        values[low], values[high] = np.minimum(values[low], values[high]), np.maximum(values[low], values[high])
    return values[half]
