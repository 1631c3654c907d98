"""One loss for all tasks: cross-entropy over a task's own columns where a text is labelled, each label weighed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from trainer.dataset import Example

if TYPE_CHECKING:
    import torch

UNLABELLED = -100
"""Target of a text that nobody labelled for a task; torch's cross-entropy ignores it."""


def masked_loss(
    wide: torch.Tensor,
    targets: Mapping[str, torch.Tensor],
    weights: Mapping[str, torch.Tensor],
    task_columns: Mapping[str, torch.Tensor],
    label_smoothing: float,
) -> tuple[torch.Tensor, int]:
    """Cross-entropy of each task over its own columns, where labelled.

    Args:
        wide: logits of all tasks, float32 [texts, columns].
        targets: index within the task's labels or UNLABELLED, int64 [texts], per task.
        weights: what each label counts, float32 [texts], per task.
        task_columns: the task's columns in the order of its labels.
        label_smoothing: share of the target spread over the task's labels (Szegedy et al. 2016, §7).

    Returns:
        the weighted sum over all labels, and how many labels there were.
    """
    import torch.nn.functional

    total, labels = wide.sum() * 0.0, 0
    for task, target in targets.items():
        own = wide[:, task_columns[task].to(wide.device)]
        each = torch.nn.functional.cross_entropy(
            own, target.to(wide.device), ignore_index=UNLABELLED, reduction="none", label_smoothing=label_smoothing
        )
        total = total + (each * weights[task].to(wide.device)).sum()
        labels += int((target != UNLABELLED).sum())
    return total, labels


def label_weights(
    examples: Sequence[Example], tasks: Mapping[str, Sequence[str]], balance: float
) -> list[dict[str, float]]:
    """What each label of each example counts: its own weight times its class's, 1 on average over a task's labels.

    A class of n labels weighs 1 / E(n), E(n) = (1 - b^n) / (1 - b), its effective number (Cui et al. 2019, eq. 2).

    Args:
        examples: the training part.
        tasks: label names per task.
        balance: b; 0 weighs all classes alike, 1 is the limit, inverse frequency.

    Returns:
        per example the weight of each of its labels, by task.
    """
    found: list[dict[str, float]] = [{} for _ in examples]
    for task in tasks:
        counts = Counter(example.labels[task] for example in examples if task in example.labels)
        classes = {label: 1 / effective_number(count, balance) for label, count in counts.items()}
        raw = {
            number: example.weights.get(task, 1.0) * classes[example.labels[task]]
            for number, example in enumerate(examples)
            if task in example.labels
        }
        mean = sum(raw.values()) / max(1, len(raw))
        for number, weight in raw.items():
            found[number][task] = weight / mean if mean else 1.0
    return found


def effective_number(count: int, balance: float) -> float:
    """How many labels so many are worth, as each new one says less (Cui et al. 2019, eq. 2).

    >>> effective_number(100, 0.0), effective_number(100, 1.0)
    (1.0, 100.0)
    """
    return float(count) if balance == 1 else (1 - balance**count) / (1 - balance)
