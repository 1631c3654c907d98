"""Finds the text that an engine cannot survive, by splitting the batch. Pure: no engine, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

ALONE_LIMIT = 2
"""How often a text may fail alone before it is given up: once can be chance (a process killed from outside)."""

PARTS_IF_ENDED = 16
"""Into how many parts one is split whose call ended the engine's process. Each further failure then costs a deadline
and a restart of seconds, while a part that succeeds costs milliseconds. One text among 256, the most that a batch holds
by default, is alone after 2 failures (256, 16) instead of the 8 of halving, for 30 calls that succeed instead of 8."""

PARTS_IF_ALIVE = 2
"""The same where the engine lives on: a failure costs a call and no more, and where memory lacks, the largest part that
fits is wanted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a text was given up."""

    reason: str
    """`engine_error`, `crash`, `timeout` or `out_of_memory`."""
    exception: str


class Isolation:
    """Which part of a batch to try next, given how the parts before it went.

    After each `next`, exactly one of `succeeded` and `failed` is called. Invariants:

    - What is scored, given up and still to try cover the batch: each position is in exactly one of them.
    - Parts come in the batch's order and never overlap.
    - A text is given up only after it failed alone `ALONE_LIMIT` times in a row; no text is blamed for its neighbours.
    - It ends: each failure splits a part, or is one of the `ALONE_LIMIT` of a text.

    >>> search = Isolation(2)
    >>> search.next()
    (0, 2)
    >>> search.failed("crash", "ended with exit code 3", is_alive=False)
    >>> search.next()
    (0, 1)
    >>> search.succeeded()
    >>> search.next()
    (1, 2)

    Args:
        size: texts in the batch, at least one.
    """

    def __init__(self, size: int) -> None:
        self._parts: deque[tuple[int, int, int]] = deque([(0, size, 0)])
        self._has_failed = False
        self.given_up: dict[int, Verdict] = {}

    def next(self) -> tuple[int, int] | None:
        """Begin and end of the part to try now, in the batch's order; None when all parts are decided."""
        if not self._parts:
            return None
        begin, end, _ = self._parts[0]
        return begin, end

    @property
    def is_last_try(self) -> bool:
        """Whether the part that `next` named is a text that failed alone before: this time it decides."""
        return bool(self._parts) and self._parts[0][2] > 0

    @property
    def is_search(self) -> bool:
        """Whether something failed before and no verdict hangs on the part that `next` named.

        It need not be waited for long then: what is stopped too early is only tried again.
        """
        return self._has_failed and not self.is_last_try

    def succeeded(self) -> None:
        """The part that `next` named was scored."""
        self._parts.popleft()

    def failed(self, reason: str, exception: str, *, is_alive: bool = True) -> None:
        """The part that `next` named was not scored: split it, or try it once more alone, or give it up.

        Args:
            reason: of the dead letter, if this was the last try.
            exception: the same, in full.
            is_alive: whether the engine's process lives on.
        """
        begin, end, failures = self._parts.popleft()
        self._has_failed = True
        if end - begin > 1:
            self._parts.extendleft(reversed(split(begin, end, PARTS_IF_ALIVE if is_alive else PARTS_IF_ENDED)))
        elif failures + 1 < ALONE_LIMIT:
            self._parts.appendleft((begin, end, failures + 1))
        else:
            self.given_up[begin] = Verdict(reason, exception)


def split(begin: int, end: int, most_parts: int) -> list[tuple[int, int, int]]:
    """Neighbouring parts that differ by at most one text, none of them empty, none of them tried yet.

    >>> split(10, 21, 2)
    [(10, 15, 0), (15, 21, 0)]
    >>> split(0, 3, 8)
    [(0, 1, 0), (1, 2, 0), (2, 3, 0)]
    """
    count = min(most_parts, end - begin)
    edges = [begin + (end - begin) * number // count for number in range(count + 1)]
    return [(left, right, 0) for left, right in pairwise(edges)]
