"""Reads what versions answer, champion and challenger, as the topics grow: without a group, from a given time on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from runtime import clock, listening
from wire import codec
from wire.topics import SCORED, SHADOWED

READ_S = 0.2
"""Longest reading at once: a leader has labels to store and a run to look after meanwhile."""


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
        monotonic: measures `READ_S`.

    Raises:
        OSError: nobody answers.
    """

    def __init__(self, bootstrap: str, since: datetime, monotonic: clock.Monotonic = clock.monotonic) -> None:
        from kafka import KafkaConsumer

        listening.require(bootstrap)
        self._monotonic = monotonic
        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            allow_auto_create_topics=False,
        )
        try:
            self._begin(since)
        except BaseException:
            self._consumer.close()
            raise

    def _begin(self, since: datetime) -> None:
        from kafka.structs import TopicPartition

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
        """What has come; what is no answer is passed over. Ends when nothing more is there, or after `READ_S`."""
        until = self._monotonic() + READ_S
        while self._monotonic() < until and (found := self._consumer.poll(timeout_ms=0)):
            for place, records in found.items():
                yield from _answers(place.topic, records)

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


def _answers(topic: str, records: Iterable[Any]) -> Iterator[Answer]:
    for record in records:
        try:
            answer = msgspec.json.decode(record.value or b"", type=Answer)
        except codec.UNDECODABLE:
            continue
        yield msgspec.structs.replace(answer, at_ms=record.timestamp, is_shadow=topic == SHADOWED.name)
