"""What the runner saw of a row, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from bellwether.chaos.journal import RETURNS, Strike


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the runner saw of the processes, which no topic tells."""

    strikes: tuple[Strike, ...] = ()
    rebalances: int = 0
    """New generations of the group since the first event."""
    restarts: int = 0
    """Worker processes that ended and were started again."""
    exit_codes: tuple[int, ...] = ()
    """Of the workers' parents, after SIGTERM at the end."""
    memory_mib: float = 0.0
    """Most resident memory of one worker process, its engine left out."""

    members: int = 0
    """Most workers in one generation of the group."""

    logs: tuple[Mapping[str, int], ...] = ()
    """By parent of a worker, how often its log says what a row must leave behind."""

    def count(self, what: str) -> int:
        """How often something happened."""
        return sum(strike.what == what for strike in self.strikes)

    @property
    def said(self) -> Counter[str]:
        """How often all logs together say what a row must leave behind."""
        return sum(map(Counter[str], self.logs), Counter[str]())

    @property
    def kills(self) -> int:
        """Deaths of workers that nobody could prepare for."""
        return self.count("worker-died")

    @property
    def returns(self) -> int:
        """How often the broker came back to the workers."""
        return sum(strike.what in RETURNS for strike in self.strikes)
