"""Whether the log still holds what a group has not read. Pure; `admission` asks the broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.errors import BrokerError, PromiseError


class ExpiredError(PromiseError):
    """The log dropped inputs that the group had not read."""


class PositionError(BrokerError):
    """The group's offsets do not belong to this log."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a group stands in one partition."""

    committed: int | None
    """Next offset to read; None where the group never committed."""
    start: int
    """First offset that the log still holds."""
    end: int
    """Offset that the next produced record gets."""

    @property
    def expired(self) -> int:
        """Inputs that the log dropped before the group read them."""
        return 0 if self.committed is None else max(0, self.start - self.committed)

    @property
    def is_beyond(self) -> bool:
        """Whether the group read more than the log ever held."""
        return self.committed is not None and self.committed > self.end


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a worker does before it joins."""

    expired: int
    """Inputs that were lost, to be counted and exported."""
    commit: Mapping[int, int]
    """Offsets to commit by partition, because the user accepted to go on there."""


def judge(
    positions: Mapping[int, Position],
    *,
    group: str,
    topic: str,
    changed: str | None = None,
    accept_expired: bool = False,
    accept_reset: bool = False,
) -> Verdict:
    """Compare what a group committed with what its log holds.

    Args:
        positions: by partition.
        group: for the messages.
        topic: for the messages.
        changed: how this log differs from the one that the group was last seen on; None where it does not.
        accept_expired: go on where the log begins.
        accept_reset: go on at the log's start where offsets do not belong to this log.

    Raises:
        PositionError: another log, no committed offset, or one past the end.
        ExpiredError: inputs were dropped unread.
    """
    missing = sorted(partition for partition, at in positions.items() if at.committed is None)
    beyond = sorted(partition for partition, at in positions.items() if at.is_beyond)
    expired = {partition: at.expired for partition, at in sorted(positions.items()) if at.expired}
    nowhere = f"group {group!r} has no committed offset in {topic}, partitions {_listed(missing)}"
    if changed is not None and not accept_reset:
        raise PositionError(f"{changed}{f'; {nowhere}' if missing else ''}. Go on with this log by --accept-reset")
    if missing and not accept_reset:
        raise PositionError(
            f"{nowhere}: this cluster is new to it, or its offsets expired. Run `bellwether topics create --group "
            f"{group}`, which commits the log's start, or start with --accept-reset"
        )
    if beyond and not accept_reset:
        worst = beyond[0]
        raise PositionError(
            f"group {group!r} read up to offset {positions[worst].committed} of {topic}, partition {worst}, but its "
            f"log ends at {positions[worst].end} (partitions {_listed(beyond)}): the log was emptied or made anew. "
            "Go on at its start with --accept-reset"
        )
    if expired and not accept_expired:
        where = ", ".join(f"{partition}: {count}" for partition, count in expired.items())
        raise ExpiredError(
            f"{sum(expired.values())} inputs of {topic} expired before group {group!r} read them (by partition "
            f"{where}); they are lost. Go on with what is left by --accept-expired; a longer retention.ms prevents it"
        )
    return Verdict(sum(expired.values()), {p: positions[p].start for p in [*missing, *beyond, *expired]})


def _listed(partitions: list[int]) -> str:
    return ", ".join(map(str, partitions))
