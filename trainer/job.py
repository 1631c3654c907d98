"""One training, from labelled files to a folder that can ship."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from models import encoders, manifest
from models.classifier import TRAINING_FILE, read_json
from models.engines import torch_engine
from models.manifest import Manifest
from models.text import CLEANING
from trainer import card, kinds, precision, priors, record, result
from trainer.dataset import SPLIT_RULE, merge
from trainer.finetune import finetune
from trainer.material import gather, task_labels
from trainer.recipe import load
from trainer.run import Parent, Run

CHECKPOINT_FILE = "checkpoint.pt"
"""Lies in the result's folder until everything is written; so a finished order that is given again trains anew."""


@dataclass(frozen=True)
class Order:
    """What to train.

    Attributes:
        data: labelled files; their hash splits decide what is trained on.
        whole: those of `data` that hold nothing to test on: what the split keeps for tests is learnt of them too.
        replay: labelled files of old texts, of which the recipe's `replay` are learnt again beside the new ones.
        parent: folder of the version that training goes on from (`models.parents.open_parent`): its encoder, heads,
            tasks, and calibration where nothing new is known. The encoder's own weights and new heads where None.
        checks: labelled files that nothing is trained on and all of which is scored: other years, other sources.
        siblings: results of the same recipe with other seeds, whose scores the card shows as the spread.
        encoder: known name, folder or hub id@revision; the recipe's where None.
        cache: the project's cache folder; this user's where None.
        headlines: file of texts to build versions with, one a line; drawn from the training texts where None. Eight of
            them will stand, readable, in the manifest of each version.
        has_baselines: whether TF-IDF and majority are measured too; they take a minute or two.
        tell: takes a sentence about what is being done.
    """

    recipe: Path | str
    data: Sequence[Path]
    out: Path
    run: Run
    whole: Sequence[Path] = ()
    replay: Sequence[Path] = ()
    parent: Path | None = None
    checks: Sequence[Path] = ()
    siblings: Sequence[Path] = ()
    encoder: str | None = None
    cache: Path | None = None
    headlines: Path | None = None
    has_baselines: bool = True
    tell: Callable[[str], None] = field(default=lambda _: None)


def train(order: Order) -> dict[str, Any]:
    """Carry out an order; a killed one goes on where it was when it is given again, a finished one begins anew.

    What lies in `out` of an earlier order stays whole until the new weights are there.

    Returns:
        the training record, as written to training.json; empty in the processes beside the main one.

    Raises:
        InputError: recipe, data or encoder cannot be used, or `out` holds the checkpoint of another run.
        ArtefactError: the encoder cannot be brought.
    """
    recipe, recipe_sha256, recipe_bytes = load(order.recipe)
    material = gather(order.data, order.replay, order.checks, recipe, order.run.seed, whole=order.whole)
    name = order.encoder or recipe.encoder
    parent, before = inherited(order.parent)
    encoder = order.parent or encoders.resolve(name, order.cache)
    if before is not None:
        name = before.encoder
    headlines = result.headlines(order.headlines, material.examples, order.run.seed)
    if (most := kinds.longest(encoder)) < recipe.max_length:
        order.tell(f"encoder {name} reads {most} tokens, so texts are cut there and not after {recipe.max_length}")
        recipe = msgspec.structs.replace(recipe, max_length=most)
    tasks = task_labels(material, before)
    start = f"version {parent.version}" if parent else f"encoder {name}"
    order.tell(f"training {recipe.name} on {len(material.examples)} texts, tasks {', '.join(tasks)}, {start}")
    run = replace(order.run, memory=(order.cache or encoders.default_cache()) / precision.FILE)
    done = finetune(recipe, material.examples, tasks, encoder, run, valid=merge(material.valid)[0], parent=parent)
    if not done.is_main:
        return {}
    order.out.mkdir(parents=True, exist_ok=True)
    (order.out / TRAINING_FILE).unlink(missing_ok=True)  # an earlier record says nothing of these weights
    (order.out / "recipe.toml").write_bytes(recipe_bytes)
    priors.correct(done.model, material.examples, recipe.prior_correction, recipe.class_balance)
    result.save_weights(done.model, order.out, record.shown(name))
    result.write_headlines(order.out, headlines)

    order.tell("calibrating and measuring")
    calibrations = before.calibrations_of(torch_engine.FP32) if before else {}
    trained = result.calibrate(order.out, encoder, tasks, material.valid, recipe.max_length, inherited=calibrations)
    facts = {
        "name": recipe.name,
        "kind": recipe.kind,
        "encoder": {"name": record.shown(name), "weights_sha256": encoders.weights_digest(encoder)},
        "parent": parent.version if parent else None,
        "recipe_sha256": recipe_sha256,
        "cleaning": CLEANING,
        "seed": order.run.seed,
        "precision": done.precision,
        "processes": done.processes,
        "prior_correction": dict(recipe.prior_correction),
        "steps": done.steps,
        "best_step": done.best_step,
        "seconds": done.seconds,
        "seconds_per_1000_labels": 1000 * done.seconds / material.labels,
        "trained_texts": len(material.examples),
        "trained_labels": material.labels,
        "replayed_texts": len(material.again),
        "headlines": {"from": order.headlines.name if order.headlines else card.DRAWN, "texts": len(headlines)},
        "merged": dict(material.merged),
        "split": SPLIT_RULE,
        **({"whole": sorted(material.whole)} if material.whole else {}),
        "data": [record.described(file) for file in material.files],
        "replay": [record.described(file) for file in material.old],
        "checks": [record.described(file) for file in material.checks],
        "packages": result.package_versions(),
        "scores": record.measured(
            trained,
            material.tested,
            material.checks,
            material.rows if order.has_baselines else None,
        ),
        "spread": [record.spread(folder, recipe_sha256) for folder in order.siblings],
    }
    result.write_training(order.out, facts)
    facts = read_json(order.out / TRAINING_FILE)
    calibration = read_json(order.out / "calibration.json")
    (order.out / "README.md").write_text(card.card(facts, calibration), encoding="utf-8")
    order.run.checkpoint.unlink(missing_ok=True)
    return facts


def inherited(folder: Path | None) -> tuple[Parent | None, Manifest | None]:
    """A parent version's model and manifest; nothing without one."""
    if folder is None:
        return None, None
    found = manifest.read(folder)
    wide = torch_engine.load_wide(found, folder)
    names = [f"{task}/{label}" for task, entry in found.tasks.items() for label in entry.labels]
    wide.config.id2label = dict(enumerate(names))
    return Parent(found.version, wide), found
