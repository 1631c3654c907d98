"""Keeps the pipeline and Faust's view of un-acknowledged messages together while partitions come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, MutableSet
from typing import Any, Protocol

import faust

from runtime import log
from runtime.crashpoints import Pass, unharmed
from streams.classify.generations import Generation
from streams.classify.metrics import Metrics
from streams.classify.pipeline import Pipeline
from streams.classify.records import Record

GRACE_S = 2.0
"""How long deliveries may go on after a revocation: all work in flight is planned to take less."""

_log = log.get(__name__)


class Buffered(Protocol):
    """What is needed of `streams.classify.transport.Consumer`."""

    @property
    def unacked(self) -> MutableSet[Any]:
        """Messages that Faust waits for."""
        ...

    def taken(self, records: int, size: int) -> None:
        """Messages left Faust's buffer."""
        ...

    def forget(self) -> None:
        """Faust's buffer is empty."""
        ...


class Assignments:
    """Knows the current generation, ends it when a rebalance begins, and starts the next.

    Faust waits at a revocation, without a time-out, until each message that it gave out is acknowledged. What is
    dropped here is therefore also taken out of Faust's set of un-acknowledged messages: it was not acknowledged, its
    offset is not committed, and it comes again.

    Args:
        pipeline: whose work in flight is dropped.
        consumer: gives Faust's consumer; it exists only once the app has started.
        metrics: counts rebalances.
        passed: told of the points `assigned` and `revoked`.
    """

    def __init__(
        self, pipeline: Pipeline, consumer: Callable[[], Buffered], metrics: Metrics, *, passed: Pass = unharmed
    ) -> None:
        self._pipeline = pipeline
        self._consumer = consumer
        self._metrics = metrics
        self._passed = passed
        self._ending: asyncio.Task[None] | None = None
        self.current: Generation | None = None

    def begin(self, number: int, partitions: Iterable[int] = ()) -> None:
        """Partitions were assigned under the group's generation `number`."""
        self._drop(self.current)
        self._consumer().forget()
        self.current = Generation(number)
        _log.info("partitions_assigned", generation=number, partitions=sorted(partitions))
        self._passed("assigned")

    def revoked(self) -> None:
        """A rebalance began: partitions are about to be revoked."""
        if self._pipeline.in_flight:
            self._passed("revoked")
        self.end_soon()

    def end_soon(self, grace_s: float = GRACE_S) -> None:
        """This assignment ends: take nothing more, finish what is in flight, drop the rest."""
        generation = self.current
        if generation is None or not generation.is_open:
            return
        generation.close()
        self._metrics.rebalances.inc()
        self.release_unheld()
        self._ending = asyncio.get_running_loop().create_task(self._end(generation, grace_s))

    async def ended(self) -> None:
        """End the generation and return when its work in flight is finished or dropped."""
        self.end_soon()
        if self._ending is not None:
            await self._ending

    def owner_of(self, number: int) -> Generation | None:
        """The open generation with that number; None where its messages are to be ignored."""
        current = self.current
        return current if current is not None and current.number == number and current.is_open else None

    def release(self, messages: list[Any]) -> None:
        """Let Faust not wait for messages that will not be acknowledged."""
        unacked = self._consumer().unacked
        for message in messages:
            unacked.discard(message)

    def taken(self, messages: list[Any]) -> None:
        """The agent took messages out of Faust's buffer: there is room to fetch more."""
        size = sum(len(message.value or b"") + len(message.key or b"") for message in messages)
        self._consumer().taken(len(messages), size)

    async def _end(self, generation: Generation, grace_s: float) -> None:
        finished = await self._pipeline.drain(grace_s)
        if not finished:
            _log.warning("work_dropped", generation=generation.number, batches=self._pipeline.in_flight)
        self._drop(generation)

    def _drop(self, generation: Generation | None) -> None:
        if generation is not None and generation.is_live:
            self.release([_message(record) for record in self._pipeline.drop(generation)])
            self.release_unheld()

    def release_unheld(self) -> None:
        """Faust gave these out, but no batch in flight holds them: they wait in its own buffers."""
        held = {id(_message(record)) for record in self._pipeline.records_in_flight()}
        self.release([message for message in list(self._consumer().unacked) if id(message) not in held])


class RebalanceSensor(faust.Sensor):
    """Faust's earliest public sign of a rebalance; it comes in the consumer's thread.

    Args:
        loop: the worker's event loop.
        on_start: called there.
    """

    mundane_level = "debug"

    def __init__(self, loop: asyncio.AbstractEventLoop, on_start: Callable[[], None]) -> None:
        super().__init__()
        self._worker_loop = loop
        self._on_start = on_start

    def on_rebalance_start(self, app: Any) -> dict[str, Any]:  # noqa: ARG002 (Faust calls by this signature)
        """A rebalance begins."""
        self._worker_loop.call_soon_threadsafe(self._on_start)
        return {}


def _message(record: Record) -> Any:
    return getattr(record.token, "message", None)
