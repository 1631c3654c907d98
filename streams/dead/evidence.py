"""Which inputs were requeued before, read from the published topic itself.

A requeued input carries `bw_requeued_from`. It is the proof and the act in one record: no second write that a crash
could separate from it, no local file that another machine lacks. It is looked for in the one partition to which the
requeue would go, from the time of the letter on. Where published no longer reaches back to that time (it keeps 7 days,
dead letters 30), nobody can know, and that is said instead of guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from streams.dead.reader import LogReader
from streams.dead.retry import NotRequeuedError, Retry
from wire import deadletter

CLOCK_MARGIN = timedelta(minutes=5)
"""Letter and requeue may be stamped by two brokers; their clocks may differ by less than this."""


def require_first(published: LogReader, retries: Iterable[Retry], may_be_unproven: bool) -> dict[str, NotRequeuedError]:
    """Coordinates that must not be requeued, each with why.

    Args:
        published: the inputs.
        retries: what somebody wants to requeue.
        may_be_unproven: the caller vouches for those about which published says nothing any more.
    """
    by_partition: dict[int, list[Retry]] = {}
    for retry in retries:
        by_partition.setdefault(retry.partition, []).append(retry)
    refused: dict[str, NotRequeuedError] = {}
    for partition, wanted in by_partition.items():
        refused |= _in_partition(published, partition, wanted, may_be_unproven)
    return refused


def _in_partition(
    published: LogReader, partition: int, wanted: list[Retry], may_be_unproven: bool
) -> dict[str, NotRequeuedError]:
    oldest = min(retry.letter.time for retry in wanted) - CLOCK_MARGIN
    start = published.first_at(partition, oldest)
    found: dict[str, int] = {}
    if start is not None:
        for record in published.records(partition, start):
            for name, content in record.headers:
                if name == deadletter.REQUEUED_FROM and content is not None:
                    found.setdefault(content.decode("utf-8", "replace"), record.offset)
    refused: dict[str, NotRequeuedError] = {}
    for retry in wanted:
        place = f"letter {retry.letter.partition}:{retry.letter.offset}"
        if retry.coordinates in found:
            refused[retry.coordinates] = NotRequeuedError(
                f"{place} was requeued before, as {published.topic}:{partition}:{found[retry.coordinates]}"
            )
        elif not may_be_unproven and not _reaches_back(published, partition, retry):
            refused[retry.coordinates] = NotRequeuedError(
                f"{place} is older than what {published.topic} partition {partition} still keeps, so nobody can tell "
                "whether it was requeued; if you know that it was not, add --unproven"
            )
    return refused


def _reaches_back(published: LogReader, partition: int, retry: Retry) -> bool:
    """Whether every record since the letter's time is still there."""
    begin = published.beginning(partition)
    if begin == 0:
        return True
    first = published.first_at(partition, retry.letter.time - CLOCK_MARGIN)
    if first is None:
        # Only older records are left, so none from that time on was deleted; an emptied log proves nothing.
        return published.end(partition) > begin
    return first > begin
