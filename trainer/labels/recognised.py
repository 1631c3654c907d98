"""Labels as their tasks spell them, and those that no training knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from trainer.dataset import KNOWN_TASKS, spelt
from wire.events import LabelSubmitted

NO_LABEL, NO_TASK = "no label of its task", "of a task that nobody learns"


def recognised(labels: Iterable[LabelSubmitted]) -> tuple[list[LabelSubmitted], Counter[str]]:
    """Labels as their tasks spell them, and by reason how many are none: of another task, or none that its task has."""
    found, unknown = [], Counter[str]()
    for label in labels:
        name = spelt(label.label, label.task)
        if label.task not in KNOWN_TASKS:
            unknown[NO_TASK] += 1
        elif name is None:
            unknown[NO_LABEL] += 1
        else:
            found.append(label if name == label.label else msgspec.structs.replace(label, label=name))
    return found, unknown
