"""Reads a topic from anywhere to its present end, without a group: looking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from runtime.errors import BrokerError

_POLL_MS = 500
"""How long one poll may wait; the end is known by offsets, so this only paces the loop."""
_PATIENCE_POLLS = 60
"""Polls without any record before giving up: 30 s, longer than a broker's restart."""


class LogReader:
    """One topic; see `open_log`."""

    def __init__(self, consumer: Any, topic: str, partitions: Sequence[int]) -> None:
        self._consumer = consumer
        self.topic = topic
        self.partitions = tuple(partitions)

    def beginning(self, partition: int) -> int:
        """The lowest offset that is kept."""
        place = self._place(partition)
        return int(self._consumer.beginning_offsets([place])[place])

    def end(self, partition: int) -> int:
        """The offset that the next record will get."""
        place = self._place(partition)
        return int(self._consumer.end_offsets([place])[place])

    def first_at(self, partition: int, time: datetime) -> int | None:
        """Offset of the first record that the broker took at or after a time; None where there is none."""
        place = self._place(partition)
        found = self._consumer.offsets_for_times({place: int(time.timestamp() * 1000)})[place]
        return None if found is None else int(found.offset)

    def records(self, partition: int, start: int | None = None, stop: int | None = None) -> Iterator[Any]:
        """Records of a partition from `start` (its beginning where None) to before `stop` (its present end).

        Raises:
            BrokerError: the broker stopped answering.
        """
        place = self._place(partition)
        begin = max(self.beginning(partition), start or 0)
        end = self.end(partition) if stop is None else min(stop, self.end(partition))
        self._consumer.assign([place])
        self._consumer.seek(place, begin)
        silent = 0
        # The position, not the last record, tells the end: transactions leave offsets without a record.
        while self._consumer.position(place) < end:
            batch = self._consumer.poll(timeout_ms=_POLL_MS).get(place, [])
            silent = 0 if batch else silent + 1
            if silent > _PATIENCE_POLLS:
                raise BrokerError(
                    f"{self.topic} partition {partition} gave no record for {silent * _POLL_MS / 1000:.0f} s at offset "
                    f"{self._consumer.position(place)} of {end}; see `bellwether broker status`"
                )
            for record in batch:
                if record.offset >= end:
                    return
                yield record

    def _place(self, partition: int) -> Any:
        from kafka.structs import TopicPartition

        return TopicPartition(self.topic, partition)


@contextmanager
def open_log(bootstrap: str, topic: str) -> Iterator[LogReader]:
    """A reader of one topic.

    Raises:
        BrokerError: nothing answers, or the topic does not exist.
    """
    from kafka import KafkaConsumer
    from kafka.errors import KafkaError

    config: dict[str, Any] = {
        "bootstrap_servers": bootstrap.split(","),
        "client_id": "bellwether-dead",
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "bootstrap_timeout_ms": 15_000,
    }
    try:
        consumer: Any = KafkaConsumer(**config)
    except (KafkaError, ValueError) as error:
        raise BrokerError(
            f"no Kafka answers at {bootstrap} ({type(error).__name__}: {error}); "
            "start one with `bellwether broker start` or name another with --bootstrap"
        ) from error
    try:
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            raise BrokerError(f"Kafka at {bootstrap} has no topic {topic!r}; create it with `bellwether topics create`")
        yield LogReader(consumer, topic, sorted(partitions))
    except KafkaError as error:
        raise BrokerError(
            f"Kafka at {bootstrap} failed while {topic} was read ({type(error).__name__}: {error}); "
            "see `bellwether broker status`"
        ) from error
    finally:
        consumer.close(autocommit=False)
