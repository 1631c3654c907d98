"""Finds the text that an engine cannot survive, by halving the batch. Pure: no engine, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

ALONE_LIMIT = 2
"""How often a text may fail alone before it is given up: once can be chance (a process killed from outside)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a text was given up."""

    reason: str
    """`engine_error`, `crash`, `timeout` or `out_of_memory`."""
    exception: str


class Isolation:
    """Which part of a batch to try next, given how the parts before it went.

    >>> search = Isolation(2)
    >>> search.next()
    (0, 2)
    >>> search.failed("crash", "ended with exit code 3")
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

    def succeeded(self) -> None:
        """The part that `next` named was scored."""
        self._parts.popleft()

    def failed(self, reason: str, exception: str) -> None:
        """The part that `next` named was not scored: halve it, or try it once more alone, or give it up."""
        begin, end, failures = self._parts.popleft()
        if end - begin > 1:
            middle = (begin + end) // 2
            self._parts.appendleft((middle, end, 0))
            self._parts.appendleft((begin, middle, 0))
        elif failures + 1 < ALONE_LIMIT:
            self._parts.appendleft((begin, end, failures + 1))
        else:
            self.given_up[begin] = Verdict(reason, exception)
