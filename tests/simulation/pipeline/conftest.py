"""A world without threads, sockets or clocks for the worker's pipeline: every answer comes when a test says so."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from models.engine import CallReport, Probabilities
from models.fakes import NoopEngine
from runtime.errors import BrokerError, EngineError
from streams.classify import rebalance, scoring
from streams.classify.agent import take
from streams.classify.metrics import Metrics
from streams.classify.outputs import Writer
from streams.classify.pipeline import Pipeline
from streams.classify.rebalance import Assignments
from streams.classify.records import Output
from streams.classify.scoring import Scorer
from streams.classify.slot import Slot
from streams.classify.speed import Speed

START_S = 1_000.0
WHEN = datetime(2024, 1, 1, tzinfo=UTC)
MAX_RECORDS = 2
"""Per batch, so that few records make many batches."""


class _Idle(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Instead of waiting for something to happen, the loop ends its run: nothing happens by itself here."""

    idle: Callable[[], None]

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout > 0:
            self.idle()
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock only moves by `advance`."""

    def __init__(self) -> None:
        selector = _Idle()
        super().__init__(selector)
        selector.idle = self.stop
        self._now = START_S

    def time(self) -> float:
        return self._now

    def settle(self) -> None:
        """Run until everything waits for the world or for the clock."""
        self.run_forever()

    def advance(self, seconds: float) -> None:
        """Let time pass and run what it sets off, timer by timer."""
        end = self._now + seconds
        while True:
            due = [timer.when() for timer in self._scheduled if not timer.cancelled() and timer.when() <= end]
            self._now = max(self._now, min(due, default=end))
            self.settle()
            if not due:
                return


class Hands(Executor):
    """Runs a job when the test says so."""

    def __init__(self) -> None:
        self.jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.jobs.append((future, lambda: function(*arguments, **named)))
        return future

    def finish(self) -> bool:
        """Do the oldest job; False where there is none."""
        if not self.jobs:
            return False
        future, job = self.jobs.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(job())
            except Exception as error:
                future.set_exception(error)
        return True


class Engine(NoopEngine):
    """Fails at the text "poison", and when `fails_by_chance` says so; its process may live on or not."""

    def __init__(self) -> None:
        super().__init__()
        self.is_alive = True
        self.last_call = CallReport()
        self.fails_by_chance = False
        self.dies = False

    def score(self, texts: Sequence[str], deadline_s: float | None = None) -> dict[str, Probabilities]:  # noqa: ARG002
        if self.fails_by_chance or "poison" in texts:
            self.fails_by_chance = False
            self.is_alive = not self.dies
            raise EngineError("the engine failed")
        return super().score(texts)

    def restart(self) -> None:
        self.is_alive = True


class Sink:
    """The output topics: what was sent lies there when the test says so."""

    def __init__(self) -> None:
        self.log: list[Output] = []
        self.waiting: deque[tuple[asyncio.Future[Any], Sequence[Output]]] = deque()

    async def send(self, outputs: Sequence[Output]) -> Any:
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((future, outputs))
        return await future

    def take(self) -> bool:
        """The broker takes what waits longest and says so; False where nothing waits."""
        if not self.waiting:
            return False
        future, outputs = self.waiting.popleft()
        self.log.extend(outputs)
        if not future.done():
            future.set_result([(outputs, None)])
        return True

    def refuse(self, arrived: int) -> None:
        """The broker refuses after it took a part, or took all and its answer got lost."""
        future, outputs = self.waiting.popleft()
        self.log.extend(outputs[:arrived])
        if not future.done():
            future.set_exception(BrokerError("refused"))


def place_of(output: Output) -> tuple[int, int]:
    """Partition and offset of the input that an output belongs to."""
    headers = dict(output.headers)
    if "bw_offset" in headers:
        return output.partition, int(headers["bw_offset"])
    return output.partition, json.loads(output.value or b"")["source_offset"]


class Faust:
    """What the pipeline sees of Faust: a buffer of messages, a set of un-acknowledged ones, commits, generations."""

    def __init__(self, partitions: int) -> None:
        self.committed = dict.fromkeys(range(partitions), 0)
        self.position = dict(self.committed)
        self.acknowledged = dict(self.committed)
        """Per partition one above the last acknowledged offset of this generation."""
        self.generation = 0
        self.unacked: set[Any] = set()
        self.buffer: deque[Any] = deque()
        self.acks: Counter[tuple[int, int]] = Counter()
        self.on_ack: Callable[[Any], None] = lambda _: None

    def taken(self, records: int, size: int) -> None:
        """The worker keeps count of the buffer; here it has no bound."""

    def forget(self) -> None:
        """As `taken`."""

    def fetch(self, partition: int, values: Sequence[bytes]) -> None:
        """Messages from the partition's position on go into the buffer."""
        for value in values:
            message = _Message(partition, self.position[partition], value, self.generation)
            self.unacked.add(message)
            self.buffer.append(SimpleNamespace(message=message, ack=lambda message=message: self._ack(message)))
            self.position[partition] += 1

    def let_go_of_the_buffer(self) -> None:
        """Faust empties its queues when partitions go, and its set of un-acknowledged messages is a weak one."""
        self.unacked -= {event.message for event in self.buffer}

    def assign(self, *, keeps_stale: bool) -> None:
        """All partitions come back under a new generation and are read from what was committed."""
        self.generation += 1
        self.unacked.clear()
        if not keeps_stale:
            self.buffer.clear()
        self.position = dict(self.committed)
        self.acknowledged = dict(self.committed)

    def commit(self) -> None:
        self.committed = dict(self.acknowledged)

    def _ack(self, message: Any) -> None:
        self.on_ack(message)
        self.acks[message.partition, message.offset] += 1
        self.acknowledged[message.partition] = message.offset + 1
        self.unacked.discard(message)


