"""How much work one model call may hold, from the speed that was measured. Pure."""

from __future__ import annotations

BATCH_S = 0.4
"""Longest model call aimed at: four of them in flight stay under the 2 s that a rebalance waits for."""

FIRST_BUDGET = 1_024
"""Estimated tokens of the first call, before anything was measured: about 40 posts, under a second on a slow core."""

SMALLEST_BUDGET = 64
"""Under this a call's fixed cost dominates, however slow the machine is."""

GROWTH = 2.0
"""A budget at most doubles per call, so that one lucky measurement cannot ask for a minute's work."""

WEIGHT = 0.3
"""Of the newest call in the running mean: three calls make up two thirds of it."""

DEADLINE_FACTOR = 20.0
SHORTEST_DEADLINE_S = 5.0
"""A call hangs when it takes 20 times as long as expected, but never before 5 s: a busy machine may stall so long."""


class Speed:
    """Running mean of estimated tokens per second, and the budget that follows from it.

    Args:
        longest_deadline_s: no deadline is longer, and it is the deadline while nothing was measured.
    """

    def __init__(self, longest_deadline_s: float = 30.0) -> None:
        self._longest_deadline_s = longest_deadline_s
        self._tokens_per_s: float | None = None
        self._budget = FIRST_BUDGET

    @property
    def budget(self) -> int:
        """Estimated tokens that the next model call may hold."""
        return self._budget

    def measured(self, tokens: int, seconds: float) -> None:
        """Learn from one model call that succeeded."""
        newest = tokens / max(seconds, 1e-4)
        if self._tokens_per_s is None:
            self._tokens_per_s = newest
        else:
            self._tokens_per_s += WEIGHT * (newest - self._tokens_per_s)
        wanted = self._tokens_per_s * BATCH_S
        self._budget = int(max(SMALLEST_BUDGET, min(wanted, self._budget * GROWTH)))

    def deadline_s(self, tokens: int) -> float:
        """Seconds after which a call of so many estimated tokens counts as hung."""
        if self._tokens_per_s is None:
            return self._longest_deadline_s
        expected = tokens / self._tokens_per_s
        return min(self._longest_deadline_s, max(SHORTEST_DEADLINE_S, DEADLINE_FACTOR * expected))
