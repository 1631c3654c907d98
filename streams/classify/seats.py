"""Makes scorers: starts an engine's process, and knows all that are warm, so that none outlives the worker."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from models.host import HostedEngine
from models.specs import EngineSpec
from runtime import log
from runtime.settings import Settings
from streams.classify.background import in_background
from streams.classify.engine_choice import engine_spec
from streams.classify.entities import Linker
from streams.classify.metrics import Metrics
from streams.classify.scoring import RESTART_PAUSES_S, Scorer
from streams.classify.speed import Speed

_log = log.get(__name__)


class Seats:
    """The engines of one worker.

    Args:
        settings: deadlines and memory of an engine, and where versions are.
        worker: id of this process.
        metrics: told how long calls took.
        link: finds the entities of an article.
    """

    def __init__(self, settings: Settings, worker: str, metrics: Metrics, link: Linker) -> None:
        self._settings = settings
        self._worker = worker
        self._metrics = metrics
        self._link = link
        self._numbers = itertools.count(1)
        self._taken: list[Scorer] = []

    def spec(self, version: str | None = None) -> EngineSpec:
        """What to load: a version with the engine that the settings name, or what they name altogether."""
        return engine_spec(self._settings if version is None else self._settings.model_copy(update={"model": version}))

    def host(self, spec: EngineSpec, *, gives_way: bool = False) -> HostedEngine:
        """Start an engine's process and return when it is warm; blocking.

        Args:
            spec: what to load.
            gives_way: it loads with what others leave of the processors.

        Raises:
            ModelError: it does not verify, load or warm up.
        """
        return HostedEngine.start(
            spec,
            deadline_s=self._settings.batch_deadline_s,
            growth_mib=self._settings.engine_growth_mib,
            gives_way=gives_way,
        )

    async def load(
        self, version: str, pauses: Sequence[float] = RESTART_PAUSES_S, *, is_counted: bool = True
    ) -> Scorer:
        """A scorer for a version that is on this machine, loaded beside the one that serves.

        Where the worker ends meanwhile, nobody waits: the engine's process ends with ours.

        Args:
            version: its `v-` name.
            pauses: before each try to bring its engine back.
            is_counted: whether the worker's metrics tell of its calls; a shadow's would be taken for the champion's.

        Raises:
            ModelError: it does not verify, load or warm up.
            OSError: the system gives no more threads.
        """
        engine = await in_background(partial(self.host, self.spec(version), gives_way=True), "engine-load")
        return self.scorer(engine, pauses, self._metrics if is_counted else Metrics())

    def scorer(
        self, engine: HostedEngine, pauses: Sequence[float] = RESTART_PAUSES_S, metrics: Metrics | None = None
    ) -> Scorer:
        """A scorer of a warm engine, which `kill_all` ends; the worker's own metrics tell of its calls by default."""
        settings = self._settings
        scorer = Scorer(
            engine,
            worker=self._worker,
            executor=ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine"),
            metrics=metrics or self._metrics,
            speed=Speed(settings.batch_deadline_s, engine.warm_tokens_per_s),
            link=self._link,
            numbers=self._numbers,
            pauses=pauses,
        )
        self._taken.append(scorer)
        _log.info("engine_loaded", engine=engine.name, version=engine.version, engine_pid=engine.pid)
        return scorer

    async def give_up(self, scorer: Scorer) -> None:
        """End an engine that nobody asks any more."""
        await scorer.close()
        self._taken.remove(scorer)  # not before it has ended: `kill_all` may come first
        _log.info("engine_closed", engine=scorer.serving.engine, version=scorer.serving.version)

    def kill_all(self) -> None:
        """End all engines at once."""
        for scorer in list(self._taken):
            scorer.kill()
