"""One assignment of partitions after the other: what belongs to an ended one is dropped un-acknowledged. Pure."""

from __future__ import annotations

from streams.classify.offsets import Offsets


class Generation:
    """One assignment of partitions to this worker.

    Attributes:
        number: the group's own counter; a group that was created anew may use one again, so identity is the object.
        is_open: whether new records are taken; False from the moment a rebalance begins.
        is_live: whether outputs may still be sent and inputs acknowledged; False from the drop on.
        offsets: order within the assignment.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_open = True
        self.is_live = True
        self.offsets = Offsets()

    def close(self) -> None:
        """Take no more records; those in flight may finish."""
        self.is_open = False

    def drop(self) -> None:
        """Give up what is in flight: its inputs stay un-acknowledged and come again."""
        self.is_open = False
        self.is_live = False
