"""One training, from labelled files to a folder that can ship."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from models import encoders
from models.classifier import TRAINING_FILE, Trained, read_json
from models.engine import Probabilities, Task
from models.text import CLEANING
from runtime.errors import InputError
from trainer import baseline, card, result
from trainer.dataset import SPLIT_RULE, DataFile, Example, Row, merge, part_of, read_file, task_labels
from trainer.evaluate import report, trained_probabilities
from trainer.finetune import Run, finetune, longest
from trainer.recipe import Recipe, load

CHECKPOINT_FILE = "checkpoint.pt"
"""Lies in the result's folder until everything is written; so a finished order that is given again trains anew."""


@dataclass(frozen=True)
class Order:
    """What to train.

    Attributes:
        data: labelled files; their hash splits decide what is trained on.
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
        the training record, as written to training.json.

    Raises:
        InputError: recipe, data or encoder cannot be used, or `out` holds the checkpoint of another run.
        ArtefactError: the encoder cannot be brought.
    """
    recipe, recipe_sha256, recipe_bytes = load(order.recipe)
    files = [read_file(path) for path in order.data]
    checks = [read_file(path) for path in order.checks]
    rows = [row for file in files for row in file.rows]
    tasks = task_labels(rows)
    examples, merged = training_part(rows, recipe)
    name = order.encoder or recipe.encoder
    encoder = encoders.resolve(name, order.cache)
    headlines = result.headlines(order.headlines, examples, order.run.seed)
    if (most := longest(encoder)) < recipe.max_length:
        order.tell(f"encoder {name} reads {most} tokens, so texts are cut there and not after {recipe.max_length}")
        recipe = msgspec.structs.replace(recipe, max_length=most)
    order.tell(f"training {recipe.name} on {len(examples)} texts, tasks {', '.join(tasks)}, encoder {name}")
    done = finetune(recipe, examples, tasks, encoder, order.run)
    order.out.mkdir(parents=True, exist_ok=True)
    (order.out / TRAINING_FILE).unlink(missing_ok=True)  # an earlier record says nothing of these weights
    (order.out / "recipe.toml").write_bytes(recipe_bytes)
    result.correct_priors(done.model, examples, recipe.prior_correction)
    result.save_weights(done.model, order.out, shown(name))
    result.write_headlines(order.out, headlines)

    order.tell("calibrating and measuring")
    valid = [row for row in rows if part_of(row.key) == "valid"]
    trained = result.calibrate(order.out, encoder, tasks, valid, recipe.max_length)
    facts = {
        "name": recipe.name,
        "encoder": {"name": shown(name), "weights_sha256": encoders.weights_digest(encoder)},
        "recipe_sha256": recipe_sha256,
        "cleaning": CLEANING,
        "seed": order.run.seed,
        "precision": done.precision,
        "prior_correction": dict(recipe.prior_correction),
        "steps": done.steps,
        "seconds": done.seconds,
        "trained_texts": len(examples),
        "headlines": {"from": order.headlines.name if order.headlines else card.DRAWN, "texts": len(headlines)},
        "merged": dict(merged),
        "split": SPLIT_RULE,
        "data": [described(file) for file in files],
        "checks": [described(file) for file in checks],
        "packages": result.package_versions(),
        "scores": measured(trained, files, checks, rows if order.has_baselines else None),
        "spread": [spread(folder, recipe_sha256) for folder in order.siblings],
    }
    result.write_training(order.out, facts)
    facts = read_json(order.out / TRAINING_FILE)
    calibration = read_json(order.out / "calibration.json")
    (order.out / "README.md").write_text(card.card(facts, calibration), encoding="utf-8")
    order.run.checkpoint.unlink(missing_ok=True)
    return facts


def training_part(rows: Sequence[Row], recipe: Recipe) -> tuple[list[Example], Counter[str]]:
    """The examples to learn from: near-copies merged, thinned to the recipe's fraction by a hash of their own."""
    examples, merged = merge([row for row in rows if part_of(row.key) == "train"])
    if recipe.fraction < 1:
        examples = [example for example in examples if _share(example.key) < recipe.fraction]
    if not examples:
        raise InputError("no text is left to train on; give more data or a larger `fraction`")
    return examples, merged


def _share(key: str) -> float:
    return int.from_bytes(hashlib.sha256(b"fraction:" + key.encode()).digest()[:8], "big") / 2**64


def measured(
    trained: Trained, files: Sequence[DataFile], checks: Sequence[DataFile], rows: Sequence[Row] | None
) -> list[dict[str, Any]]:
    """Scores per file and task: on the test parts, and the whole of each check; baselines too where rows are given."""
    found: list[dict[str, Any]] = []
    for task in trained.tasks.values():
        seen = [row for row in rows or () if row.task == task.name and part_of(row.key) == "train"]
        labels = [row.label for row in seen]
        tfidf = baseline.tfidf(task, [row.text for row in seen], labels) if seen else None
        for file, part in [*((file, "test") for file in files), *((file, "all") for file in checks)]:
            own = [row for row in file.rows if row.task == task.name and part in ("all", part_of(row.key))]
            if own:
                texts = [row.text for row in own]
                others: dict[str, Probabilities] = {}
                if tfidf is not None:
                    others = {"tfidf": tfidf(texts), "majority": baseline.majority(task, labels, len(texts))}
                found.append({"data": file.name, "part": part, **_scored(trained, task, own, others)})
    return found


def _scored(trained: Trained, task: Task, own: Sequence[Row], others: Mapping[str, Probabilities]) -> dict[str, Any]:
    texts, truth = [row.text for row in own], [row.label for row in own]

    def brief(probabilities: Probabilities) -> dict[str, float]:
        full = report(task, probabilities, truth)
        return {"accuracy": full.accuracy, "macro_f1": full.macro_f1, "ece": full.ece}

    model = report(task, trained_probabilities(trained, texts, task.name), truth).as_json()
    model.pop("confusion")
    before = brief(trained_probabilities(trained, texts, task.name, scaled=False))["ece"]
    return {**model, "ece_before": before, **{name: brief(found) for name, found in others.items()}}


def spread(folder: Path, recipe_sha256: str) -> dict[str, Any]:
    """What the card shows of a sibling: its seed and main scores.

    Raises:
        ModelError: the folder is no training result.
    """
    facts = read_json(folder / TRAINING_FILE)
    scores = [
        {key: score[key] for key in ("data", "part", "task", "n", "accuracy", "macro_f1", "ece")}
        for score in facts["scores"]
    ]
    return {
        "name": facts["name"],
        "encoder": facts["encoder"]["name"],
        "seed": facts["seed"],
        "trained_texts": facts["trained_texts"],
        "steps": facts["steps"],
        "same_recipe": facts["recipe_sha256"] == recipe_sha256,
        "scores": scores,
    }


def described(file: DataFile) -> dict[str, Any]:
    """A data file in the record: name, digest, usable rows per part, and what was skipped why."""
    parts: Mapping[str, int] = Counter(part_of(row.key) for row in file.rows)
    return {
        "name": file.name,
        "sha256": file.sha256,
        "rows": {part: parts.get(part, 0) for part in ("train", "valid", "test")},
        "skipped": dict(file.skipped),
    }


def shown(encoder: str) -> str:
    """The encoder's name as others may read it: a folder by its last part, without this machine's path."""
    return Path(encoder).name if Path(encoder).is_dir() else encoder
