"""Whether the line moves: partitions that stand still although they could go on, and when all is quiet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

STUCK_S = 30.0
"""So long may a committed offset stand with lag and a broker that answers."""

QUIET_S = 3.0
"""So long nothing new may come before the line counts as quiet."""

GAP_S = 6.0
"""Who looks less often has not seen the broker answer throughout."""


@dataclass(frozen=True)
class Look:
    """What the broker said at one moment, by partition of the published topic."""

    committed: Mapping[int, int]
    """The group's offsets, 0 where it has none."""
    ends: Mapping[int, int]
    """Where the published partitions end."""
    outputs: int
    """Records in the output topics."""

    @property
    def lag(self) -> int:
        """Inputs that the group has not committed."""
        return sum(max(0, end - self.committed.get(partition, 0)) for partition, end in self.ends.items())


class Standstill:
    """Finds stuck partitions: committed offset unmoved for `STUCK_S`, with lag, the broker answering throughout.

    Args:
        limit_s: instead of `STUCK_S`.
    """

    def __init__(self, limit_s: float = STUCK_S) -> None:
        self.stuck: dict[int, float] = {}
        """Partition to the longest standstill in seconds."""
        self._limit_s = limit_s
        self._since: dict[int, float] = {}
        self._at: dict[int, int] = {}
        self._last = float("-inf")

    def silence(self) -> None:
        """The broker did not answer: all clocks start anew with the next look."""
        self._since.clear()

    def observe(self, now: float, look: Look) -> None:
        """What was seen.

        Args:
            now: seconds of a monotonic clock.
            look: at all partitions.
        """
        if now - self._last > GAP_S:
            self.silence()
        self._last = now
        for partition, end in look.ends.items():
            committed = look.committed.get(partition, 0)
            stands = committed == self._at.get(partition) and committed < end
            self._at[partition] = committed
            if not stands or partition not in self._since:
                self._since[partition] = now
            stood_s = now - self._since[partition]
            if stood_s >= self._limit_s:
                self.stuck[partition] = max(stood_s, self.stuck.get(partition, 0.0))


class Quiet:
    """Says when there is nothing more to wait for.

    Args:
        patience_s: without any progress for so long, the line counts as dead.
        quiet_s: instead of `QUIET_S`.
    """

    def __init__(self, patience_s: float, quiet_s: float = QUIET_S) -> None:
        self._patience_s = patience_s
        self._quiet_s = quiet_s
        self._seen: Look | None = None
        self._since: float | None = None

    def observe(self, now: float, look: Look | None) -> Literal["wait", "quiet", "dead"]:
        """What was seen; None where the broker did not answer."""
        if self._since is None or (look is not None and look != self._seen):
            self._since = now
        if look is not None:
            self._seen = look
        stood_s = now - self._since
        if look is not None and look.lag == 0 and stood_s >= self._quiet_s:
            return "quiet"
        return "dead" if stood_s >= self._patience_s else "wait"
