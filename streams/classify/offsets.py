"""Which inputs of a generation were taken and which are done: in order, per partition. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from streams.classify.records import Record


class OrderError(RuntimeError):
    """Inputs were acknowledged out of order: a bug of ours, never the input's fault."""


class Offsets:
    """Keeps the order of one assignment of partitions.

    A transport may hand over a record again (Faust seeks back when a fetch meets a stopped flow): a repeat within one
    assignment is not taken twice.
    """

    def __init__(self) -> None:
        self._taken: dict[int, int] = {}
        self._unfinished: defaultdict[int, deque[int]] = defaultdict(deque)
        self._first: dict[int, int] = {}
        self._done: dict[int, int] = {}
        self._times: dict[int, float] = {}

    def take(self, records: Sequence[Record]) -> list[Record]:
        """The records that are new, in their order; remembers them as taken."""
        taken = self._taken
        new: list[Record] = []
        for record in records:
            partition, offset = record.partition, record.offset
            if offset > taken.get(partition, -1):
                if partition not in taken:
                    self._first[partition] = offset
                taken[partition] = offset
                self._unfinished[partition].append(offset)
                new.append(record)
        return new

    def finish(self, records: Sequence[Record]) -> None:
        """Remember records whose outputs the broker has acknowledged.

        Raises:
            OrderError: a record was never taken, is done already, or an earlier one of its partition is not done.
        """
        for record in records:
            partition, offset = record.partition, record.offset
            unfinished = self._unfinished[partition]
            if not unfinished or unfinished[0] != offset:
                raise OrderError(
                    f"offset {offset} of partition {partition} was finished after {self._done.get(partition)}, but "
                    f"{unfinished[0] if unfinished else 'none'} is next; inputs must finish in order. This is a bug"
                )
            unfinished.popleft()
            self._done[partition] = offset
            self._times[partition] = record.time_s

    def next_offsets(self) -> dict[int, int]:
        """Per partition the offset to commit: one above the last finished."""
        return {partition: offset + 1 for partition, offset in self._done.items()}

    def first_taken(self) -> dict[int, int]:
        """Per partition the first offset that was taken."""
        return self._first

    def time_of(self, partition: int) -> float | None:
        """The broker's time of the last finished record in seconds; None before the first."""
        return self._times.get(partition)
