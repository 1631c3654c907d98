"""What `bellwether trainer run` does around the service: registry, lease, metrics, and an end by signal."""

from __future__ import annotations

import hashlib
import logging
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import NamedTuple

import msgspec

from models import keys
from models.pointer import Pointer
from models.store import open_store, require_conditions
from runtime.crashpoints import crash_points
from runtime.settings import Settings
from trainer import recipe as recipes
from trainer import triggers
from trainer.dataset import part_of, read_file
from trainer.labels.policy import load as load_policy
from trainer.labels.unpark import Search
from trainer.novelty import Reference
from trainer.service import wiring
from trainer.service.drifting import Drift
from trainer.service.folder import digest_of
from trainer.service.lease import Lease
from trainer.service.metrics import Metrics, served
from trainer.service.place import Place
from trainer.service.records import Plan
from trainer.service.rules import Recipe, Rules
from trainer.service.service import Service
from trainer.service.unparking import Unparking
from wire.events import LabelSubmitted

REFERENCE_TEXTS = 5_000
"""Texts that the reference is built from: its 32 centres do not move for more, and it takes some seconds."""


class Chosen(NamedTuple):
    """What the operator chose; see the command's help."""

    recipe: str
    base: tuple[Path, ...]
    golden: Path | None
    rare: Path | None
    limits: Path | None
    rules: Path | None
    labels: int | None
    seed: int
    threads: int
    shadow_s: float
    watch_s: float


def serve(
    where: Settings,
    chosen: Chosen,
    group: str,
    who: str,
    *,
    announce: Callable[[str, Pointer], None],
    submit: Callable[[str, Sequence[LabelSubmitted]], None],
) -> None:
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
    place = Place(
        registry=where.registry_folder,
        keys=where.keys_folder,
        cache=where.cache,
        store=where.store_url,
        recipe=chosen.recipe,
        base=base,
        golden=chosen.golden and chosen.golden.resolve(),
        rare=chosen.rare and chosen.rare.resolve(),
        limits=chosen.limits and chosen.limits.resolve(),
        threads=chosen.threads,
    )
    keys.ensure(where.keys_folder)
    policy, rules = load_policy(where.labellers), rules_of(chosen)
    drift = Drift(policy.ranks, reference_of(base))
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
            labels=where.label_store,
            store=store,
            parts=wiring.parts(
                place, store, policy=policy, rules=rules, drift=drift, announce=partial(announce, where.bootstrap)
            ),
            unparking=Unparking(Search(where.bootstrap), partial(submit, where.bootstrap)),
            rules=Rules(
                Recipe(digest, chosen.seed, base, given_by(place)), Plan(chosen.shadow_s), watch_s=chosen.watch_s
            ),
            who=who,
            metrics=metrics,
            passed=crash_points(where.crash_at),
        ).run(stopped.is_set)


def given_by(place: Place) -> str:
    """SHA-256 of the files that a run is given, each as what it is for.

    Raises:
        InputError: one cannot be read.
    """
    files = {"base": place.base, "golden": (place.golden,), "rare": (place.rare,), "limits": (place.limits,)}
    found = [f"{name} {digest_of([path for path in paths if path])}" for name, paths in files.items()]
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def rules_of(chosen: Chosen) -> triggers.Rules:
    """When runs begin: the rules' file, and `--labels` where it is given; the lesser numbers are never above it.

    Raises:
        InputError: the file holds no rules.
    """
    rules = triggers.load(chosen.rules) if chosen.rules else triggers.Rules()
    if chosen.labels is None:
        return rules
    return msgspec.structs.replace(
        rules,
        labels=chosen.labels,
        least_labels=min(rules.least_labels, chosen.labels),
        drift_labels=min(rules.drift_labels, chosen.labels),
    )


def reference_of(base: Sequence[Path]) -> Reference | None:
    """What the novelty of a text is measured by: the training part of the base files; None without any.

    Drawn by a hash, so that each of several files has its share.
    """
    rows = {row.key: row.text for path in base for row in read_file(path).rows if part_of(row.key) == "train"}
    keys = sorted(rows, key=lambda key: hashlib.sha256(f"novelty:{key}".encode()).digest())
    return Reference.of([rows[key] for key in keys[:REFERENCE_TEXTS]]) if keys else None
