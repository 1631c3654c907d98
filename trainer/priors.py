"""The training labels' frequency in a model's answers: taken off after training, as other sources have other shares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from models.classifier import columns, last_linear
from trainer.dataset import Example
from trainer.kinds import inner
from trainer.loss import label_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def correct(
    model: PreTrainedModel, examples: Sequence[Example], strength: Mapping[str, float], balance: float = 0.0
) -> None:
    """Take part of the training labels' frequency off the head's bias (Menon et al. 2021, eq. 9, post hoc).

    A label's logit loses `strength` times how far its log share lies above the task's mean, so that a source with
    other shares than the training sets is not answered out of their habit. Labels that never occur stay as they are.

    Args:
        model: wide, adapters not merged; changed in place.
        examples: what it is trained on.
        strength: per task, 0 to 1; a negative one undoes the same positive one.
        balance: the recipe's `class_balance`: shares are of what labels counted in the loss.
    """
    import torch

    wide = inner(model)
    bias = last_linear(wide)[1].bias
    found = columns(wide.config)
    weights = label_weights(examples, {task: list(labels) for task, labels in found.items()}, balance)
    for task, labels in found.items():
        sums = dict.fromkeys(labels, 0.0)
        for example, weight in zip(examples, weights, strict=True):
            if task in example.labels:
                sums[example.labels[task]] += weight[task]
        whole = sum(sums.values())
        shares = {label: math.log(own / whole) for label, own in sums.items() if own}
        mean = sum(shares.values()) / max(1, len(shares))
        with torch.no_grad():
            for label, share in shares.items():
                bias[labels[label]] -= strength.get(task, 0.0) * (share - mean)