class _Message:
    def __init__(self, partition: int, offset: int, value: bytes, generation: int) -> None:
        self.partition, self.offset, self.value, self.generation_id = partition, offset, value, generation
        self.key, self.headers, self.timestamp = b"k", (), 1.0


def _silence(*_: Any) -> Any:
    raise structlog.DropEvent


class Worker:
    """One life of a worker: what its process holds in memory, and ends with."""

    metrics = Metrics()

    def __init__(self, loop: Loop, faust: Faust, sink: Sink, hands: Hands) -> None:
        self._loop, self._faust, self._hands = loop, faust, hands
        self.engine = Engine()
        self._agent: asyncio.Task[None] | None = None
        self.error: BaseException | None = None
        loop.run_until_complete(self._open(sink))

    async def _open(self, sink: Sink) -> None:
        scorer = Scorer(
            self.engine,
            worker="host:1:0",
            executor=self._hands,
            metrics=self.metrics,
            speed=Speed(),
            link=lambda *_: (),
            monotonic=self._loop.time,
        )
        self.pipeline = Pipeline(
            slot=Slot(scorer, self.metrics),
            writer=Writer(),
            sink=sink,
            acknowledge=lambda records: [record.token.ack() for record in records],  # type: ignore[attr-defined]
            metrics=self.metrics,
            max_records=MAX_RECORDS,
            now=lambda: WHEN,
        )
        self.assignments = Assignments(self.pipeline, lambda: self._faust, self.metrics)
        self.pipeline.start()

    def feed(self, count: int) -> None:
        """The agent takes up to so many messages, unless it is still busy with those before."""
        if self._agent is None and self._faust.buffer:
            lot = [self._faust.buffer.popleft() for _ in range(min(count, len(self._faust.buffer)))]
            self._agent = self._loop.create_task(take(lot, self.assignments, self.pipeline))
        self._loop.settle()
        self.look()

    def look(self) -> None:
        """Notice what ended: the agent's turn, or the pipeline."""
        if self._agent is not None and self._agent.done():
            self.error = self.error or self._agent.exception()
            self._agent = None
        if self.pipeline.failure.done():
            self.error = self.error or self.pipeline.failure.exception()

    def kill(self) -> None:
        """The process is gone: nothing of it goes on."""
        self._hands.jobs.clear()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.settle()


@pytest.fixture
def make_world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives the parts of a world without workers, and the kind of workers that live in it."""
    for module in (rebalance, scoring):  # thousands of lines that say what the schedule says
        monkeypatch.setattr(module, "_log", structlog.wrap_logger(None, processors=[_silence]))

    def make(partitions: int) -> Any:
        return SimpleNamespace(
            loop=Loop(), faust=Faust(partitions), sink=Sink(), hands=Hands(), Worker=Worker, place_of=place_of
        )

    return make
