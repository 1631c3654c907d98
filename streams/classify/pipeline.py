"""The worker's path without any transport: records in, acknowledged outputs out, first in, first out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from runtime import clock
from runtime.crashpoints import Pass, unharmed
from streams.classify.delivery import Delivered
from streams.classify.generations import Generation
from streams.classify.metrics import Metrics
from streams.classify.outputs import Writer
from streams.classify.prepare import prepare
from streams.classify.records import Output, Ready, Record, Refused, Scores
from streams.classify.slot import Slot
from streams.classify.speed import parts

MAX_IN_FLIGHT = 4
"""Batches between submit and acknowledgement: one decoded, one in the engine, one waiting, one at the broker."""

YIELD_EVERY = 64
"""Records decoded before the event loop gets its turn: about 2 ms."""

Acknowledge = Callable[[Sequence[Record]], None]


class Sink(Protocol):
    """Where outputs go; `streams.classify.delivery.Delivery` is the real one."""

    async def send(self, outputs: Sequence[Output]) -> list[Delivered]:
        """Return when each output is acknowledged."""
        ...


class Batch:
    """Records that pass the stages together, in order, with what became of each."""

    def __init__(self, generation: Generation, items: list[Ready | Refused]) -> None:
        self.generation = generation
        self.items = items
        self.ready = [item for item in items if isinstance(item, Ready)]
        self.scored: list[Scores | dict[int, Refused]] = []

    @property
    def records(self) -> list[Record]:
        """The batch's inputs in order."""
        return [item.record for item in self.items]


