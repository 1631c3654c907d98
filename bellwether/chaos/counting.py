"""Produces and counts with librdkafka, which the workers do not use; for rows that are judged alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.errors import DependencyError
from wire.topics import DEAD, PUBLISHED, SCORED

_ANSWER_S = 30.0


class Counter:
    """One topic layout, looked at from outside.

    Args:
        bootstrap: of the broker itself.
        group: whose committed offsets count.
    """

    def __init__(self, bootstrap: str, group: str) -> None:
        # Every question has a client of its own: one that outlives a cluster remembers the old one.
        self._where: dict[str, str | int | float] = {"bootstrap.servers": bootstrap, "log_level": 2}
        self._group = group

    def publish(self, count: int, partitions: int) -> None:
        """Produce events evenly over the partitions.

        Raises:
            DependencyError: the broker does not acknowledge all.
        """
        from confluent_kafka import Producer

        producer = Producer({**self._where, "acks": "all"})
        refused: list[str] = []
        for number in range(count):
            producer.produce(
                PUBLISHED.name,
                b'{"text": "ACME soars", "published_at": "2024-01-01T00:00:00Z"}',
                partition=number % partitions,
                on_delivery=lambda error, _: refused.append(str(error)) if error is not None else None,
            )
        if producer.flush(_ANSWER_S) or refused:
            raise DependencyError(f"Kafka did not take all events: {refused[:1] or 'no answer'}")

    def outputs(self) -> int:
        """Scored events and dead letters, repeats included."""
        consumer = self._consumer()
        try:
            return sum(
                consumer.get_watermark_offsets(place, _ANSWER_S)[1]
                for topic in (SCORED.name, DEAD.name)
                for place in self._places(consumer, topic)
            )
        finally:
            consumer.close()

    def lag(self) -> int:
        """Inputs that the group has not committed."""
        consumer = self._consumer()
        try:
            committed = consumer.committed(self._places(consumer, PUBLISHED.name), timeout=_ANSWER_S)
            ends = [consumer.get_watermark_offsets(place, _ANSWER_S)[1] for place in committed]
            return sum(end - max(0, place.offset) for place, end in zip(committed, ends, strict=True))
        finally:
            consumer.close()

    def cluster_id(self) -> str:
        """Of whoever answers now."""
        from confluent_kafka.admin import AdminClient

        admin = AdminClient(self._where)
        return str(admin.list_topics(timeout=_ANSWER_S).cluster_id)

    def drop(self, before: Mapping[int, int]) -> None:
        """Let the input's log begin at these offsets, by partition, as its retention would."""
        from confluent_kafka import TopicPartition
        from confluent_kafka.admin import AdminClient

        admin = AdminClient(self._where)
        places = [TopicPartition(PUBLISHED.name, number, offset) for number, offset in before.items()]
        for done in admin.delete_records(places).values():
            done.result(_ANSWER_S)

    def _consumer(self) -> Any:
        from confluent_kafka import Consumer

        return Consumer({**self._where, "group.id": self._group, "enable.auto.commit": False})

    def _places(self, consumer: Any, topic: str) -> list[Any]:
        from confluent_kafka import TopicPartition

        found = consumer.list_topics(topic, timeout=_ANSWER_S).topics[topic].partitions
        return [TopicPartition(topic, number) for number in sorted(found)]
