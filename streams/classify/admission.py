"""Asks the broker, before a worker joins and after an outage, whether nothing was lost; nothing resets by itself."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import BrokerNotAvailableError, CommitFailedError, KafkaError, KafkaTimeoutError
from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields
from aiokafka.structs import OffsetAndMetadata

from runtime import log
from runtime.errors import BrokerAwayError, BrokerError
from streams.classify.clusters import Log, Memory, difference
from streams.classify.positions import Position, PositionError, Verdict, judge

REQUEST_S = 15
"""For each question; a broker that answers does so in milliseconds."""

MEMBERS_S = 30
"""A worker that died is a member until its session ends, and in a rebalance until that ends: 6 s and 20 s."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a worker was told when it was let in."""

    expired: int
    """Inputs that were lost, which its user accepted."""
    log: Log
    """What answered."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a worker asks before it joins, and what its user accepted beforehand.

    Attributes:
        bootstrap: the broker's address.
        group: the workers' consumer group.
        topic: the input topic.
        outputs: topics that need as many partitions.
        memory: folder that remembers which log a group was seen on.
        accept_expired: go on where the log begins, although inputs were lost.
        accept_reset: go on at the log's start where offsets do not belong to this log.
        log: what let this worker in; None before, when only `memory` knows.
        read: what this worker knows to be read, as next offsets by partition: a new log remembers nothing of it.
    """

    bootstrap: str
    group: str
    topic: str
    outputs: tuple[str, ...]
    memory: Path
    accept_expired: bool = False
    accept_reset: bool = False
    log: Log | None = None
    read: Mapping[int, int] = field(default_factory=dict)

    def again(self, admitted: Admitted, read: Mapping[int, int]) -> Admission:
        """The same questions in the midst of work: what was accepted at the start was about another loss."""
        return replace(self, accept_expired=False, accept_reset=False, log=admitted.log, read=read)

    async def ask(self) -> Admitted:
        """Check offsets and whose log this is; commit offsets where the user accepted a loss.

        Raises:
            BrokerAwayError: nobody answers.
            BrokerError: Kafka refuses, a topic is missing, or an offset cannot be committed.
            ExpiredError: inputs were dropped unread.
            PositionError: offsets that do not belong to this log.
        """
        try:
            cluster = await _Cluster.behind(self.bootstrap, (self.topic, *self.outputs))
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.bootstrap,
                group_id=self.group,
                enable_auto_commit=False,
                auto_offset_reset="none",
                request_timeout_ms=REQUEST_S * 1000,
            )
            try:
                await consumer.start()
                return await self._judged(consumer, cluster)
            finally:
                await consumer.stop()
        except (KafkaError, OSError) as error:
            kind = BrokerAwayError if is_away(error) else BrokerError
            raise kind(
                f"Kafka at {self.bootstrap} does not answer as expected: {type(error).__name__}: {error}. Start one "
                "with `bellwether broker start`, or name yours with --bootstrap"
            ) from error

    async def _judged(self, consumer: AIOKafkaConsumer, cluster: _Cluster) -> Admitted:
        log = Log(cluster.id, cluster.topics[self.topic].id)
        changed = self._difference(log)
        try:
            places = self._places(cluster)
        except BrokerError as error:
            if changed is None:
                raise
            raise PositionError(f"{changed}. Go on with this log by --accept-reset, but first: {error}") from error
        verdict = await self._settled(consumer, places, changed)
        if self.log is None:
            self._memory().remember(log)
        return Admitted(verdict.expired, log)

    def _difference(self, found: Log) -> str | None:
        """A sentence where this is another log than before, with what is known to be read of the other."""
        if self.log is None:
            return self._memory().difference(found)
        changed = difference(
            self.log, found, bootstrap=self.bootstrap, topic=self.topic, since="when this worker started"
        )
        if changed is None or not self.read:
            return changed
        read = ", ".join(f"{partition}: {offset}" for partition, offset in sorted(self.read.items()))
        return f"{changed}. Group {self.group!r} had read up to these offsets of the old log, by partition: {read}"

    def _memory(self) -> Memory:
        return Memory(self.memory, self.group, self.bootstrap, self.topic)

    async def _positions(self, consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> dict[int, Position]:
        consumer.assign(places)
        starts = await consumer.beginning_offsets(places)
        committed = {at: await consumer.committed(at) for at in places}
        ends = await consumer.end_offsets(places)  # last: workers of the group may be running
        return {at.partition: Position(self._reached(at, committed[at]), starts[at], ends[at]) for at in places}

    def _reached(self, place: TopicPartition, committed: int | None) -> int | None:
        """Offsets that are set back with a log that was made anew do not hide what was read of the old one."""
        return None if committed is None else max(committed, self.read.get(place.partition, 0))

    def _places(self, cluster: _Cluster) -> list[TopicPartition]:
        for topic in (self.topic, *self.outputs):
            if not cluster.topics[topic].partitions:
                raise BrokerError(f"topic {topic!r} does not exist on this cluster; run `bellwether topics create`")
        partitions = cluster.topics[self.topic].partitions
        for topic in self.outputs:
            found = cluster.topics[topic].partitions
            if not partitions <= found:
                raise BrokerError(
                    f"topic {topic!r} has {len(found)} partitions and {self.topic!r} has {len(partitions)}, but an "
                    "output goes to its input's number; see `bellwether topics check`"
                )
        return [TopicPartition(self.topic, number) for number in sorted(partitions)]

    async def _settled(self, consumer: AIOKafkaConsumer, places: list[TopicPartition], changed: str | None) -> Verdict:
        """Judge, and commit what was accepted; judge anew while the group has members, who may commit themselves."""
        for left in range(MEMBERS_S, -1, -1):
            verdict = judge(
                await self._positions(consumer, places),
                group=self.group,
                topic=self.topic,
                changed=changed,
                accept_expired=self.accept_expired,
                accept_reset=self.accept_reset,
            )
            if not verdict.commit or await self._is_committed(consumer, verdict):
                return verdict
            if left == MEMBERS_S:
                _log.warning("group_has_members", group=self.group, waits_s=MEMBERS_S)
            await asyncio.sleep(min(left, 1))
        raise PositionError(
            f"cannot move group {self.group!r} to where its user accepted to go on: Kafka refuses while the group has "
            f"members, and it has some after {MEMBERS_S} s. Stop its other workers first"
        )

    async def _is_committed(self, consumer: AIOKafkaConsumer, verdict: Verdict) -> bool:
        """Commit; False where Kafka refuses because the group has members."""
        offsets = {TopicPartition(self.topic, part): OffsetAndMetadata(at, "") for part, at in verdict.commit.items()}
        try:
            await consumer.commit(offsets)
        except CommitFailedError:
            return False
        except KafkaError as error:
            raise PositionError(f"cannot move group {self.group!r}: {type(error).__name__}: {error}") from error
        _log.warning("offsets_moved", group=self.group, expired=verdict.expired, to=dict(verdict.commit))
        return True


def is_away(error: KafkaError | OSError) -> bool:
    """Whether an error of the client says no more than that nobody answers: it goes when the broker comes back."""
    return isinstance(error, OSError | KafkaTimeoutError | BrokerNotAvailableError) or bool(error.retriable)


@dataclass(frozen=True, slots=True)
class _Topic:
    """One topic of a cluster; without partitions where there is no such topic."""

    partitions: frozenset[int] = frozenset()
    id: str | None = None


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What answers behind an address."""

    id: str
    topics: Mapping[str, _Topic]

    @classmethod
    async def behind(cls, bootstrap: str, names: tuple[str, ...]) -> _Cluster:
        """Ask for the ids of the cluster and of some topics, and for these topics' partitions."""
        client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_S * 1000)
        try:
            await client.bootstrap()
            answer = (await client.send(client.get_random_node(), _Metadata(names))).to_object()
        finally:
            await client.close()
        found = {
            str(one["topic"]): _Topic(frozenset(int(part["partition"]) for part in one["partitions"]), _topic_id(one))
            for one in answer["topics"]
        }
        return cls(str(answer["cluster_id"]), {name: found.get(name, _Topic()) for name in names})


