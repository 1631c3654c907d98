"""How good probabilities are: pure functions from labels and probabilities to numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.integer]

ECE_BINS = 15
"""Equal-width bins of the calibration error (Guo et al. 2017 use 15 as well)."""

RESAMPLES = 2_000
"""Bootstrap resamples: the ends of a 95 % interval then move by about a twentieth of its width between seeds."""


@dataclass(frozen=True)
class ClassScore:
    """How one class fares; `support` is how many texts truly have it."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


def confusion(truth: Indices, guess: Indices, classes: int) -> npt.NDArray[np.int64]:
    """Counts, int64 [truth, guess].

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)


def per_class(matrix: npt.NDArray[np.integer], labels: Sequence[str]) -> dict[str, ClassScore]:
    """Precision, recall and F1 of each class; 0 where undefined, as scikit-learn's `zero_division=0`."""
    hits = np.diag(matrix).astype(float)
    precision = _ratio(hits, matrix.sum(0))
    recall = _ratio(hits, matrix.sum(1))
    f1 = _ratio(2 * hits, matrix.sum(0) + matrix.sum(1))
    return {
        label: ClassScore(float(precision[i]), float(recall[i]), float(f1[i]), int(matrix[i].sum()))
        for i, label in enumerate(labels)
    }


def accuracy(matrix: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Share of texts on the diagonal, of one matrix or of a stack [..., truth, guess]."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1).astype(float), matrix.sum((-2, -1)))


def macro_f1(matrix: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """Mean F1 over the classes that occur as truth or as guess, of one matrix or of a stack [..., truth, guess]."""
    hits = np.diagonal(matrix, axis1=-2, axis2=-1).astype(float)
    occurrences = matrix.sum(-1) + matrix.sum(-2)
    present = occurrences > 0
    return np.asarray(_ratio(2 * hits, occurrences).sum(-1) / np.maximum(1, present.sum(-1)))


def expected_calibration_error(probabilities: Floats, truth: Indices, bins: int = ECE_BINS) -> float:
    """Expected calibration error of the top label: bins' |accuracy - confidence|, weighted by their share of texts.

    Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017, eq. 3, with equal-width bins (low, high]. It is never quite 0
    on a finite sample: a perfectly calibrated model on 1,000 texts shows about 0.015 to 0.02.

    Args:
        probabilities: [texts, classes].
        truth: [texts].
        bins: number of bins.
    """
    if not len(truth):
        return math.nan
    top = probabilities.max(1)
    hit = probabilities.argmax(1) == truth
    share, confidence, right = reliability(top, hit, bins)
    return float(np.sum(share * np.abs(right - confidence)))


def reliability(top: Floats, hit: npt.NDArray[np.bool_], bins: int = ECE_BINS) -> tuple[Floats, Floats, Floats]:
    """What a reliability diagram draws: per bin the share of texts, mean confidence and accuracy; 0 where empty."""
    index = np.clip(np.ceil(top * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    return (
        count / max(1, len(top)),
        _ratio(np.bincount(index, weights=top, minlength=bins), count),
        _ratio(np.bincount(index, weights=hit, minlength=bins), count),
    )


def roc_auc(probabilities: Floats, truth: Indices) -> float:
    """Area under the ROC curve, one class against the rest, mean over the classes that have both sides.

    The area is the Mann-Whitney statistic (Hanley & McNeil 1982): the chance that a text of the class gets a higher
    probability than one that is not, ties counted half. NaN where no class has both sides.
    """
    from scipy.stats import rankdata

    areas = []
    for column in range(probabilities.shape[1]):
        positive = truth == column
        n, m = int(positive.sum()), int((~positive).sum())
        if n and m:
            ranks = rankdata(probabilities[:, column])
            areas.append((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
    return float(np.mean(areas)) if areas else math.nan


def bootstrap(
    probabilities: Floats, truth: Indices, resamples: int = RESAMPLES, seed: int = 0
) -> Mapping[str, Interval]:
    """95 % percentile intervals over texts drawn with replacement (Efron 1979) of accuracy, macro-F1 and ECE.

    A resample of a confusion matrix is one multinomial draw over its cells, and one of the bins likewise, so that
    2,000 resamples of any number of texts take a fraction of a second.
    """
    classes, n = probabilities.shape[1], len(truth)
    if not n:
        return {}
    guess, top = probabilities.argmax(1), probabilities.max(1)
    rng = np.random.default_rng(seed)
    cells = confusion(truth, guess, classes)
    drawn = rng.multinomial(n, cells.ravel() / n, size=resamples).reshape(resamples, classes, classes)
    intervals = {"accuracy": _interval(accuracy(drawn)), "macro_f1": _interval(macro_f1(drawn))}
    intervals["ece"] = _interval(_resampled_ece(top, guess == truth, resamples, rng))
    return intervals


def _resampled_ece(top: Floats, hit: npt.NDArray[np.bool_], resamples: int, rng: np.random.Generator) -> Floats:
    """ECE of resamples of the texts, float64 [resamples]; in pieces, so that memory stays below 50 MB."""
    n = len(top)
    index = np.clip(np.ceil(top * ECE_BINS).astype(int) - 1, 0, ECE_BINS - 1)
    gap = hit - top  # a bin's share * |accuracy - confidence| is |sum of gaps| / n
    found = np.empty(resamples)
    piece = max(1, 2_000_000 // n)
    for start in range(0, resamples, piece):
        size = min(piece, resamples - start)
        chosen = rng.integers(0, n, size=(size, n))
        keys = index[chosen] + np.arange(size)[:, None] * ECE_BINS
        sums = np.bincount(keys.ravel(), weights=gap[chosen].ravel(), minlength=size * ECE_BINS)
        found[start : start + size] = np.abs(sums.reshape(size, ECE_BINS)).sum(1) / n
    return found


def _interval(values: Floats) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(low), float(high))


def _ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Part / whole, 0 where the whole is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.asarray(np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0))
