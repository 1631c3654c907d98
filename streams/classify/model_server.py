"""All that a worker does about models: loads the first, follows the pointer where it shall, and says what serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from models.host import HostedEngine
from runtime import clock
from runtime.settings import Settings
from streams.classify import champion
from streams.classify.background import in_background
from streams.classify.champion import Champions, Start
from streams.classify.delivery import Delivery, kafka_producer
from streams.classify.entities import linker
from streams.classify.metrics import Metrics
from streams.classify.scoring import Scorer
from streams.classify.seats import Seats
from streams.classify.side_topics import FAREWELL_S, Announcer, hear_moves
from streams.classify.slot import Slot
from streams.classify.swapper import Swapper
from streams.classify.trial import Trial
from streams.classify.trust_watch import TrustWatch
from wire.events import ModelServed

Ended = Callable[[asyncio.Future[None]], None]


class ModelServer:
    """The models of one worker, from the first engine to the last.

    Args:
        settings: which model, and where versions are.
        worker: id of this process.
        metrics: told who serves.
    """

    def __init__(self, settings: Settings, worker: str, metrics: Metrics) -> None:
        self._settings = settings
        self._worker = worker
        self._metrics = metrics
        self._seats = Seats(settings, worker, metrics, linker(settings.aliases))
        self._champions = Champions(settings)
        self._start: Start[Scorer] | None = None
        self._slot: Slot | None = None
        self._trial: Trial | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_following(self) -> bool:
        """Whether the pointer says what serves."""
        return self._settings.model == champion.NAME

    async def load(self) -> Slot:
        """Load what shall serve first; it may take a download.

        Raises:
            ModelError: it cannot be had, or does not verify, load or warm up.
        """
        start = await in_background(self._first, "engine-load")
        self._start = Start(self._seats.scorer(start.loaded), start.generation, start.refused)
        self._slot = Slot(self._start.loaded, self._metrics)
        return self._slot

    def follow(self, ended: Ended) -> None:
        """Say what serves, and follow the pointer where it shall say so; `ended` is told of a task that ends."""
        start, slot = self._start, self._slot
        if start is None or slot is None:
            raise RuntimeError("nothing is loaded yet; this is a bug")
        bootstrap = self._settings.bootstrap
        announcer = Announcer(bootstrap, self._worker)
        self._run(announcer.run(), ended)
        self._run(TrustWatch(self._settings, slot).run(), ended)
        if not self.is_following:
            serving = slot.serving
            announcer.say(
                ModelServed(worker=self._worker, version=serving.version, engine=serving.engine, since=clock.now())
            )
            return
        trial = self._trial = Trial(
            self._seats, slot, lambda: Delivery(lambda: kafka_producer(bootstrap)), self._metrics
        )
        swapper = Swapper(self._champions, self._seats, slot, trial, start, metrics=self._metrics, say=announcer.say)
        self._run(swapper.run(), ended)
        self._run(hear_moves(bootstrap, swapper.moved), ended)

    async def close(self) -> None:
        """Follow nothing any more, and end all engines at once."""
        for task in self._tasks:
            task.cancel()
        if self._trial is not None:
            await self._trial.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL_S)
        self._seats.kill_all()

    def _first(self) -> Start[HostedEngine]:
        if not self.is_following:
            return Start(self._seats.host(self._seats.spec()), 0)
        return self._champions.first(lambda version: self._seats.host(self._seats.spec(version)))

    def _run(self, work: Coroutine[Any, Any, None], ended: Ended) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(ended)
        self._tasks.append(task)
