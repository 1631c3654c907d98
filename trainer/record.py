"""What is written down of a training: data by name and digest, and scores on texts that it never saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.classifier import TRAINING_FILE, Trained, read_json
from models.engine import Probabilities, Task
from trainer import baseline
from trainer.dataset import DataFile, Row, part_of
from trainer.evaluate import report, trained_probabilities


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
