"""A level meter with peak hold: levels in, bar lengths out. Pure; knows neither glyphs nor the terminal."""

from __future__ import annotations

import math

FLOOR_DBFS = -60.0  # an empty bar
RELEASE_DB_PER_S = 60.0  # how fast the bar falls; it rises at once
LEVELS_APART_S = 0.2  # two levels are never that far apart: until then the bar waits for the next
PEAK_HOLD_S = 1.0
PEAK_FALL_DB_PER_S = 30.0
NO_SIGNAL_S = 2.0  # digital silence for that long is no quiet room, but a microphone that is muted or gone


class LevelMeter:
    """Follows the microphone's level; times are `time.monotonic()`.

    Attributes:
        used: whether there was any level yet; a talk from files has none.
    """

    def __init__(self) -> None:
        self.used = False
        self._bar_dbfs = FLOOR_DBFS
        self._bar_at = 0.0
        self._peak_dbfs = FLOOR_DBFS
        self._peak_at = 0.0
        self._silent_since: float | None = None

    def push(self, dbfs: float, at: float) -> None:
        """Take a level, -inf for digital silence."""
        self.used = True
        if math.isfinite(dbfs):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = at
        level = min(0.0, max(FLOOR_DBFS, dbfs))
        self._bar_dbfs = max(level, self._bar_dbfs - RELEASE_DB_PER_S * max(0.0, at - self._bar_at))
        if level >= self._peak(at):
            self._peak_dbfs, self._peak_at = level, at
        self._bar_at = at

    def cells(self, n_cells: int, at: float) -> tuple[int, int]:
        """Give how many of `n_cells` are filled, and how many reach up to the peak, at the time `at`."""
        per_db = n_cells / -FLOOR_DBFS
        filled = round((self._bar(at) - FLOOR_DBFS) * per_db)
        return filled, max(filled, round((self._peak(at) - FLOOR_DBFS) * per_db))

    def no_signal(self, at: float) -> bool:
        """Give whether there has been digital silence, not just quiet, for a while."""
        return self._silent_since is not None and at - self._silent_since >= NO_SIGNAL_S

    def _bar(self, at: float) -> float:
        return max(FLOOR_DBFS, self._bar_dbfs - RELEASE_DB_PER_S * max(0.0, at - self._bar_at - LEVELS_APART_S))

    def _peak(self, at: float) -> float:
        fallen_s = max(0.0, at - self._peak_at - PEAK_HOLD_S)
        return max(FLOOR_DBFS, self._peak_dbfs - PEAK_FALL_DB_PER_S * fallen_s)
