"""Asks the broker, before a worker joins and after an outage, whether nothing was lost; nothing resets by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import BrokerNotAvailableError, KafkaError, KafkaTimeoutError
from aiokafka.structs import OffsetAndMetadata

from runtime import log
from runtime.errors import BrokerAwayError, BrokerError
from streams.classify.clusters import Memory
from streams.classify.positions import Position, PositionError, Verdict, judge

REQUEST_S = 15
"""For each question; a broker that answers does so in milliseconds."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a worker was told when it was let in."""

    expired: int
    """Inputs that were lost, which its user accepted."""
    cluster: str
    """Id of the cluster that answered."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a worker asks before it joins, and what its user accepted beforehand.

    Attributes:
        bootstrap: the broker's address.
        group: the workers' consumer group.
        topic: the input topic.
        outputs: topics that need as many partitions.
        memory: folder that remembers which cluster a group was seen on.
        accept_expired: go on where the log begins, although inputs were lost.
        accept_reset: go on at the log's start where offsets do not belong to this log.
        cluster: id of the cluster that let this worker in; None before, when only `memory` knows.
    """

    bootstrap: str
    group: str
    topic: str
    outputs: tuple[str, ...]
    memory: Path
    accept_expired: bool = False
    accept_reset: bool = False
    cluster: str | None = None

    def again(self, cluster: str) -> Admission:
        """The same questions in the midst of work: what was accepted at the start was about another loss."""
        return replace(self, accept_expired=False, accept_reset=False, cluster=cluster)

    async def ask(self) -> Admitted:
        """Check offsets and the cluster's identity; commit offsets where the user accepted a loss.

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
        changed = self._difference(cluster.id)
        try:
            places = self._places(cluster)
        except BrokerError as error:
            if changed is None:
                raise
            raise PositionError(
                f"{changed}; what the other cluster held is lost to {self.group!r}. Check the bootstrap address, or go "
                f"on with --accept-reset, but first: {error}"
            ) from error
        verdict = judge(
            await _positions(consumer, places),
            group=self.group,
            topic=self.topic,
            cluster_changed=changed,
            accept_expired=self.accept_expired,
            accept_reset=self.accept_reset,
        )
        if verdict.commit:
            await self._commit(consumer, verdict)
        if self.cluster is None:
            self._memory().remember(cluster.id)
        return Admitted(verdict.expired, cluster.id)

    def _difference(self, found: str) -> str | None:
        """A sentence where the cluster is another one than before."""
        if self.cluster is None:
            return self._memory().difference(found)
        if self.cluster == found:
            return None
        return f"the cluster behind {self.bootstrap} is {found!r} now, it was {self.cluster!r} when this worker started"

    def _memory(self) -> Memory:
        return Memory(self.memory, self.group, self.bootstrap)

    def _places(self, cluster: _Cluster) -> list[TopicPartition]:
        for topic in (self.topic, *self.outputs):
            if not cluster.partitions[topic]:
                raise BrokerError(f"topic {topic!r} does not exist on this cluster; run `bellwether topics create`")
        partitions = cluster.partitions[self.topic]
        for topic in self.outputs:
            found = cluster.partitions[topic]
            if not partitions <= found:
                raise BrokerError(
                    f"topic {topic!r} has {len(found)} partitions and {self.topic!r} has {len(partitions)}, but an "
                    "output goes to its input's number; see `bellwether topics check`"
                )
        return [TopicPartition(self.topic, number) for number in sorted(partitions)]

    async def _commit(self, consumer: AIOKafkaConsumer, verdict: Verdict) -> None:
        offsets = {TopicPartition(self.topic, part): OffsetAndMetadata(at, "") for part, at in verdict.commit.items()}
        try:
            await consumer.commit(offsets)
        except KafkaError as error:
            raise PositionError(
                f"cannot move group {self.group!r} to the log's start: {type(error).__name__}: {error}. "
                "Stop its other workers first"
            ) from error
        _log.warning("offsets_moved", group=self.group, expired=verdict.expired, to=dict(verdict.commit))


def is_away(error: KafkaError | OSError) -> bool:
    """Whether an error of the client says no more than that nobody answers: it goes when the broker comes back."""
    return isinstance(error, OSError | KafkaTimeoutError | BrokerNotAvailableError) or bool(error.retriable)


async def _positions(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> dict[int, Position]:
    consumer.assign(places)
    starts = await consumer.beginning_offsets(places)
    committed = {at: await consumer.committed(at) for at in places}
    ends = await consumer.end_offsets(places)  # last: workers of the group may be running
    return {at.partition: Position(committed[at], starts[at], ends[at]) for at in places}


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What answers behind an address."""

    id: str
    partitions: Mapping[str, set[int]]
    """Numbers by topic; empty where there is no such topic."""

    @classmethod
    async def behind(cls, bootstrap: str, names: tuple[str, ...]) -> _Cluster:
        """Ask for the cluster's id and for some topics."""
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_S * 1000)
        try:
            await admin.start()
            described = await admin.describe_topics(list(names))
            cluster = await admin.describe_cluster()
        finally:
            await admin.close()
        found = {str(one["topic"]): {int(part["partition"]) for part in one["partitions"]} for one in described}
        return cls(str(cluster["cluster_id"]), {name: found.get(name, set()) for name in names})
