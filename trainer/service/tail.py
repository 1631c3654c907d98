"""Reads what versions answer, champion and challenger, as the topics grow: without a group, from a given time on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from wire import codec
from wire.topics import SCORED, SHADOWED


class Said(msgspec.Struct, frozen=True):
    """One task's answer; probabilities are integers of 1/10,000."""

    label: str
    probabilities: dict[str, int] = {}


class Answer(msgspec.Struct, frozen=True):
    """What a version said of an event; the rest of the message is passed over.

    Attributes:
        tasks: by name, what was answered.
        is_shadow: nobody saw it.
        text: of the event.
        at_ms: the broker's time of the answer.
    """

    event_id: str
    model_version: str
    tasks: dict[str, Said]
    is_shadow: bool = False
    text: str = ""
    at_ms: int = 0

    @property
    def labels(self) -> dict[str, str]:
        """By task."""
        return {name: task.label for name, task in self.tasks.items()}


class Tail:
    """Follows the scored and the shadowed topic; a topic that is not there is not followed.

    Args:
        bootstrap: of Kafka.
        since: by the broker's clock.
    """

    def __init__(self, bootstrap: str, since: datetime) -> None:
        from kafka import KafkaConsumer
        from kafka.structs import TopicPartition

        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            allow_auto_create_topics=False,
        )
        places = [
            TopicPartition(topic.name, number)
            for topic in (SCORED, SHADOWED)
            for number in self._consumer.partitions_for_topic(topic.name) or ()
        ]
        self._consumer.assign(places)
        if not places:
            return
        at = self._consumer.offsets_for_times(dict.fromkeys(places, int(since.timestamp() * 1000)))
        ends = self._consumer.end_offsets(places)
        for place in places:
            self._consumer.seek(place, at[place].offset if at.get(place) else ends[place])

    def read(self) -> Iterator[Answer]:
        """What has come; what is no answer is passed over. Never waits."""
        for place, records in self._consumer.poll(timeout_ms=0).items():
            for record in records:
                try:
                    answer = msgspec.json.decode(record.value or b"", type=Answer)
                except codec.UNDECODABLE:
                    continue
                is_shadow = place.topic == SHADOWED.name
                yield msgspec.structs.replace(answer, at_ms=record.timestamp, is_shadow=is_shadow)

    def close(self) -> None:
        """Leave."""
        self._consumer.close()
