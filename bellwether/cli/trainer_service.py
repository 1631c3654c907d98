"""What `bellwether trainer run` does around the service: registry, lease, metrics, and an end by signal."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import NamedTuple

from models.pointer import Pointer
from models.store import open_store, require_conditions
from runtime.crashpoints import crash_points
from runtime.settings import Settings
from trainer import recipe as recipes
from trainer.service import wiring
from trainer.service.leading import Recipe, Rules
from trainer.service.lease import Lease
from trainer.service.metrics import Metrics, served
from trainer.service.promotion import Plan
from trainer.service.service import Service


class Chosen(NamedTuple):
    """What the operator chose; see the command's help."""

    recipe: str
    base: tuple[Path, ...]
    labels: int
    seed: int
    threads: int
    shadow_s: float
    watch_s: float


def serve(
    where: Settings, chosen: Chosen, group: str, who: str, announce: Callable[[str, Pointer], None]
) -> None:  # fmt: skip
    """Run a trainer until a signal ends it.

    Raises:
        InputError: the recipe or a base file cannot be read.
        BrokerError: nobody answers, or there is no label topic.
        StoreError: the registry does not answer, or ignores conditions.
    """
    logging.getLogger("kafka").setLevel(logging.ERROR)  # it says much, and all that matters we say ourselves
    _, digest, _ = recipes.load(chosen.recipe)
    store = open_store(where.store_url, make=True)
    require_conditions(store)
    base = tuple(path.resolve() for path in chosen.base)  # the run's process may stand elsewhere
    place = wiring.Place(where.registry_folder, where.keys_folder, where.cache, chosen.recipe, base, chosen.threads)
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    metrics = Metrics()
    with (
        Lease(where.bootstrap, group, who) as lease,
        served(metrics, where.http_host, where.http_port, where.port_file),
    ):
        Service(
            bootstrap=where.bootstrap,
            lease=lease,
            state=where.home / "trainer",
            labels=where.home / "labels.sqlite",
            store=store,
            parts=wiring.parts(place, store, chosen.labels, partial(announce, where.bootstrap)),
            rules=Rules(Recipe(digest, chosen.seed, base), Plan(chosen.shadow_s), watch_s=chosen.watch_s),
            who=who,
            metrics=metrics,
            passed=crash_points(where.crash_at),
        ).run(stopped.is_set)
