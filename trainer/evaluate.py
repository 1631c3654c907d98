"""A model against labelled texts: from probabilities and labels to one report, for a person, a script or a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models import scores
from models.batching import batches
from models.calibration import softmax
from models.classifier import Trained, columns, logits
from models.engine import Engine, Probabilities, Task
from runtime.errors import InputError
from trainer.dataset import Row

BATCH_TOKENS = 4096
"""Padded tokens per call of an engine; more gains nothing on a CPU and costs memory."""


@dataclass(frozen=True)
class Report:
    """How a model does on one task of one set of texts.

    Attributes:
        matrix: counts, int64 [truth, guess], in the order of `labels`.
        intervals: 95 % bootstrap intervals of accuracy, macro_f1 and ece.
        answered: share of texts on which the model did not abstain.
        accuracy_answered: accuracy on those.
    """

    task: str
    labels: tuple[str, ...]
    n: int
    accuracy: float
    macro_f1: float
    roc_auc: float
    ece: float
    answered: float
    accuracy_answered: float
    per_class: Mapping[str, scores.ClassScore]
    matrix: npt.NDArray[np.int64]
    intervals: Mapping[str, scores.Interval]

    def as_json(self) -> dict[str, Any]:
        """Plain data; the confusion matrix as {truth: {guess: count}}."""
        confusion = {
            truth: {guess: int(self.matrix[i, j]) for j, guess in enumerate(self.labels)}
            for i, truth in enumerate(self.labels)
        }
        return {
            "task": self.task, "n": self.n, "accuracy": self.accuracy, "macro_f1": self.macro_f1,
            "roc_auc": self.roc_auc, "ece": self.ece,
            "per_class": {label: asdict(score) for label, score in self.per_class.items()},
            "intervals": {name: [interval.low, interval.high] for name, interval in self.intervals.items()},
            "answered": self.answered, "accuracy_answered": self.accuracy_answered,
            "abstained": 1.0 - self.answered, "confusion": confusion,
        }  # fmt: skip


def report(task: Task, probabilities: Probabilities, truth: Sequence[str]) -> Report:
    """Measure a model's probabilities against labels.

    Args:
        task: whose labels name the columns.
        probabilities: calibrated, float32 [texts, classes].
        truth: a label of the task for each text.

    Raises:
        InputError: there is no text, or a label is not one of the task's.
    """
    if not truth:
        raise InputError(
            f"no text with a label of task {task.name!r} to evaluate on; its labels: {', '.join(task.labels)}"
        )
    unknown = sorted(set(truth) - set(task.labels))
    if unknown:
        raise InputError(f"label {unknown[0]!r} is none of task {task.name!r}; its labels: {', '.join(task.labels)}")
    index = {label: column for column, label in enumerate(task.labels)}
    true = np.array([index[label] for label in truth])
    guess, top = probabilities.argmax(1), probabilities.max(1)
    matrix = scores.confusion(true, guess, len(task.labels))
    answered = top >= task.abstain_below
    return Report(
        task=task.name,
        labels=task.labels,
        n=len(true),
        accuracy=float(scores.accuracy(matrix)),
        macro_f1=float(scores.macro_f1(matrix)),
        roc_auc=scores.roc_auc(probabilities, true),
        ece=scores.expected_calibration_error(probabilities, true),
        answered=float(answered.mean()),
        accuracy_answered=float((guess == true)[answered].mean()) if answered.any() else float("nan"),
        per_class=scores.per_class(matrix, task.labels),
        matrix=matrix,
        intervals=scores.bootstrap(probabilities, true),
    )


def probabilities_of(engine: Engine, texts: Sequence[str], task: str) -> Probabilities:
    """An engine's probabilities for one task, in the order of the texts, float32 [texts, classes].

    Raises:
        EngineError: the runtime failed.
    """
    result = np.zeros((len(texts), len(engine.tasks[task].labels)), dtype=np.float32)
    for batch in batches(engine.token_counts(texts), BATCH_TOKENS):
        result[batch] = engine.score([texts[i] for i in batch])[task]
    return result


def trained_probabilities(trained: Trained, texts: Sequence[str], task: str, *, scaled: bool = True) -> Probabilities:
    """A training result's probabilities for one task without an engine; `scaled` by its temperature or not."""
    return softmax(task_logits(trained, texts, task), trained.temperatures[task] if scaled else 1.0)


def task_logits(trained: Trained, texts: Sequence[str], task: str) -> npt.NDArray[np.float32]:
    """Logits of one task in the order of its labels, float32 [texts, classes]."""
    found = columns(trained.model.config)[task]
    own = [found[label] for label in trained.tasks[task].labels]
    return logits(trained.model, trained.tokenizer, texts, trained.max_length)[:, own]


def only_task(rows: Sequence[Row], task: str | None, place: str) -> tuple[str, list[Row]]:
    """The task that some rows are of, and its rows.

    Raises:
        InputError: the rows are of several tasks and none was chosen, or none is of the chosen one.
    """
    found = sorted({row.task for row in rows})
    if task is None and len(found) > 1:
        raise InputError(f"{place} has labels of several tasks ({', '.join(found)}); choose one with --task")
    chosen = found[0] if task is None else task
    own = [row for row in rows if row.task == chosen]
    if not own:
        raise InputError(f"{place} has no label of task {chosen!r}, only of {', '.join(found)}; leave out --task")
    return chosen, own
