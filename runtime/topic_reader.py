"""A plain kafka-python consumer without a group: reads topics from chosen offsets, commits nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from runtime import listening
from runtime.errors import BrokerError

Offsets = dict[tuple[str, int], int]
"""Topic and partition to an offset."""

_POLL_MS = 200
_REQUEST_MS = 30_000


class TopicReader:
    """Reads some topics of one cluster; use `open_reader`."""

    def __init__(self, consumer: Any, topics: tuple[str, ...]) -> None:
        # Any: kafka-python ships no types, and the checkers' own stubs describe version 2.
        self._consumer = consumer
        self.topics = topics
        self._partitions = [one for topic in topics for one in self._of(topic)]

    def _of(self, topic: str) -> list[Any]:
        from kafka.structs import TopicPartition

        numbers = self._consumer.partitions_for_topic(topic)
        if not numbers:
            raise BrokerError(f"the cluster has no topic {topic}; make it with `bellwether topics create`")
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    def starts(self) -> Offsets:
        """The oldest offset that each partition still has."""
        return _plain(self._consumer.beginning_offsets(self._partitions))

    def ends(self) -> Offsets:
        """The offset after the newest record of each partition."""
        return _plain(self._consumer.end_offsets(self._partitions))

    def begin(self, at: Mapping[tuple[str, int], int]) -> None:
        """Read all partitions from these offsets on."""
        self._consumer.assign(self._partitions)
        for partition in self._partitions:
            self._consumer.seek(partition, at[partition.topic, partition.partition])

    def recent(self, records: int) -> Offsets:
        """Where to begin so that at most about so many records follow: of each partition the same share of its log.

        What is kept of a partition spans the same time as what is kept of the others, so the parts do too.
        """
        starts, ends = self.starts(), self.ends()
        total = sum(ends.values()) - sum(starts.values())
        if total <= records:
            return starts
        return {at: end - (end - starts[at]) * records // total for at, end in ends.items()}

    def poll(self, timeout_ms: int = _POLL_MS) -> list[Any]:
        """The records that came, in order within a partition."""
        return [record for records in self._consumer.poll(timeout_ms=timeout_ms).values() for record in records]

    def until(self, ends: Mapping[tuple[str, int], int]) -> Iterator[Any]:
        """All records from where we are up to these offsets.

        Raises:
            BrokerError: nothing came for half a minute although something is left.
        """
        idle = 0
        while self._left(ends):
            records = self.poll()
            idle = 0 if records else idle + _POLL_MS
            if idle > _REQUEST_MS:
                raise BrokerError(f"reading {', '.join(self.topics)} stands still; is the broker alive?")
            yield from records

    def _left(self, ends: Mapping[tuple[str, int], int]) -> bool:
        return any(self._consumer.position(one) < ends.get((one.topic, one.partition), 0) for one in self._partitions)


@contextmanager
def open_reader(bootstrap: str, topics: tuple[str, ...]) -> Iterator[TopicReader]:
    """A reader, closed at the end.

    Raises:
        BrokerError: nobody answers, or a topic does not exist.
    """
    from kafka import KafkaConsumer
    from kafka.errors import KafkaError

    try:
        listening.require(bootstrap)
    except OSError as error:
        cure = "start one with `bellwether broker start`, or give --bootstrap"
        raise BrokerError(f"no broker at {bootstrap}: {error}; {cure}") from error
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            fetch_max_wait_ms=_POLL_MS,
        )
        try:
            yield TopicReader(consumer, topics)
        finally:
            consumer.close()
    except KafkaError as error:
        raise BrokerError(f"reading {', '.join(topics)} from {bootstrap} failed: {error!r}; is it running?") from error


def _plain(offsets: Mapping[Any, int]) -> Offsets:
    return {(one.topic, one.partition): offset for one, offset in offsets.items()}