def _topic_id(described: Mapping[str, Any]) -> str | None:
    """As Kafka's own tools write it."""
    high, low = described.get("id_high", 0), described.get("id_low", 0)
    return base64.urlsafe_b64encode(struct.pack(">qq", high, low)).decode().rstrip("=") if high or low else None


class _Metadata:
    """Asks about topics as aiokafka's own request does, but for their ids too, and without creating any.

    Args:
        topics: their names.
    """

    API_KEY = MetadataRequest_v5.API_KEY

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Any:
        """What goes over the wire to a broker that knows these versions: brokers before Kafka 2.8 know no ids."""
        oldest, newest = versions[self.API_KEY]
        if oldest <= _WITH_IDS <= newest:
            return _REQUEST([(0, 0, name, {}) for name in self._topics], False, False, False, {})
        return MetadataRequest_v5(list(self._topics), False)


_WITH_IDS = 10
"""First version of Kafka's metadata request that tells topic ids; aiokafka's own ends with 5."""

_TEXT = CompactString("utf-8")
_NUMBERS = CompactArray(Int32)
_TAGS = ("tags", TaggedFields)
_ANSWER_SCHEMA = Schema(
    ("throttle_ms", Int32),
    ("brokers", CompactArray(("node", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS)),
    ("cluster_id", _TEXT),
    ("controller", Int32),
    ("topics", CompactArray(
        ("error", Int16), ("topic", _TEXT), ("id_high", Int64), ("id_low", Int64), ("is_internal", Boolean),
        ("partitions", CompactArray(
            ("error", Int16), ("partition", Int32), ("leader", Int32), ("epoch", Int32),
            ("replicas", _NUMBERS), ("in_sync", _NUMBERS), ("offline", _NUMBERS), _TAGS,
        )),
        ("operations", Int32), _TAGS,
    )),
    ("operations", Int32),
    _TAGS,
)  # fmt: skip
_REQUEST_SCHEMA = Schema(
    ("topics", CompactArray(("id_high", Int64), ("id_low", Int64), ("topic", _TEXT), _TAGS)),
    ("may_create", Boolean),
    ("cluster_operations", Boolean),
    ("topic_operations", Boolean),
    _TAGS,
)
_VERSION: dict[str, Any] = {"API_KEY": MetadataRequest_v5.API_KEY, "API_VERSION": _WITH_IDS}
_ANSWER: Any = type("MetadataResponse_v10", (Response,), {**_VERSION, "SCHEMA": _ANSWER_SCHEMA})
_REQUEST: Any = type(
    "MetadataRequest_v10",
    (RequestStruct,),
    {**_VERSION, "SCHEMA": _REQUEST_SCHEMA, "FLEXIBLE_VERSION": True, "RESPONSE_TYPE": _ANSWER},
)
