"""How far the worker is behind, whether it moves, and whether the broker answers: asked by a client of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime import clock, log
from runtime.errors import BellwetherError, BrokerAwayError
from streams.classify.generations import Generation
from streams.classify.markers import closed, without_records
from streams.classify.offsets import Offsets
from streams.classify.rebalance import Assignments
from streams.classify.watchdog import Seen, Stall, StallError, Watchdog, Work

EVERY_S = 2.0
"""Between two looks: a scrape every 15 s sees a fresh one."""

ANSWER_S = 5.0
"""A broker that takes longer counts as silent."""

SILENT_S = 10.0
"""Without an answer for so long, the worker is not ready."""

_log = log.get(__name__)


class _RefusedOnceError(BrokerAwayError):
    """What answers says no; it is asked again before that is believed."""


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
        outputs: topics with the same partitions; a broker that cannot serve these counts as silent too.
        assigned: numbers of the partitions that are assigned now.
        assignments: what was acknowledged.
        readmit: asks whether this is still the log that the worker was let in for; raises where it is not.
        work: what the worker does, for the watchdog.
        watchdog: told of each look.
        now: the wall clock.
        monotonic: for the broker's silence.
        sleep: waits between looks.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topic: str,
        outputs: tuple[str, ...],
        *,
        assigned: Callable[[], Iterable[int]],
        assignments: Assignments,
        readmit: Callable[[], Awaitable[object]],
        work: Callable[[], Work],
        watchdog: Watchdog,
        now: Callable[[], datetime] = clock.now,
        monotonic: clock.Monotonic = clock.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._topic = topic
        self._outputs = outputs
        self._assigned = assigned
        self._assignments = assignments
        self._readmit = readmit
        self._work = work
        self._watchdog = watchdog
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._lags: list[PartitionLag] = []
        self._read: dict[int, int] = {}
        self._stalls: list[Stall] = []
        self._empty: dict[int, tuple[int, int]] = {}
        self._answered = monotonic()
        self._waiting: set[int] = set()
        self._in_doubt = False
        self._refused = False
        self._admitted: Generation | None = None

    def lags(self) -> Iterable[PartitionLag]:
        """What the last look found."""
        return self._lags

    def read(self) -> dict[int, int]:
        """What was read when this worker last looked, as next offsets by partition, of all that it ever had."""
        return dict(self._read)

    def stalls(self) -> list[Stall]:
        """Partitions that stand still without an excuse."""
        return self._stalls

    def silent_s(self) -> float:
        """Seconds since the broker last answered."""
        return self._monotonic() - self._answered

    async def run(self) -> None:
        """Look again and again until cancelled.

        Raises:
            StallError: a partition stands still for too long.
            BellwetherError: what answers is not the log that this worker was let in for.
        """
        client: AIOKafkaConsumer | None = None
        try:
            while True:
                try:
                    client = client or await self._connected()
                    await self._ask_if_in_doubt()
                    self._lags = await asyncio.wait_for(self._look(client), ANSWER_S)
                    self._answered = self._monotonic()
                except (KafkaError, TimeoutError, OSError, BrokerAwayError) as error:
                    self._in_doubt, self._refused = True, isinstance(error, _RefusedOnceError)
                    self._unwatched()
                    await closed(client)
                    client = None
                await self._sleep(EVERY_S)
        finally:
            await closed(client)

    async def _connected(self) -> AIOKafkaConsumer:
        client = self._client(self._group)
        try:
            await asyncio.wait_for(client.start(), ANSWER_S)
        except BaseException:
            await closed(client)
            raise
        return client

    def _client(self, group: str | None) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=int(ANSWER_S * 1000),
        )

    async def _ask_if_in_doubt(self) -> None:
        """Ask for admission again after an outage, after a rebalance and where a log ends before our position.

        A cluster that was swapped faster than we look does not know the group's members: it makes them join anew.

        Raises:
            BellwetherError: twice in a row the answer was no; once, or before and after an outage, may be a broker
                that is just starting.
        """
        generation = self._assignments.current
        if self._admitted is not None and generation is not self._admitted:
            self._in_doubt = True
            self._read |= self._admitted.offsets.next_offsets()
        self._admitted = generation
        if not self._in_doubt:
            return
        try:
            await self._readmit()
        except BellwetherError as error:
            if error.is_retriable or self._refused:
                raise
            _log.warning("log_in_doubt", detail=str(error))
            raise _RefusedOnceError(f"asked again before this is believed: {error}") from error
        self._in_doubt = self._refused = False

    async def _look(self, client: AIOKafkaConsumer) -> list[PartitionLag]:
        places = [TopicPartition(self._topic, number) for number in sorted(self._assigned())]
        generation = self._assignments.current
        if not places or generation is None:
            self._unwatched()
            await client.topics()
            return []
        offsets = generation.offsets
        done, first = offsets.next_offsets(), offsets.first_taken()
        at: dict[TopicPartition, int] = {}
        for place in places:
            own = done.get(place.partition, first.get(place.partition))
            at[place] = (await client.committed(place) or 0) if own is None else own
        self._read |= {place.partition: at[place] for place in places}
        written = [TopicPartition(output, place.partition) for output in self._outputs for place in places]
        ends = await client.end_offsets([*places, *written])
        self._in_doubt = any(ends[place] < at[place] for place in places)
        empty = [place for place in places if self._empty.get(place.partition) == (at[place], ends[place])]
        lags = {place: 0 if place in empty else max(0, ends[place] - at[place]) for place in places}
        seen = [Seen(place.partition, lags[place], at[place]) for place in places]
        if generation is self._assignments.current and generation.is_open:
            await self._watch(generation, seen)
        else:
            self._unwatched()
        return [PartitionLag(one.partition, one.lag, self._behind_s(one, offsets)) for one in seen]

    def _behind_s(self, one: Seen, offsets: Offsets) -> float:
        time_s = offsets.time_of(one.partition)
        return max(0.0, self._now().timestamp() - time_s) if one.lag and time_s is not None else 0.0

    async def _watch(self, generation: Generation, seen: list[Seen]) -> None:
        work = self._work()
        stalls = self._watchdog.look(generation, seen, work)
        idle = {
            stall.partition: (stall.at, stall.at + stall.lag)
            for stall in stalls
            if not (stall.in_flight or stall.is_in_line)
        }
        empty = await without_records(self._client(None), self._topic, idle) if idle else {}
        if generation is not self._assignments.current or not generation.is_open:
            self._unwatched()
            return
        self._empty |= empty
        self._stalls = [stall for stall in stalls if stall.partition not in empty]
        self._tell_of_lines()
        over = [stall for stall in self._stalls if stall.is_over]
        for stall in over:
            _log.error(
                "no_progress",
                partition=stall.partition,
                lag=stall.lag,
                next_offset=stall.at,
                seconds=round(stall.seconds, 1),
                in_flight=stall.in_flight,
                is_scoring=work.is_scoring,
                engine_calls=work.calls,
                generation=generation.number,
            )
        if over:
            raise StallError(
                f"no progress although the broker answers: {'; '.join(map(str, over))}. This worker ends so that "
                "another takes over; what was not acknowledged comes again. `bellwether worker --processes` starts it "
                "anew; if it stalls again, look at the lines before `no_progress`"
            )

    def _tell_of_lines(self) -> None:
        """Say once of each partition that it has begun to wait for others; no partition starves silently."""
        waiting = {stall.partition: stall for stall in self._stalls if stall.is_in_line}
        for partition in waiting.keys() - self._waiting:
            stall = waiting[partition]
            _log.warning("partition_waits", partition=partition, lag=stall.lag, seconds=round(stall.seconds, 1))
        self._waiting = set(waiting)

    def _unwatched(self) -> None:
        self._stalls = []
        self._empty = {}
        self._watchdog.pause()
