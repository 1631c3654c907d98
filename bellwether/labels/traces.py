"""Where an event's text lies beside its labels: the article topics, which Kafka empties from their old end only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bellwether.broker.admin import connect
from bellwether.topics import topic_config
from runtime.errors import BrokerError, WireError
from runtime.topic_reader import open_reader
from wire import codec, deadletter
from wire.topics import DEAD, PUBLISHED, SCORED, SHADOWED

TOPICS = (PUBLISHED.name, SCORED.name, SHADOWED.name, DEAD.name)

Tell = Callable[[int, int], None]
"""Is told now and then how many records were read, and of how many."""

_TELL_EVERY = 500


@dataclass(frozen=True)
class Trace:
    """Records of one event in one partition.

    Attributes:
        topic: its name.
        partition: its number.
        records: how many.
        last: highest offset among them.
        older: records of other events up to there, which go too where these are cut off.
        gone_by: when Kafka has removed them by itself; None where it keeps them for ever.
    """

    topic: str
    partition: int
    records: int
    last: int
    older: int
    gone_by: datetime | None


class _Named(msgspec.Struct):
    event_id: str


def find(bootstrap: str, event_id: str, tell: Tell) -> list[Trace]:
    """Read all that the article topics keep.

    Raises:
        BrokerError: nobody answers, or a topic does not exist.
    """
    found: dict[tuple[str, int], list[tuple[int, int]]] = {}
    with open_reader(bootstrap, TOPICS) as reader:
        starts, ends = reader.starts(), reader.ends()
        reader.begin(starts)
        of = sum(ends.values()) - sum(starts.values())
        for done, record in enumerate(reader.until(ends)):
            if done % _TELL_EVERY == 0:
                tell(done, of)
            if id_of(record) == event_id:
                found.setdefault((record.topic, record.partition), []).append((record.offset, record.timestamp))
        tell(of, of)
    with connect(bootstrap) as admin:
        configs = topic_config(admin, TOPICS)
    return [
        Trace(
            topic=topic,
            partition=partition,
            records=len(records),
            last=(last := max(offset for offset, _ in records)),
            older=last + 1 - starts[topic, partition] - len(records),
            gone_by=gone_by(max(time for _, time in records), configs[topic]),
        )
        for (topic, partition), records in sorted(found.items())
    ]


def id_of(record: Any) -> str | None:
    """The event that a record of an article topic is of; None where it does not say."""
    value = record.value or b""
    try:
        if record.topic == PUBLISHED.name:
            return codec.decode_published(value, record.key, record.headers).article.event_id
        if record.topic == DEAD.name:
            return deadletter.parse(record.headers).event_id
        return msgspec.json.decode(value, type=_Named).event_id
    except (WireError, *codec.UNDECODABLE):
        return None


def gone_by(taken_ms: int, config: dict[str, str]) -> datetime | None:
    """When a record is off the disk: its segment is closed `segment.ms` after it at the latest, and then kept.

    >>> gone_by(0, {"retention.ms": "604800000", "segment.ms": "86400000"})
    datetime.datetime(1970, 1, 9, 0, 0, tzinfo=datetime.timezone.utc)
    """
    kept_ms = int(config["retention.ms"])
    if kept_ms < 0:
        return None
    return datetime.fromtimestamp(taken_ms / 1000, UTC) + timedelta(milliseconds=kept_ms + int(config["segment.ms"]))


def cut(bootstrap: str, traces: Sequence[Trace], group: str) -> None:
    """Remove the records, and with them all older ones of their partitions: Kafka removes no single record.

    From then on no reader gets them; their bytes leave the disk when Kafka closes the segment.

    Args:
        bootstrap: `host:port[,host:port]`.
        traces: as found.
        group: of the workers that score: nothing that they have not acknowledged is removed.

    Raises:
        BrokerError: nobody answers, Kafka refuses, or something up to there is not scored yet.
    """
    from kafka.structs import TopicPartition

    with connect(bootstrap) as admin:
        offsets = admin.list_group_offsets([group])[group]
        for trace in traces:
            if trace.topic != PUBLISHED.name:
                continue
            done = offsets.get(TopicPartition(trace.topic, trace.partition))
            if done is None or done.offset <= trace.last:
                raise BrokerError(
                    f"{trace.topic} partition {trace.partition} is not scored up to offset {trace.last}: cutting it "
                    "there would lose events; wait until the workers are there, or leave --older out"
                )
        if traces:
            admin.delete_records({TopicPartition(one.topic, one.partition): one.last + 1 for one in traces})
