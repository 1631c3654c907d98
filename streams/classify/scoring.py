"""Asks the engine, one model call after the other, and isolates the text that it cannot survive."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Protocol

from models.batching import estimate_tokens
from models.engine import CallReport, Probabilities, Task
from runtime import clock, log
from runtime.errors import EngineError, EngineMemoryError, ModelError
from streams.classify.entities import Linker
from streams.classify.metrics import Metrics
from streams.classify.poison import Isolation
from streams.classify.records import Ready, Refused, Scores, Serving
from streams.classify.speed import Speed

RESTART_PAUSES_S = (0.0, 0.5, 2.0, 5.0)
"""Before each attempt to bring the engine back; a model that does not load in four attempts needs a person."""

PROBE = "Profit rises in the third quarter"
"""What any engine can score: when it fails too, the engine is to blame and not the texts."""

_log = log.get(__name__)


class Hosted(Protocol):
    """What the scorer needs of `models.host.HostedEngine`; blocking, one caller at a time."""

    name: str
    version: str
    cleaning: str
    tasks: Mapping[str, Task]
    last_call: CallReport

    @property
    def is_alive(self) -> bool:
        """Whether the next call has a chance."""
        ...

    def score(self, texts: Sequence[str], deadline_s: float | None = None) -> dict[str, Probabilities]:
        """Probabilities per task; raises EngineError."""
        ...

    def restart(self) -> None:
        """End the process, if there is one, and return when another is warm."""
        ...

    def close(self) -> None:
        """End the process; it may finish what it does for a moment."""
        ...

    def kill(self) -> None:
        """End the process at once and for good, from any thread."""
        ...


def serving_of(engine: Hosted, worker: str) -> Serving:
    """What scored events say about this engine."""
    return Serving(engine.version, engine.name, engine.cleaning, tuple(engine.tasks.values()), worker)


class Scorer:
    """One engine for as long as it lives, with the speed that was measured of it; a swap takes another scorer.

    Args:
        engine: loaded and warm.
        worker: id of this process.
        executor: runs the blocking calls; one thread, because an engine takes one caller at a time. The scorer's own.
        numbers: with the worker's id they name each model call; one counter for all scorers of a process.
        pauses: seconds before each attempt to bring the engine back; none for a challenger: it must not hold up others.
        metrics: told how long calls took.
        speed: measures, and says how much a call may hold.
        link: finds the entities of an article.
        monotonic: for deadlines that the health check sees.
        sleep: waits between restarts.
    """

    def __init__(
        self,
        engine: Hosted,
        *,
        worker: str,
        executor: Executor,
        metrics: Metrics,
        speed: Speed,
        link: Linker,
        numbers: Iterator[int] | None = None,
        pauses: Sequence[float] = RESTART_PAUSES_S,
        monotonic: clock.Monotonic = clock.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._served = (engine, serving_of(engine, worker))
        self._worker = worker
        self._executor = executor
        self._metrics = metrics
        self._speed = speed
        self._link = link
        self._monotonic = monotonic
        self._sleep = sleep
        self._pauses = pauses
        self._numbers = itertools.count(1) if numbers is None else numbers
        self._calls = 0
        self._due: float | None = None
        self._is_left_down = False
        self._too_many = 0

    @property
    def serving(self) -> Serving:
        """Who scores now."""
        return self._served[1]

    @property
    def budget(self) -> int:
        """Estimated tokens that the next model call may hold."""
        return self._speed.budget

    @property
    def is_ready(self) -> bool:
        """Whether the next batch has an engine: its process runs, or a text ended it and the batch brings it back."""
        return self._served[0].is_alive or self._is_left_down

    @property
    def calls(self) -> int:
        """Engine calls and restarts that finished, however they ended: a watchdog's sign of life.

        It stands still while nothing is asked of the engine, so only a worker that has work can be judged by it.
        """
        return self._calls

    def overdue_s(self) -> float:
        """Seconds by which the running call has passed its deadline; 0 when all is well."""
        return 0.0 if self._due is None else max(0.0, self._monotonic() - self._due)

    async def score(self, items: list[Ready], is_wanted: Callable[[], bool]) -> list[Scores | dict[int, Refused]]:
        """Score a batch, in more than one call where the engine cannot survive it whole.

        An engine can live on and fail for good (a GPU after a device-side assert). So a text's last try meets a fresh
        one, and where no text of a batch could be scored, the engine has to prove itself before they are blamed.

        Args:
            items: at least one.
            is_wanted: asked between calls; the rest is left out when nobody waits for the batch any more.

        Raises:
            ModelError: the engine could not be brought back, or fails whatever it is given.
        """
        search = Isolation(len(items))
        scored: list[Scores | dict[int, Refused]] = []
        while is_wanted() and (part := search.next()) is not None:
            begin, end = part
            if search.is_last_try:
                await self._restart()
            else:
                await self.revive()  # it may have died while idle, which no text is to blame for
            try:
                scored.append(await self._call(items[begin:end], begin, is_search=search.is_search))
            except EngineError as error:
                _log.warning("engine_failed", reason=error.reason, texts=end - begin, detail=str(error)[:500])
                if isinstance(error, EngineMemoryError) and end - begin > 1:
                    # A text that is too much alone says nothing about how many others fit into a call.
                    tokens = sum(item.cost for item in items[begin:end])
                    self._too_many = max(self._too_many, tokens)
                    self._speed.exhausted(tokens)
                    _log.warning("budget_cut", tokens=self._speed.budget)
                is_alive = self._served[0].is_alive
                search.failed(error.reason, f"{type(error).__name__}: {error}", is_alive=is_alive)
            else:
                search.succeeded()
        if len(search.given_up) == len(items):
            await self.revive()
            await self._require_working(search)
        self._is_left_down = not self._served[0].is_alive
        scored.append({position: _refused(items[position], *verdict) for position, verdict in _given_up(search)})
        return scored

    async def revive(self) -> None:
        """Bring the engine back where its process ended.

        `score` leaves that to the next batch, so that the outputs of its own need not wait for it.

        Raises:
            ModelError: it does not come back.
        """
        if not self._served[0].is_alive:
            await self._restart()

    async def close(self) -> None:
        """End the engine after the call that it is in, and give its memory back; nothing is scored after it."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._served[0].close)
        self._executor.shutdown(wait=False)

    def kill(self) -> None:
        """End the engine at once; a call in progress ends as a crash that nobody waits for."""
        self._served[0].kill()
        self._executor.shutdown(wait=False)

    async def _call(self, items: list[Ready], begin: int, *, is_search: bool) -> Scores:
        engine, serving = self._served  # read once: one call, one version, one engine
        cost = sum(item.cost for item in items)
        deadline_s = self._speed.search_deadline_s(cost) if is_search else self._speed.deadline_s(cost)
        started = self._monotonic()
        self._due = started + deadline_s + 1.0
        texts = [item.cleaned for item in items]
        try:
            probabilities = await asyncio.get_running_loop().run_in_executor(
                self._executor, engine.score, texts, deadline_s
            )
        finally:
            self._finished()
        self._speed.measured(cost, self._monotonic() - started)
        if 0 < self._too_many <= self._speed.budget:  # so many are asked for again
            self._too_many = 0
            _log.info("budget_restored", tokens=self._speed.budget)
        self._metrics.predicted(len(items), engine.last_call)
        entities = [self._link(item.article, item.text) for item in items]
        places = range(begin, begin + len(items))
        return Scores(places, items, probabilities, entities, serving, f"{self._worker}-{next(self._numbers)}")

    async def _require_working(self, search: Isolation) -> None:
        """Raise unless the engine scores a harmless text; a fresh one, where the last text may have spoilt it."""
        if await self._probe_failed() is None:
            return
        await self._restart()
        if (error := await self._probe_failed()) is not None:
            engine, _ = self._served
            raise ModelError(
                f"engine {engine.name!r} of version {engine.version!r} fails whatever it is given, "
                f"{len(search.given_up)} texts and a harmless one after a restart, last: {error}; un-acknowledged "
                "inputs come again when a worker starts. Check the version with `bellwether models verify`, and its "
                "device"
            ) from error

    async def _probe_failed(self) -> EngineError | None:
        engine, _ = self._served
        deadline_s = self._speed.deadline_s(estimate_tokens(PROBE))
        self._due = self._monotonic() + deadline_s + 1.0
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, engine.score, [PROBE], deadline_s)
        except EngineError as error:
            return error
        finally:
            self._finished()
        return None

    def _finished(self) -> None:
        self._due = None
        self._calls += 1

    async def _restart(self) -> None:
        self._is_left_down = False
        engine, _ = self._served
        if not self._pauses:
            raise ModelError(f"engine {engine.name!r} of version {engine.version!r} ended, and is not brought back")
        for attempt, pause in enumerate(self._pauses, 1):
            await self._sleep(pause)
            self._metrics.engine_restarts.inc()
            try:
                await asyncio.get_running_loop().run_in_executor(self._executor, engine.restart)
            except ModelError as error:
                _log.error("engine_restart_failed", attempt=attempt, detail=str(error)[:500])
                if attempt == len(self._pauses):
                    raise ModelError(
                        f"engine {engine.name!r} of version {engine.version!r} did not come back in {attempt} "
                        f"attempts, last: {error}; un-acknowledged inputs come again when a worker starts"
                    ) from error
            else:
                _log.info("engine_restarted", engine=engine.name, version=engine.version)
                return
            finally:
                self._finished()


def _given_up(search: Isolation) -> list[tuple[int, tuple[str, str]]]:
    return [(position, (verdict.reason, verdict.exception)) for position, verdict in search.given_up.items()]


def _refused(item: Ready, reason: str, exception: str) -> Refused:
    return Refused(item.record, reason, "predict", exception, item.article.event_id)
