"""Finds letters: all, those of a reason, or the one at a place."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.errors import InputError
from streams.dead.letter import Letter, from_record
from streams.dead.reader import LogReader


def every(log: LogReader, reason: str | None = None) -> Iterator[Letter]:
    """All letters, partition by partition, oldest first."""
    for partition in log.partitions:
        for record in log.records(partition):
            found = from_record(record)
            if reason is None or found.reason == reason:
                yield found


def at(log: LogReader, partition: int, offset: int) -> Letter:
    """The letter at a place.

    Raises:
        InputError: there is no such partition, or nothing at the offset any more or yet.
    """
    if partition not in log.partitions:
        raise InputError(f"{log.topic} has no partition {partition}; it has 0 to {len(log.partitions) - 1}")
    for record in log.records(partition, offset, offset + 1):
        if record.offset == offset:
            return from_record(record)
    begin, end = log.beginning(partition), log.end(partition)
    kept = f"it keeps {begin} to {end - 1}" if end > begin else "it is empty"
    raise InputError(f"{log.topic} partition {partition} has no letter at offset {offset}; {kept}")


def parse_place(place: str) -> tuple[int, int]:
    """Partition and offset of `PARTITION:OFFSET`.

    >>> parse_place("3:17")
    (3, 17)

    Raises:
        InputError: it is written differently.
    """
    partition, colon, offset = place.partition(":")
    if not (colon and partition.isdecimal() and offset.isdecimal()):
        raise InputError(
            f"{place!r} is no place of a letter; write PARTITION:OFFSET as `bellwether dead list` shows it"
        )
    return int(partition), int(offset)
