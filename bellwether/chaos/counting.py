"""Produces and counts with librdkafka, which the workers do not use; for rows that are judged alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from bellwether.chaos import reading
from bellwether.chaos.entries import Place
from runtime.errors import BrokerError, DependencyError
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
        self._bootstrap = bootstrap
        self._group = group

    def publish(self, count: int, partitions: int) -> None:
        """Produce events evenly over the partitions.

        Raises:
            DependencyError: the broker does not acknowledge all.
        """
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
        """Scored events and dead letters, repeats included.

        Raises:
            BrokerError: the broker does not answer, here and below.
        """
        with self._consumer() as consumer:
            return sum(
                consumer.get_watermark_offsets(place, _ANSWER_S)[1]
                for topic in (SCORED.name, DEAD.name)
                for place in self._places(consumer, topic)
            )

    def lag(self) -> int:
        """Inputs that the group has not committed."""
        with self._consumer() as consumer:
            committed = consumer.committed(self._places(consumer, PUBLISHED.name), timeout=_ANSWER_S)
            ends = [consumer.get_watermark_offsets(place, _ANSWER_S)[1] for place in committed]
            return sum(end - max(0, place.offset) for place, end in zip(committed, ends, strict=True))

    def unanswered(self) -> list[Place]:
        """Inputs that the log still holds and that no output names: a repeat stands for no other."""
        held = {(one.partition(), one.offset()) for one in reading.messages(self._bootstrap, PUBLISHED.name)}
        scored = {reading.scored(one)[0].source for one in reading.messages(self._bootstrap, SCORED.name)}
        dead = {reading.letter(one, PUBLISHED.name).source for one in reading.messages(self._bootstrap, DEAD.name)}
        return sorted(held - scored - dead)

    def cluster_id(self) -> str:
        """Of whoever answers now."""
        with self._asking():
            return str(AdminClient(self._where).list_topics(timeout=_ANSWER_S).cluster_id)

    def drop(self, before: Mapping[int, int]) -> None:
        """Let the input's log begin at these offsets, by partition, as its retention would."""
        places = [TopicPartition(PUBLISHED.name, number, offset) for number, offset in before.items()]
        admin = AdminClient(self._where)  # kept until the answer: one that is collected never gives it
        with self._asking():
            for done in admin.delete_records(places).values():
                done.result(_ANSWER_S)

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        consumer = Consumer({**self._where, "group.id": self._group, "enable.auto.commit": False})
        try:
            with self._asking():
                yield consumer
        finally:
            consumer.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except (KafkaException, TimeoutError) as error:
            raise BrokerError(f"Kafka at {self._bootstrap} does not say how far it is: {error!r}; is it up?") from error

    def _places(self, consumer: Consumer, topic: str) -> list[TopicPartition]:
        found = consumer.list_topics(topic, timeout=_ANSWER_S).topics[topic].partitions
        return [TopicPartition(topic, number) for number in sorted(found)]
