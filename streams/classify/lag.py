"""How far the worker is behind, per partition, and whether the broker answers: asked by a client of our own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime import clock
from streams.classify.rebalance import Assignments

EVERY_S = 2.0
"""Between two looks: a scrape every 15 s sees a fresh one."""

ANSWER_S = 5.0
"""A broker that takes longer counts as silent."""

SILENT_S = 10.0
"""Without an answer for so long, the worker is not ready."""


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """One partition's distance to the end of its log."""

    partition: int
    records: int
    seconds: float


class LagWatch:
    """Keeps the newest look at the assigned partitions.

    Asking through Faust's consumer could block its commits while the broker is away; this client may wait alone.

    Args:
        bootstrap: the broker's address.
        group: whose committed offsets count where nothing was acknowledged yet.
        topic: the input topic.
        assigned: numbers of the partitions that are assigned now.
        assignments: what was acknowledged.
        now: the wall clock.
        monotonic: for the broker's silence.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topic: str,
        *,
        assigned: Callable[[], Iterable[int]],
        assignments: Assignments,
        now: Callable[[], datetime] = clock.now,
        monotonic: clock.Monotonic = clock.monotonic,
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topic = topic
        self._assigned = assigned
        self._assignments = assignments
        self._now = now
        self._monotonic = monotonic
        self._lags: list[PartitionLag] = []
        self._answered = monotonic()

    def lags(self) -> Iterable[PartitionLag]:
        """What the last look found."""
        return self._lags

    def silent_s(self) -> float:
        """Seconds since the broker last answered."""
        return self._monotonic() - self._answered

    async def run(self) -> None:
        """Look again and again until cancelled."""
        client: AIOKafkaConsumer | None = None
        try:
            while True:
                try:
                    client = client or await self._connected()
                    self._lags = await asyncio.wait_for(self._look(client), ANSWER_S)
                    self._answered = self._monotonic()
                except (KafkaError, TimeoutError, OSError):
                    await _closed(client)
                    client = None
                await asyncio.sleep(EVERY_S)
        finally:
            await _closed(client)

    async def _connected(self) -> AIOKafkaConsumer:
        client = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=int(ANSWER_S * 1000),
        )
        try:
            await asyncio.wait_for(client.start(), ANSWER_S)
        except BaseException:
            await _closed(client)
            raise
        return client

    async def _look(self, client: AIOKafkaConsumer) -> list[PartitionLag]:
        places = [TopicPartition(self._topic, number) for number in sorted(self._assigned())]
        generation = self._assignments.current
        if not places or generation is None:
            await client.topics()
            return []
        ends = await client.end_offsets(places)
        offsets = generation.offsets
        first, done = offsets.first_taken(), offsets.next_offsets()
        lags: list[PartitionLag] = []
        for place, end in ends.items():
            at = done.get(place.partition, first.get(place.partition))
            if at is None:
                at = await client.committed(place)
            records = max(0, end - (at or 0))
            time_s = offsets.time_of(place.partition)
            behind = max(0.0, self._now().timestamp() - time_s) if records and time_s is not None else 0.0
            lags.append(PartitionLag(place.partition, records, behind))
        return lags


async def _closed(client: AIOKafkaConsumer | None) -> None:
    if client is not None:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(client.stop(), ANSWER_S)
