"""How good each engine of a version is on labelled texts that it was not trained on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from models import scores
from models.calibration import softmax
from models.compare import Logits
from models.held_out import Score
from models.manifest import EngineEntry, TaskEntry
from runtime.errors import InputError


@dataclass(frozen=True)
class Labelled:
    """Labelled texts of one task.

    Attributes:
        data: where they are from, for people.
        part: `test`, or `all` where nothing of the data was trained on.
        texts: cleaned.
        truth: a label of the task for each.
    """

    data: str
    part: str
    task: str
    texts: Sequence[str]
    truth: Sequence[str]


Matrix = dict[str, dict[str, int]]
"""{truth: {guess: count}}."""


def checked(labelled: Sequence[Labelled], tasks: Mapping[str, TaskEntry]) -> None:
    """See that a version can be measured on these.

    Raises:
        InputError: a task or a label is none of the version's.
    """
    for one in labelled:
        known = tasks[one.task].labels if one.task in tasks else ()
        if unknown := sorted(set(one.truth) - set(known)):
            raise InputError(
                f"{one.data} has label {unknown[0]!r} of task {one.task!r}, which this version does not know; it knows "
                f"{', '.join(known) or 'no such task'}"
            )


def measured(
    entry: EngineEntry, tasks: Mapping[str, TaskEntry], labelled: Sequence[Labelled], found: Sequence[Logits]
) -> tuple[EngineEntry, list[dict[str, Any]]]:
    """An engine's entry with its confusion, and its scores.

    Args:
        entry: without confusion.
        tasks: of the version.
        labelled: what was scored.
        found: the engine's logits of each, for its task.

    Returns:
        the entry, its confusion summed over all texts of a task, and a `models.held_out.Score` for each of `labelled`.
    """
    told, sums = [], dict[str, Any]()
    for one, rows in zip(labelled, found, strict=True):
        labels = tasks[one.task].labels
        probabilities = softmax(rows, entry.tasks[one.task].temperature)
        truth = np.array([labels.index(label) for label in one.truth])
        matrix = scores.confusion(truth, probabilities.argmax(axis=1), len(labels))
        sums[one.task] = sums.get(one.task, 0) + matrix
        score = Score(
            task=one.task,
            data=one.data,
            part=one.part,
            n=len(truth),
            accuracy=round(float(scores.accuracy(matrix)), 6),
            macro_f1=round(float(scores.macro_f1(matrix)), 6),
            ece=round(scores.expected_calibration_error(probabilities, truth), 6),
        )
        told.append(msgspec.to_builtins(score))
    calibrations = {
        name: msgspec.structs.replace(calibration, confusion=_named(tasks[name].labels, sums[name]))
        if name in sums
        else calibration
        for name, calibration in entry.tasks.items()
    }
    return msgspec.structs.replace(entry, tasks=calibrations), told


def _named(labels: Sequence[str], matrix: Any) -> Matrix:
    return {
        truth: {guess: int(matrix[row, column]) for column, guess in enumerate(labels)}
        for row, truth in enumerate(labels)
    }
