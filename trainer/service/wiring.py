"""The parts as they are wired by default: the one file that knows all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from models import parents, publish, pull, registry
from models.measure import Labelled
from models.pointer import Pointer
from models.store import Store, open_store
from runtime import log
from runtime.errors import InputError, VersionNotFoundError
from trainer import triggers
from trainer.gate import limits
from trainer.gate.limits import Limits
from trainer.labels.policy import Policy
from trainer.service.drifting import Drift
from trainer.service.folder import Order, RunFolder
from trainer.service.judging import judged, slices
from trainer.service.parts import Glance, Parts, Tell, Trigger, Work
from trainer.service.place import Place
from trainer.service.records import Judgement
from trainer.service.relearning import deciding, without
from trainer.service.selecting import Selection
from trainer.triggers import Rules, State

MEASURED_TEXTS = 200
"""Of each base file and task, for each engine's figures in a version's manifest: they cost seconds."""

MIN_AGREEMENT = 0.85
"""Of int8 with full precision on the headlines. `models build` wants 0.95, as nobody judges its versions; a trainer's
are judged in the form that is served, on labelled texts. Of the twenty topics a few near ties are enough to be under
0.95: four trainings on a drifted stream had 0.93 to 0.99."""

_log = log.get(__name__)


def parts(
    place: Place, store: Store, *, policy: Policy, rules: Rules, drift: Drift, announce: Callable[[Pointer], None]
) -> Parts:
    """What a trainer runs with.

    Args:
        place: see there.
        store: of versions.
        policy: of labellers.
        rules: when a run begins.
        drift: watches the champion.
        announce: tells workers that the pointer moved.

    Raises:
        InputError: a file of the place cannot be read.
    """
    selection = Selection(place, policy)

    def bring(version: str) -> None:
        publish.publish(store, registry.resolve(version, place.registry), place.trust)

    def is_published(version: str) -> bool:
        return store.read(publish.manifest_path(version)) is not None

    return Parts(
        decide=partial(decided, rules, drift, later_texts=limits_of(place).later_texts),
        ranks=policy.ranks,
        sort=selection.sort,
        believed=selection.believed,
        work=Work(train=partial(train, place), build=partial(build, place), judge=partial(judge, place)),
        has=partial(has, place),
        publish=bring,
        is_published=is_published,
        announce=announce,
        follow=drift.follow,
        answered=drift.answered,
        begun=drift.begin,
        labelled=drift.labelled,
        forgotten=drift.forget,
    )


def decided(rules: Rules, drift: Drift, glance: Glance, *, later_texts: int) -> Trigger | None:
    """Ask `trainer.triggers`, with what the last run took and what has drifted since.

    A run by number or drift alone waits for `later_texts` texts set aside: with fewer its gate says `too few`.
    """
    from datetime import datetime

    last_run = None if glance.last is None else datetime.fromisoformat(glance.last.began)
    found = triggers.decide(State(glance.now, glance.labels, last_run, glance.champion_since, drift.alarms), rules)
    if not found.run:
        return None
    is_old = "age" in found.reasons
    waits = not {"age", "clock"} & set(found.reasons)
    return Trigger(found.words, may_be_same=is_old, least_aside=later_texts if waits else 0)


def limits_of(place: Place) -> Limits:
    """The gate's numbers: the place's file, or the defaults.

    Raises:
        InputError: the file holds no limits.
    """
    return limits.load(place.limits) if place.limits else Limits()


def has(place: Place, version: str) -> bool:
    """Whether this machine holds a version."""
    try:
        registry.resolve(version, place.registry)
    except VersionNotFoundError:
        return False
    return True


def train(place: Place, order: Order, folder: RunFolder, tell: Tell) -> None:
    """Fine-tune on the run's labels; goes on from a checkpoint in the run's folder.

    A recipe that goes on does so from the champion, with the base files as old texts; another begins with its encoder,
    and learns the base files too. Of these nothing is learnt that is like a text that decides.
    """
    import torch
    from transformers.utils import logging

    from models.build import HEADLINES
    from trainer import job, recipe
    from trainer.run import Progress, Run

    def report(at: Progress) -> None:
        tell(f"step {at.step} of {at.steps}, loss {at.loss:.3f}, {at.seconds_left:.0f} s left")

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if place.threads:
        torch.set_num_threads(place.threads)
    base, refused = without(deciding(place, folder.aside), place.base, folder.base)
    _log.info("base_sorted", refused=dict(refused))
    tell(f"{sum(refused.values())} rows of the base files are like texts that decide, and are not learnt")
    goes_on = recipe.load(place.recipe)[0].goes_on and order.parent is not None
    run = Run(checkpoint=folder.trained / job.CHECKPOINT_FILE, seed=order.seed, report=report, report_every_s=1.0)
    job.train(
        job.Order(
            recipe=place.recipe,
            data=[folder.kept] if goes_on else [folder.kept, *base],
            whole=[folder.kept],  # the gate has texts of its own
            replay=base if goes_on else (),
            parent=_brought(place, order.parent) if goes_on and order.parent else None,
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
    from models.classifier import TRAINING_FILE, read_json
    from trainer import recipe

    facts = read_json(folder.trained / TRAINING_FILE)
    if facts.get("parent"):
        encoder = parents.encoder_of(facts, place.registry, place.trust, place.cache)
    else:
        encoder = encoders.resolve(recipe.load(place.recipe)[0].encoder, place.cache)  # facts may name it shortened
    return build.build(
        build.Order(
            trained=folder.trained,
            registry=place.registry,
            keys=place.keys,
            encoder=encoder,
            cache=place.cache,
            labelled=measured_on(place.base, folder.trained, tell),
            min_agreement=MIN_AGREEMENT,
            tell=tell,
        )
    )


def measured_on(base: Sequence[Path], trained: Path, tell: Tell) -> list[Labelled]:
    """What a version's engines are measured on: the first texts of each base file and task that nothing learnt."""
    from trainer.held_out import unseen

    found: list[Labelled] = []
    for path in base:
        try:
            found += unseen([path], trained)
        except InputError as error:  # a small file has no text of that part: no reason to end a run
            tell(f"the engines are not measured on it: {error}")
    return [replace(one, texts=one.texts[:MEASURED_TEXTS], truth=one.truth[:MEASURED_TEXTS]) for one in found]


def judge(place: Place, order: Order, folder: RunFolder, version: str, tell: Tell) -> Judgement:
    """Let the gate compare the version with the champion; without one there is nobody to compare with."""
    if order.parent is None:
        return Judgement(
            verdict="same",
            reasons=(f"no champion to compare {version} with; `bellwether models promote {version}` is a person's",),
            is_sound=False,
        )
    _brought(place, order.parent)
    champion, challenger = (
        registry.open_engine(name, registry=place.registry, trust=place.trust, threads=place.threads or None)
        for name in (order.parent, version)
    )
    of = partial(slices, folder.aside, place.base, place.golden, place.rare)
    return judged(champion, challenger, of, limits_of(place), tell)


def _brought(place: Place, version: str) -> Path:
    """A version's folder on this machine, from the store where it is not here."""
    if not has(place, version):
        pull.pull(open_store(place.store), version, place.registry, place.trust)
    return parents.open_parent(version, place.registry, place.trust)
