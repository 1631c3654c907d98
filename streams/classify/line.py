"""Composes one worker: engine, pipeline, delivery, health; everything that starts here also stops here."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import faust

from runtime import clock, log
from runtime.crashpoints import Pass, unharmed
from runtime.settings import Settings
from streams.classify import agent
from streams.classify.admission import Admission, Admitted
from streams.classify.delivery import Delivery, kafka_producer
from streams.classify.health import HealthServer
from streams.classify.lag import SILENT_S, LagWatch
from streams.classify.loop_watch import LoopWatch
from streams.classify.metrics import Metrics
from streams.classify.model_server import ModelServer
from streams.classify.outputs import Writer
from streams.classify.pipeline import Pipeline
from streams.classify.rebalance import Assignments, RebalanceSensor
from streams.classify.slot import Slot
from streams.classify.watchdog import LOOK_S, STALL_S, Watchdog, Work
from wire import topics

_log = log.get(__name__)

OUTPUTS = (topics.SCORED.name, topics.DEAD.name)
"""What a worker writes to, at its inputs' partition numbers."""

Failed = Callable[[BaseException], None]
Closer = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Consent:
    """What the user accepted beforehand."""

    expired: bool = False
    """Go on where the log begins, although inputs were lost."""
    reset: bool = False
    """Go on at the log's start where offsets do not belong to this log."""


def worker_id() -> str:
    """Host, process and start: no two workers share it, also after a restart in the same container."""
    return f"{socket.gethostname()}:{os.getpid()}:{int(clock.now().timestamp()):x}"


