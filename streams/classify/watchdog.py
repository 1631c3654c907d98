"""Finds a partition that stands still although it could move. Pure: `lag` looks, and the worker ends itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from runtime import clock
from runtime.errors import BellwetherError

STALL_S = 60.0
"""A partition with lag moves more often than this on the slowest machine that we know, or says why it does not."""

LOOK_S = 10.0
"""Most that counts between two looks: a process that was stopped for an hour was watched for no longer than that."""

LINE_RECORDS = 10_000
"""Most records of one partition that can honestly stand in line before those of another: a fetch of 1 MiB of them."""


class StallError(BellwetherError):
    """A partition stood still although partitions were assigned, records were waiting and the broker answered."""

    is_retriable = True  # a process that starts anew has what this one lost, and no person is needed for that


@dataclass(frozen=True, slots=True)
class Seen:
    """One partition at one look."""

    partition: int
    lag: int
    """Records in the log and not acknowledged."""
    at: int
    """Next offset to acknowledge."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the worker does at one look."""

    calls: int
    """Engine calls and restarts that finished, however they ended."""
    is_scoring: bool
    """Whether a batch is with the engine or the engine is loaded again, where deadlines bound each step."""
    in_flight: Collection[int]
    """Partitions with records between submit and acknowledgement."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A partition that stands still without an excuse."""

    partition: int
    lag: int
    at: int
    seconds: float
    in_flight: bool
    is_over: bool
    """Whether it has lasted too long; before, it is a suspicion."""
    is_in_line: bool = False
    """Whether others that move are in line before it: it is told, and ends nobody."""

    def __str__(self) -> str:
        if self.is_in_line:
            return f"partition {self.partition} has {self.lag} inputs that wait for others' since {self.seconds:.0f} s"
        return f"partition {self.partition} has {self.lag} inputs waiting and has not moved for {self.seconds:.0f} s"


class Watchdog:
    """Counts for how long each partition stands still, while nothing excuses it.

    A partition's clock starts anew when its next offset moves, when it has no lag, and when the engine finishes a
    call while it has records in flight: the search for a text that kills the engine may take many calls, and to end
    the worker in the midst of it would begin it again for ever. A partition with nothing in flight is excused while
    others move that were in line before it; how long that line can be is bounded by what waited when its clock began.
    Others that stand still too are no line: then what counts is for how long nothing has moved anywhere, no partition
    and no call of the engine, or partitions would excuse each other for ever.

    Args:
        monotonic: the clock.
        stall_s: too long.
        step_s: too long for a partition whose records are with the engine: longer than `stall_s` only where a model
            call may take longer by the user's own settings.
    """

    def __init__(
        self, monotonic: clock.Monotonic = clock.monotonic, *, stall_s: float = STALL_S, step_s: float = STALL_S
    ) -> None:
        self._monotonic = monotonic
        self._stall_s = stall_s
        self._step_s = max(step_s, stall_s)
        self._owner: object = None
        self._looked = 0.0
        self._calls = 0
        self._total_at = 0
        self._unmoved_s = 0.0
        self._stills: dict[int, _Still] = {}

    def pause(self) -> None:
        """Nothing can be said now: no partitions, a rebalance, a silent broker. All clocks start anew."""
        self._owner = None
        self._stills = {}

    def look(self, owner: object, seen: Sequence[Seen], work: Work) -> list[Stall]:
        """Compare with the look before; returns partitions that have stood still for half of the time and longer.

        One that others are in line before is among them after the whole time, and is never over.

        Args:
            owner: the assignment; another object starts all clocks anew.
            seen: all partitions that are assigned.
            work: what the worker does.
        """
        now = self._monotonic()
        if owner is not self._owner or self._stills.keys() != {one.partition for one in seen}:
            self._owner, self._looked, self._calls, self._stills = owner, now, work.calls, {}
            self._unmoved_s = 0.0
        passed_s, self._looked = min(now - self._looked, LOOK_S), now
        called, self._calls = work.calls != self._calls, work.calls
        total_at, total_lag = sum(one.at for one in seen), sum(one.lag for one in seen)
        moved, self._total_at = total_at != self._total_at, total_at
        self._unmoved_s = 0.0 if moved or called else self._unmoved_s + passed_s
        stalls: list[Stall] = []
        for one in seen:
            in_flight = one.partition in work.in_flight
            still = self._stills.get(one.partition)
            others_at = total_at - one.at
            if still is None or still.at != one.at or not one.lag or (in_flight and called):
                line = min(total_lag - one.lag, LINE_RECORDS * (len(seen) - 1))
                self._stills[one.partition] = _Still(one.at, others_at + line)
                continue
            still.seconds += passed_s
            in_line = not in_flight and others_at < still.turn_at
            # Who is in line waits for the others' step, whose time is theirs to use up.
            limit_s = self._step_s if work.is_scoring and (in_flight or in_line) else self._stall_s
            blamed_s = min(still.seconds, self._unmoved_s) if in_line else still.seconds
            if blamed_s >= limit_s / 2:
                is_over = blamed_s >= limit_s
                stalls.append(Stall(one.partition, one.lag, one.at, still.seconds, in_flight, is_over))
            elif in_line and still.seconds >= self._stall_s:
                stalls.append(Stall(one.partition, one.lag, one.at, still.seconds, in_flight, False, is_in_line=True))
        return stalls


@dataclass(slots=True)
class _Still:
    """A partition since it last moved."""

    at: int
    turn_at: int
    """Sum of the others' next offsets from which on it must have had its turn."""
    seconds: float = 0.0
