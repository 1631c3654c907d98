"""The gate's single checks: each says whether it holds, how bad it is if not, and both in a sentence. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models import scores
from trainer.gate.evidence import LATER, RARE, TOGETHER, Evidence, Slice
from trainer.gate.limits import Limits
from trainer.gate.paired import Compared, Difference

PROVEN = 0.95
"""One-sided confidence with which a loss is a loss and no noise."""

_NOISE_DRAWS = 300
"""The 95 % point of so many is within a thousandth of calibration error on hundreds of texts."""


class Check(NamedTuple):
    """One check's outcome."""

    holds: bool
    is_proven: bool
    """Of a check that does not hold: that this is no noise."""

    sentence: str
    is_beyond: bool = False
    """That the estimate itself lies beyond the margin, although noise may excuse it."""


def superior(found: Compared, limits: Limits) -> Check:
    """Whether macro-F1 rose on the later slice; that it did not is no failure, only no promotion."""
    bound = found.macro_f1.bound(limits.superiority)
    how = "superior" if bound > 0 else "not shown to be superior"
    return Check(bound > 0, False, f"{_figure((LATER, 'macro-F1'), found.macro_f1, found.texts, limits)}: {how}")


def not_inferior(name: str, found: Compared, labels: tuple[str, ...], limits: Limits) -> Iterator[Check]:
    """Macro-F1 (not where texts were chosen by class) and each class's recall against their margins."""
    if name not in (RARE, TOGETHER):
        yield _within((name, "macro-F1"), found.macro_f1, found.texts, limits.macro_f1_points, limits)
    for label, support, recall in zip(labels, found.support, found.recall, strict=True):
        if support >= limits.recall_texts:
            yield _within((name, f"recall of {label}"), recall, int(support), limits.recall_points, limits)


def calibrated(later: Slice, limits: Limits) -> tuple[Check, float, float]:
    """Whether the challenger's calibration error on the later slice will do; with the champion's and its own.

    What a perfectly calibrated model would show on so many texts, one time in twenty, is no error.
    """
    theirs, mine = (calibration_error(later, answers) for answers in (later.champion, later.challenger))
    most = max(limits.ece, theirs + limits.ece_more, calibration_noise(later, later.challenger))
    sentence = f"{LATER}: calibration error {mine:.3f}, the champion's {theirs:.3f}, at most {most:.3f}"
    return Check(mine <= most, True, sentence), theirs, mine


def fast_enough(ratio: float, limits: Limits) -> Check:
    """Whether the challenger's speed will do."""
    sentence = f"{ratio:.2f} times the champion's texts per second, at least {limits.speed_ratio:.2f}"
    return Check(ratio >= limits.speed_ratio, True, sentence)


def behaves(evidence: Evidence, limits: Limits) -> Iterator[Check]:
    """Each behavioural check: good enough by itself, or hardly worse than the champion."""
    for name, found in evidence.behaviour.items():
        theirs, mine = found.champion / found.cases, found.challenger / found.cases
        least = min(limits.behaviour_share, theirs - limits.behaviour_points / 100)
        yield Check(
            mine >= least,
            True,
            f"behaviour, {name}: {mine:.0%} of {found.cases} cases passed, the champion {theirs:.0%}, "
            f"at least {max(0.0, least):.0%}",
        )


def calibration_error(one: Slice, probabilities: scores.Floats) -> float:
    """Expected calibration error of the top label as `models.scores` has it, texts weighted; NaN without texts."""
    if not len(one.truth):
        return math.nan
    return _gaps(one, probabilities.max(1), probabilities.argmax(1) == one.truth)


def calibration_noise(one: Slice, probabilities: scores.Floats) -> float:
    """The calibration error that a model stays below 19 times in 20 whose probabilities are true ones.

    By resampling what is right from the model's own probabilities (consistency resampling: Bröcker & Smith 2007); the
    same slice gives the same figure. NaN without texts.
    """
    if not len(one.truth):
        return math.nan
    top, rng = probabilities.max(1), np.random.default_rng(0)
    return float(np.quantile([_gaps(one, top, rng.random(len(top)) < top) for _ in range(_NOISE_DRAWS)], PROVEN))


def _gaps(one: Slice, top: scores.Floats, hit: npt.NDArray[np.bool_]) -> float:
    index = np.clip(np.ceil(top * scores.ECE_BINS).astype(int) - 1, 0, scores.ECE_BINS - 1)
    gaps = np.bincount(index, weights=(hit - top) * one.weights, minlength=scores.ECE_BINS)
    return float(np.abs(gaps).sum() / one.weights.sum())


def _within(where: tuple[str, str], found: Difference, texts: int, margin: float, limits: Limits) -> Check:
    level = limits.non_inferiority_together if where[0] == TOGETHER else limits.non_inferiority
    holds = found.bound(level) > -margin
    is_proven = found.bound(1 - PROVEN) < 0
    is_beyond = found.points <= -margin
    if holds:
        how = f"noise may explain what is beyond {margin:g}" if is_beyond else f"loses less than {margin:g}"
    else:
        how = f"loses {margin:g} or more, " + ("and that it loses is shown" if is_proven else "which may be noise")
    return Check(holds, is_proven, f"{_figure(where, found, texts, limits)}: {how}", is_beyond)


def _figure(where: tuple[str, str], found: Difference, texts: int, limits: Limits) -> str:
    low, high = found.bound(limits.superiority), found.bound(1 - limits.superiority)
    return (
        f"{where[0]}: {where[1]} {found.champion:.3f} to {found.challenger:.3f} on {texts:,} texts, "
        f"{found.points:+.1f} points (one-sided {limits.superiority:.0%} bounds {low:+.1f} and {high:+.1f})"
    )