@dataclass
class Line:
    """One worker's parts, opened before it joins the group and closed after it left.

    Attributes:
        settings: where it runs.
        consent: what the user accepted.
        app: the Faust app.
        failed: ends the process.
        blocked: ends the process too, from a thread: its event loop stands still for so many seconds.
        passed: told of each crash point.
    """

    settings: Settings
    consent: Consent
    app: faust.App
    failed: Failed
    blocked: Callable[[float], None]
    passed: Pass = unharmed
    metrics: Metrics = field(default_factory=Metrics)
    _closing: list[Closer] = field(default_factory=list)
    assignments: Assignments | None = None
    models: ModelServer | None = None
    slot: Slot | None = None
    delivery: Delivery | None = None
    lag: LagWatch | None = None
    admitted: Admitted | None = None

    async def open(self) -> None:
        """Load the engine, ask the broker, start the stages; nothing has joined the group yet.

        Raises:
            BellwetherError: the port, the model, the broker or the group's offsets.
        """
        settings = self.settings
        self._watch_loop()
        await self._serve_health()
        await self._load_engine()
        admitted = self.admitted = await self.admission().ask()
        self.metrics.expired.inc(admitted.expired)
        delivery = self.delivery = Delivery(
            lambda: kafka_producer(settings.bootstrap),
            replaced=self.metrics.producers_replaced.inc,
            passed=self.passed,
        )
        await delivery.start()
        self._closing.append(delivery.stop)
        pipeline = self._start_pipeline(delivery)
        assignments = self.assignments = Assignments(pipeline, self._consumer, self.metrics, passed=self.passed)
        self._watch_lag(assignments, pipeline)
        if self.models is not None:
            self.models.follow(self._ended)
        self._join_faust(pipeline, assignments)

    def admission(self) -> Admission:
        """The questions that this worker asks before it joins, and those that it asks once it was let in."""
        first = Admission(
            bootstrap=self.settings.bootstrap,
            group=self.settings.group,
            topic=topics.PUBLISHED.name,
            outputs=OUTPUTS,
            memory=self.settings.home,
            accept_expired=self.consent.expired,
            accept_reset=self.consent.reset,
        )
        read = {} if self.lag is None else self.lag.read()
        return first if self.admitted is None else first.again(self.admitted, read)

    async def close(self) -> None:
        """Close what `open` opened, in reverse, each of it whatever the others do; a second call does nothing."""
        while self._closing:
            closer = self._closing.pop()
            try:
                await closer()
            except Exception as error:  # a boundary: an engine's process must not outlive us for a producer's error
                _log.exception(
                    "close_failed", part=getattr(closer, "__qualname__", repr(closer)), error=type(error).__name__
                )

    def _watch_loop(self) -> None:
        watch = LoopWatch(self.blocked)
        watch.start(asyncio.get_running_loop())

        async def close() -> None:
            watch.stop()

        self._closing.append(close)

    async def _serve_health(self) -> None:
        settings = self.settings
        server = HealthServer(
            settings.http_host,
            settings.http_port,
            settings.port_file,
            self.metrics,
            sick=self._sick,
            unready=self._unready,
        )
        await server.start()
        self._closing.append(server.stop)
        _log.info("health_served", address=f"http://{settings.http_host}:{server.port}")

    async def _load_engine(self) -> None:
        server = self.models = ModelServer(self.settings, worker_id(), self.metrics)
        self._closing.append(server.close)
        self.slot = await server.load()

    def _start_pipeline(self, delivery: Delivery) -> Pipeline:
        if self.slot is None:
            raise RuntimeError("the pipeline needs the engine first; this is a bug")
        pipeline = Pipeline(
            slot=self.slot,
            writer=Writer(),
            sink=delivery,
            acknowledge=agent.acknowledge,
            metrics=self.metrics,
            max_records=self.settings.batch_records,
            passed=self.passed,
        )
        pipeline.start()
        pipeline.failure.add_done_callback(self._ended)
        self._closing.append(pipeline.stop)
        return pipeline

    def _ended(self, part: asyncio.Future[None]) -> None:
        """A part that ends by itself ends the worker, and says why."""
        error = None if part.cancelled() else part.exception()
        if error is not None:
            self.failed(error)

    def _watch_lag(self, assignments: Assignments, pipeline: Pipeline) -> None:
        def work() -> Work:
            in_flight = {record.partition for record in pipeline.records_in_flight()}
            return Work(0 if self.slot is None else self.slot.calls, pipeline.is_scoring, in_flight)

        watch = self.lag = LagWatch(
            self.settings.bootstrap,
            self.settings.group,
            topics.PUBLISHED.name,
            OUTPUTS,
            assigned=self._assigned,
            assignments=assignments,
            readmit=lambda: self.admission().ask(),
            work=work,
            watchdog=Watchdog(step_s=max(STALL_S, self.settings.batch_deadline_s + LOOK_S)),
        )
        task = asyncio.get_running_loop().create_task(watch.run())
        task.add_done_callback(self._ended)
        self.metrics.watch_lag(watch.lags, watch.stalls)

        async def close() -> None:
            task.cancel()
            await asyncio.wait([task])  # how it ended is `_ended`'s to say

        self._closing.append(close)

    def _join_faust(self, pipeline: Pipeline, assignments: Assignments) -> None:
        agent.attach(
            self.app,
            pipeline,
            assignments,
            self.failed,
            max_records=self.settings.batch_records,
            wait_s=self.settings.batch_wait_s,
            passed=self.passed,
        )
        self.app.sensors.add(RebalanceSensor(asyncio.get_running_loop(), assignments.revoked))

        async def assigned(app: Any, places: Any, **_: Any) -> None:
            assignments.begin(app.consumer_generation_id, [place.partition for place in places])

        connect: Any = self.app.on_partitions_assigned.connect
        connect(assigned, weak=False)

    def _consumer(self) -> Any:
        return self.app.consumer

    def _assigned(self) -> list[int]:
        generation = None if self.assignments is None else self.assignments.current
        if generation is None or not generation.is_open:
            return []
        return [place.partition for place in self.app.consumer.assignment()]

    def _sick(self) -> list[str]:
        overdue = 0.0 if self.slot is None else self.slot.overdue_s()
        problems = [f"a model call is {overdue:.1f} s past its deadline"] if overdue else []
        stalls = [] if self.lag is None else self.lag.stalls()
        return [*problems, *(str(stall) for stall in stalls if stall.is_over)]

    def _unready(self) -> list[str]:
        if self.slot is None:
            return ["the engine is still loading"]
        problems = [] if self.slot.is_ready else ["the engine's process does not run"]
        if self.delivery is not None and self.delivery.waiting_s() > SILENT_S:
            problems.append(f"the broker has not acknowledged outputs for {self.delivery.waiting_s():.0f} s")
        if self.lag is None:
            return [*problems, "the broker has not admitted this worker yet"]
        if self.lag.silent_s() > SILENT_S:
            problems.append(f"the broker has not answered for {self.lag.silent_s():.0f} s")
        if not self._assigned():
            problems.append("no partitions are assigned")
        return [*problems, *(str(stall) for stall in self.lag.stalls() if not (stall.is_over or stall.is_in_line))]
