"""Two models on the same texts: differences with their uncertainty. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models import scores
from trainer.gate.evidence import Slice

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """Challenger minus champion, of one figure on one slice.

    Attributes:
        champion: the champion's figure, weighted.
        challenger: the challenger's.
        drawn: the difference in each bootstrap resample, float64 [resamples].
    """

    champion: float
    challenger: float
    drawn: Floats

    @property
    def points(self) -> float:
        """The difference itself, in hundredths."""
        return 100 * (self.challenger - self.champion)

    def bound(self, confidence: float) -> float:
        """The one-sided lower bound in points: the true difference is above it with this confidence.

        The percentile bootstrap's (Efron & Tibshirani 1993, §13.3), moved so that its middle is the estimate itself: a
        confidence of one half then decides exactly as the estimate does.
        """
        drawn = 100 * self.drawn
        return float(self.points + np.quantile(drawn, 1 - confidence) - np.median(drawn))


@dataclass(frozen=True)
class Compared:
    """Two models on one slice.

    Attributes:
        texts: how many.
        support: texts of each class, int64 [classes].
        recall: per class; of classes without a text the difference is 0.
        gained: texts that only the challenger has right.
        lost: texts that only the champion has right.
        p_value: McNemar's, exact and two-sided, of these two.
    """

    texts: int
    support: npt.NDArray[np.int64]
    macro_f1: Difference
    recall: tuple[Difference, ...]
    gained: int
    lost: int
    p_value: float


def compare(one: Slice, resamples: int, rng: np.random.Generator) -> Compared:
    """Compare two models by the paired bootstrap, stratified by the true class.

    A resample keeps the number of texts of each class and draws which of them, with replacement, for both models at
    once (Efron & Tibshirani 1993, §8.3; for pairs of text models Berg-Kirkpatrick, Burkett & Klein 2012). All that a
    text adds is its cell (truth, champion's guess, challenger's guess) and its weight, so one multinomial draw over the
    groups of equal ones is one resample: 2,000 of any number of texts cost milliseconds.
    """
    classes = one.champion.shape[1]
    mine, theirs = one.challenger.argmax(1), one.champion.argmax(1)
    before, after = np.zeros((2, resamples + 1, classes, classes))
    for label in range(classes):
        own = one.truth == label
        if own.any():
            groups, counts = np.unique(
                np.column_stack([theirs[own], mine[own], one.weights[own]]), axis=0, return_counts=True
            )
            drawn = rng.multinomial(counts.sum(), counts / counts.sum(), size=resamples)
            weighted = np.vstack([counts, drawn]) * groups[:, 2]
            before[:, label] = weighted @ np.eye(classes)[groups[:, 0].astype(int)]
            after[:, label] = weighted @ np.eye(classes)[groups[:, 1].astype(int)]
    gained = int(((mine == one.truth) & (theirs != one.truth)).sum())
    lost = int(((mine != one.truth) & (theirs == one.truth)).sum())
    return Compared(
        texts=len(one.truth),
        support=np.bincount(one.truth, minlength=classes),
        macro_f1=_difference(scores.macro_f1(before), scores.macro_f1(after)),
        recall=tuple(_difference(_recall(before, label), _recall(after, label)) for label in range(classes)),
        gained=gained,
        lost=lost,
        p_value=mcnemar(gained, lost),
    )


def mcnemar(gained: int, lost: int) -> float:
    """McNemar's test in its exact form: two-sided p of texts that only one of two models has right (McNemar 1947).

    >>> mcnemar(5, 5)
    1.0
    """
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def _difference(before: Floats, after: Floats) -> Difference:
    """The first of each is of the texts themselves, the others are of resamples."""
    return Difference(float(before[0]), float(after[0]), (after - before)[1:])


def _recall(matrices: Floats, label: int) -> Floats:
    """Recall of a class in a stack of confusion matrices, 0 where it has no text."""
    all_texts = matrices[:, label].sum(-1)
    return np.asarray(np.divide(matrices[:, label, label], all_texts, out=np.zeros(len(matrices)), where=all_texts > 0))
