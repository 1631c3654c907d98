"""Probabilities that mean what they say: one temperature per task, and the threshold below which a model abstains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

COIN_FLIP = 0.5
"""A label is withheld where it is right no more often than this."""


def softmax(logits: Floats, temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """Rows of logits as probabilities, float32 [texts, classes]; a temperature above 1 flattens them.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def fit_temperature(logits: Floats, truth: npt.NDArray[np.integer]) -> float:
    """The temperature with the least negative log-likelihood on held-out texts (Guo et al. 2017, §4.2).

    The likelihood has one minimum over 1 / temperature; a golden-section search finds it between 0.05 and 20.

    Args:
        logits: of one task, [texts, classes], of texts that were not trained on.
        truth: index of the true class, [texts].

    Returns:
        the temperature; 1 without texts.
    """
    if not len(truth):
        return 1.0
    wide = np.asarray(logits, dtype=np.float64)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        highest = scaled.max(axis=1)
        return float(np.mean(highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1)) - scaled[rows, truth]))

    low, high = np.log(0.05), np.log(20.0)
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    for _ in range(60):  # each step shrinks the bracket by 0.618: 60 leave 1e-12 of it
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2.0))


def abstain_threshold(probabilities: Floats, truth: npt.NDArray[np.integer]) -> float:
    """The highest top probability (in steps of 0.01) under which labels are right no more often than a coin flip.

    Args:
        probabilities: calibrated, [texts, classes], of held-out texts.
        truth: index of the true class, [texts].

    Returns:
        the threshold, 0 where even the least certain labels are mostly right.
    """
    top, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    for step in range(99, 0, -1):
        below = top < step / 100
        if below.any() and hit[below].mean() <= COIN_FLIP:
            return step / 100
    return 0.0