class Pipeline:
    """Moves batches through decode, score, deliver and acknowledge.

    Each stage has one task and a queue of one batch before it, so that decoding and delivering go on while the engine
    works, and nothing overtakes. A stage that raises ends the pipeline: `failure` resolves with the error.

    Args:
        slot: asks the engine.
        writer: makes messages of results.
        sink: produces them.
        acknowledge: told the inputs whose outputs are acknowledged, in order.
        metrics: told how it went.
        max_records: most records per batch.
        now: the wall clock, for `scored_at`.
        passed: told of the points `decoded`, `scored`, `produced` and `acked`.
    """

    def __init__(
        self,
        *,
        slot: Slot,
        writer: Writer,
        sink: Sink,
        acknowledge: Acknowledge,
        metrics: Metrics,
        max_records: int = 256,
        now: Callable[[], datetime] = clock.now,
        passed: Pass = unharmed,
    ) -> None:
        self._slot = slot
        self._writer = writer
        self._sink = sink
        self._acknowledge = acknowledge
        self._metrics = metrics
        self._max_records = max_records
        self._now = now
        self._passed = passed
        self._room = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._to_score: asyncio.Queue[Batch] = asyncio.Queue(1)
        self._to_deliver: asyncio.Queue[Batch] = asyncio.Queue(1)
        self._in_flight: dict[int, Batch] = {}
        self._is_scoring = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._order = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def in_flight(self) -> int:
        """Batches between submit and acknowledgement."""
        return len(self._in_flight)

    def records_in_flight(self) -> list[Record]:
        """Inputs between submit and acknowledgement."""
        return [record for batch in self._in_flight.values() for record in batch.records]

    @property
    def is_scoring(self) -> bool:
        """Whether a batch is with the engine, or waits until it is loaded again."""
        return self._is_scoring

    def start(self) -> None:
        """Start the stages."""
        self._tasks = [asyncio.create_task(self._run(stage)) for stage in (self._score_next, self._deliver_next)]

    async def stop(self) -> None:
        """End the stages at once; what is in flight stays un-acknowledged."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    async def submit(self, records: Sequence[Record], generation: Generation) -> None:
        """Take records in; returns when the last of them has found a place in flight, or was dropped.

        Args:
            records: in the order of their partitions.
            generation: the assignment that they belong to.
        """
        async with self._order:
            if not generation.is_open:
                self._metrics.dropped.inc(len(records))
                return
            new = generation.offsets.take(records)
            self._metrics.repeats.inc(len(records) - len(new))
            started = time.perf_counter()
            items = await self._prepared(new)
            self._metrics.prepared(time.perf_counter() - started)
            left = len(items)
            for part in self._parts(items):
                if not await self._place_for(generation):
                    self._metrics.dropped.inc(left)
                    return
                left -= len(part)
                self._passed("decoded")
                await self._enter(Batch(generation, part))

    async def drain(self, seconds: float) -> bool:
        """Wait until nothing is in flight; False where the time is over first."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)
        return self._idle.is_set()

    def drop(self, generation: Generation) -> list[Record]:
        """Give up a generation's work in flight and say which inputs stay un-acknowledged."""
        generation.drop()
        lost = [
            record for batch in self._in_flight.values() if batch.generation is generation for record in batch.records
        ]
        self._metrics.dropped.inc(len(lost))
        return lost

    async def _prepared(self, records: Sequence[Record]) -> list[Ready | Refused]:
        items: list[Ready | Refused] = []
        for begin in range(0, len(records), YIELD_EVERY):
            items.extend(map(prepare, records[begin : begin + YIELD_EVERY]))
            await asyncio.sleep(0)
        return items

    def _parts(self, items: Sequence[Ready | Refused]) -> Iterator[list[Ready | Refused]]:
        """Batches within the budget of tokens and records; the budget is asked anew for each."""
        costs = [item.cost if isinstance(item, Ready) else 0 for item in items]
        begin = 0
        for count in parts(costs, self._max_records, lambda: self._slot.budget):
            yield list(items[begin : begin + count])
            begin += count

    async def _place_for(self, generation: Generation) -> bool:
        """Wait for room in flight; False where the generation ended meanwhile."""
        await self._room.acquire()
        if not generation.is_open:
            self._room.release()
        return generation.is_open

    async def _enter(self, batch: Batch) -> None:
        self._in_flight[id(batch)] = batch
        self._idle.clear()
        await self._to_score.put(batch)

    def _leave(self, batch: Batch) -> None:
        del self._in_flight[id(batch)]
        self._room.release()
        if not self._in_flight:
            self._idle.set()

    async def _run(self, stage: Callable[[], Awaitable[None]]) -> None:
        try:
            while True:
                await stage()
        except Exception as error:  # the stage's boundary: the worker decides what an error means for the process
            if not self.failure.done():
                self.failure.set_exception(error)

    async def _score_next(self) -> None:
        batch = await self._to_score.get()
        if batch.generation.is_live and batch.ready:
            with self._with_engine():
                batch.scored = await self._slot.score(batch.ready, lambda: batch.generation.is_live)
            self._passed("scored")
        await self._to_deliver.put(batch)
        with self._with_engine():
            await self._slot.revive()  # what a text ended is back before the next batch asks for it

    @contextlib.contextmanager
    def _with_engine(self) -> Iterator[None]:
        self._is_scoring = True
        try:
            yield
        finally:
            self._is_scoring = False

    async def _deliver_next(self) -> None:
        batch = await self._to_deliver.get()
        if batch.generation.is_live:
            await self._deliver(batch)
        self._leave(batch)

    async def _deliver(self, batch: Batch) -> None:
        outputs, refused = self._outputs(batch)
        started = time.perf_counter()
        delivered = await self._sink.send(outputs)
        if not batch.generation.is_live:
            return  # sent all the same: the next owner's outputs repeat them, with the same offsets
        self._passed("produced")
        records = batch.records
        batch.generation.offsets.finish(records)
        self._acknowledge(records)
        self._passed("acked")
        self._metrics.delivered(delivered, refused, time.perf_counter() - started)

    def _outputs(self, batch: Batch) -> tuple[list[Output], list[Refused]]:
        """Messages in the batch's own order, whatever order its parts were scored in."""
        now = self._now()
        made: dict[int, Output | Refused] = {}
        for part in batch.scored:
            if isinstance(part, Scores):
                made.update(zip(part.places, self._writer.scores(part, now), strict=True))
            else:
                made.update(part)
        outputs: list[Output] = []
        refused: list[Refused] = []
        ready = itertools.count()
        for item in batch.items:
            result = item if isinstance(item, Refused) else made[next(ready)]
            if isinstance(result, Refused):
                refused.append(result)
                outputs.append(self._writer.letter(result))
            else:
                outputs.append(result)
        return outputs, refused
