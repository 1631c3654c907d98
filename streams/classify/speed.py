"""How much work one model call may hold, from the speed that was measured. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

BATCH_S = 0.4
"""Longest model call aimed at: four of them in flight stay under the 2 s that a rebalance waits for."""

FIRST_BUDGET = 1_024
"""Estimated tokens of the first call, before anything was measured: about 40 posts, under a second on a slow core."""

SMALLEST_BUDGET = 64
"""Under this a call's fixed cost dominates, however slow the machine is."""

GROWTH = 2.0
"""A budget at most doubles per call, so that one lucky measurement cannot ask for a minute's work."""

CEILING_GROWTH = 1.1
"""What a ceiling that lack of memory set grows by per call that succeeds: what failed is asked for again 8 calls later.
Where the lack lasts, one call in 8 fails and is halved; where it has passed, the full budget is back 8 calls per
halving later, a few seconds."""

WEIGHT = 0.3
"""Of the newest call in the running mean, if it was as large as the budget: three such make up two thirds of it. One of
a tenth the size has a tenth the weight, because most of a small call is its fixed cost: the many small ones of a search
for a deadly text would otherwise say that the engine is slow, and the next hang would be waited for longer."""

DEADLINE_FACTOR = 12.0
SHORTEST_DEADLINE_S = 5.0
"""A call hangs when it takes 12 times as long as expected, but never before 5 s: a busy machine may stall so long. Any
call within the budget has 5 s then, and only one that was cut before the engine became slower has more."""

SHORTEST_SEARCH_S = 1.0
"""The same while a text that ended the engine is searched for and no verdict hangs on the call: one that was honest and
is stopped costs a restart and another try, and inputs wait for each second of a hang."""


class Speed:
    """Running mean of estimated tokens per second, and the budget that follows from it.

    Invariant: `SMALLEST_BUDGET <= budget`, and right after `exhausted(tokens)` the budget is at most half of these
    tokens, or the smallest.

    Args:
        longest_deadline_s: no deadline is longer, and it is the deadline while nothing was measured.
        warm_tokens_per_s: what the engine did when it warmed up: deadlines follow it until a real call was measured,
            budgets do not, because made-up texts are cheaper than real ones.
    """

    def __init__(self, longest_deadline_s: float = 30.0, warm_tokens_per_s: float | None = None) -> None:
        self._longest_deadline_s = longest_deadline_s
        self._warm_tokens_per_s = warm_tokens_per_s
        self._tokens_per_s: float | None = None
        self._budget = FIRST_BUDGET
        self._ceiling = math.inf

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
            weight = WEIGHT * min(1.0, tokens / self._budget)
            self._tokens_per_s += weight * (newest - self._tokens_per_s)
        # What went well is no longer in doubt, so the halves of a batch that one text alone spoilt lift it at once.
        self._ceiling = max(self._ceiling * CEILING_GROWTH, tokens)
        wanted = self._tokens_per_s * BATCH_S
        self._budget = int(max(SMALLEST_BUDGET, min(wanted, self._budget * GROWTH, self._ceiling)))

    def exhausted(self, tokens: int) -> None:
        """Learn that a call of so many estimated tokens needed more memory than there is: ask for half from now on."""
        self._ceiling = max(SMALLEST_BUDGET, min(self._ceiling, tokens / 2))
        self._budget = int(min(self._budget, self._ceiling))

    def deadline_s(self, tokens: int) -> float:
        """Seconds after which a call of so many estimated tokens counts as hung."""
        return self._deadline_s(tokens, SHORTEST_DEADLINE_S)

    def search_deadline_s(self, tokens: int) -> float:
        """The same where a call that is stopped too early is only tried again; never longer than `deadline_s`."""
        return self._deadline_s(tokens, SHORTEST_SEARCH_S)

    def _deadline_s(self, tokens: int, shortest_s: float) -> float:
        tokens_per_s = self._tokens_per_s or self._warm_tokens_per_s
        if not tokens_per_s:
            return self._longest_deadline_s
        return min(self._longest_deadline_s, max(shortest_s, DEADLINE_FACTOR * tokens / tokens_per_s))


def parts(costs: Sequence[int], max_records: int, budget: Callable[[], int]) -> Iterator[int]:
    """Cut a lot of texts into model calls: within budget and record limit, in order, and about equal in cost.

    Equal, because a lot that is a little over the budget would otherwise leave a call with next to nothing in it.

    Args:
        costs: estimated tokens per text.
        max_records: most texts per call.
        budget: asked before each call, because it follows the measured speed.

    Yields:
        How many texts the next call holds, at least one.

    >>> list(parts([10, 10, 10, 10, 10], max_records=9, budget=lambda: 40))
    [3, 2]
    """
    begin = 0
    while begin < len(costs):
        window = costs[begin : begin + max_records]
        total = sum(window)
        calls = -(-total // max(1, budget()))
        share = -(-total // calls) if calls else total
        # The text that crosses the share still belongs to it: parts end up a text too large rather than too small.
        count = next((number for number, spent in enumerate(accumulate(window), 1) if spent >= share), len(window))
        yield count
        begin += count
