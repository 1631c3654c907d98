"""The parts as they are wired by default: the one file that knows all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models import keys, publish, registry
from models.pointer import Pointer
from models.store import Store
from runtime.errors import VersionNotFoundError
from trainer.labels.effective import effective
from trainer.service.folder import Order, RunFolder
from trainer.service.parts import Glance, Parts, Sorted, Tell, Trigger, Work
from trainer.service.records import Judgement
from wire.events import LabelSubmitted


@dataclass(frozen=True)
class Place:
    """Where a trainer finds and leaves things on its machine; plain, so that its run's process gets a copy.

    Attributes:
        registry: folder of versions.
        keys: folder of the signing key.
        cache: the project's cache folder.
        recipe: a TOML file or the name of one that ships.
        base: labelled files that every run learns from again.
        threads: processor threads of a run; 0 = all cores.
    """

    registry: Path
    keys: Path
    cache: Path
    recipe: str
    base: tuple[Path, ...] = ()
    threads: int = 0


def parts(place: Place, store: Store, labels: int, announce: Callable[[Pointer], None]) -> Parts:
    """What a trainer runs with.

    Args:
        place: see there.
        store: of versions.
        labels: new ones that begin a run.
        announce: tells workers that the pointer moved.
    """
    trust = place.keys / keys.TRUST_FILE

    def bring(version: str) -> None:
        publish.publish(store, registry.resolve(version, place.registry), trust)

    def is_published(version: str) -> bool:
        return store.read(publish.manifest_path(version)) is not None

    return Parts(
        decide=partial(decided, labels),
        sort=sorted_,
        work=Work(train=partial(train, place), build=partial(build, place), judge=partial(judge, place)),
        has=partial(has, place),
        publish=bring,
        is_published=is_published,
        announce=announce,
    )


def decided(labels: int, glance: Glance) -> Trigger | None:
    """A run for every so many new labels."""
    if glance.labels < labels:
        return None
    return Trigger(f"{glance.labels:,} new labels, and {labels:,} begin a run")


def sorted_(labels: Iterable[LabelSubmitted]) -> Sorted:
    """The label that counts for each event and task, of those that have their text."""
    return Sorted(effective((label for label in labels if label.text is not None), {}))


def has(place: Place, version: str) -> bool:
    """Whether this machine holds a version."""
    try:
        registry.resolve(version, place.registry)
    except VersionNotFoundError:
        return False
    return True


def train(place: Place, order: Order, folder: RunFolder, tell: Tell) -> None:
    """Fine-tune on the run's labels and the base files; goes on from a checkpoint in the run's folder."""
    import torch
    from transformers.utils import logging

    from models.build import HEADLINES
    from trainer import job
    from trainer.run import Progress, Run

    def report(at: Progress) -> None:
        tell(f"step {at.step} of {at.steps}, loss {at.loss:.3f}, {at.seconds_left:.0f} s left")

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if place.threads:
        torch.set_num_threads(place.threads)
    run = Run(checkpoint=folder.trained / job.CHECKPOINT_FILE, seed=order.seed, report=report, report_every_s=10.0)
    job.train(
        job.Order(
            recipe=place.recipe,
            data=[folder.kept, *place.base],
            out=folder.trained,
            run=run,
            cache=place.cache,
            headlines=HEADLINES,  # drawn from labels, eight would stand in the manifest, out of reach of an erasure
            has_baselines=False,
            tell=tell,
        )
    )


def build(place: Place, _: Order, folder: RunFolder, tell: Tell) -> str:
    """A version of the training result, in this machine's registry."""
    from models import build, encoders
    from trainer import recipe

    encoder = encoders.resolve(recipe.load(place.recipe)[0].encoder, place.cache)
    return build.build(
        build.Order(
            trained=folder.trained,
            registry=place.registry,
            keys=place.keys,
            encoder=encoder,
            cache=place.cache,
            tell=tell,
        )
    )


def judge(_: Place, __: Order, ___: RunFolder, version: str) -> Judgement:
    """No gate is wired yet, so nothing promotes by itself."""
    return Judgement(
        verdict="same",
        reasons=(f"no gate has looked at {version}; `bellwether models promote {version}` is a person's",),
        is_sound=False,
    )
