"""Prequential measures of outcomes: per task, class, source and version; whole, over a window, and fading."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from trainer.prequential import Outcome

WINDOW = 1000
"""Outcomes of the sliding window."""

FADING = 0.999
"""Of each step: as much memory as a window of 1,000 (Gama, Sebastião & Rodrigues 2013, who recommend fading over a
window because it needs none). After 693 outcomes half is forgotten."""

MOST_SOURCES, MOST_VERSIONS, MOST_TASKS = 10, 5, 8
"""Slices of a report; sources are the producers' words and without end, so the rest is one, `other`."""

OTHER = "other"


class OfClass(msgspec.Struct, frozen=True):
    """One class; `support` is the sum of the weights of outcomes that truly are of it."""

    precision: float
    recall: float
    f1: float
    support: float


class Quality(msgspec.Struct, frozen=True):
    """What outcomes, each with a weight, say of a model.

    Attributes:
        error: weighted share of wrong answers.
        standard_error: of `error`, from its linearised variance with replacement (Särndal, Swensson & Wretman 1992,
            §5.7): sqrt(sum w² (wrong − error)²) / sum w.
        macro_f1: mean F1 of the classes that were true or said.
        effective: (sum w)² / sum w²: how many labels of equal weight tell as much (Kish 1965).
    """

    error: float
    standard_error: float
    macro_f1: float
    effective: float
    per_class: dict[str, OfClass]


class Slice(msgspec.Struct, frozen=True):
    """A part of the outcomes, seen in three ways: all alike, the last `WINDOW`, and fading by `FADING`."""

    labels: int
    whole: Quality
    window: Quality
    faded: Quality


class TaskReport(msgspec.Struct, frozen=True):
    """One task, and its slices by name; the sources with most outcomes and the newest versions, then `other`."""

    overall: Slice
    sources: dict[str, Slice]
    versions: dict[str, Slice]


def report(found: Sequence[Outcome], window: int = WINDOW, fading: float = FADING) -> dict[str, TaskReport]:
    """The measures per task; about 5 µs an outcome. `msgspec.to_builtins` makes it a plain dict.

    Args:
        found: by the time of their events, as `trainer.prequential.outcomes` gives them.
        window: how many of the last ones a slice's window holds.
        fading: weight of an outcome relative to the next one of its slice, in (0, 1].
    """

    def measured(own: Sequence[Outcome], named: Callable[[Outcome], str], known: Collection[str]) -> dict[str, Slice]:
        def name(one: Outcome) -> str:
            return of if (of := named(one)) in known else OTHER

        ordered = sorted(own, key=name)  # stable: within a slice the order of time stays
        return {of: slice_of(list(part), window, fading) for of, part in groupby(ordered, name)}

    tasks, result = _most_common((one.task for one in found), MOST_TASKS), {}
    for task in sorted(tasks):
        own = [one for one in found if one.task == task]
        newest = list(dict.fromkeys(one.version for one in reversed(own)))[:MOST_VERSIONS]
        result[task] = TaskReport(
            overall=slice_of(own, window, fading),
            sources=measured(own, attrgetter("source"), _most_common((one.source for one in own), MOST_SOURCES)),
            versions=measured(own, attrgetter("version"), newest),
        )
    return result


def slice_of(found: Sequence[Outcome], window: int = WINDOW, fading: float = FADING) -> Slice:
    """The measures of outcomes of one task, at least one, by the time of their events."""
    last = len(found) - 1
    return Slice(
        labels=len(found),
        whole=quality(found, [one.weight for one in found]),
        window=quality(found[-window:], [one.weight for one in found[-window:]]),
        faded=quality(found, [one.weight * fading ** (last - place) for place, one in enumerate(found)]),
    )


def quality(found: Sequence[Outcome], weights: Sequence[float]) -> Quality:
    """Weighted measures.

    The faded error is S_i / N_i with S_i = w_i wrong_i + a S_(i-1) and N_i = w_i + a N_(i-1) (Gama, Sebastião &
    Rodrigues 2013, §3.2, there with w = 1), because the weights that come in hold the powers of a.

    Args:
        found: of one task, at least one.
        weights: above 0, of the same length.
    """
    from river import metrics

    sums, squares = defaultdict[tuple[str, str], float](float), defaultdict[bool, float](float)
    for one, weight in zip(found, weights, strict=True):
        sums[one.truth, one.answer] += weight
        squares[one.truth != one.answer] += weight * weight
    matrix = metrics.ConfusionMatrix()
    for (truth, answer), weight in sums.items():
        matrix.update(truth, answer, weight)
    total = math.fsum(sums.values())
    error = math.fsum(weight for (truth, answer), weight in sums.items() if truth != answer) / total
    spread = squares[True] * (1 - error) ** 2 + squares[False] * error**2
    return Quality(
        error=error,
        standard_error=math.sqrt(spread) / total,
        macro_f1=float(metrics.MacroF1(cm=matrix).get()),
        effective=total**2 / math.fsum(squares.values()),
        per_class={
            label: OfClass(
                precision=float(metrics.Precision(cm=matrix, pos_val=label).get()),
                recall=float(metrics.Recall(cm=matrix, pos_val=label).get()),
                f1=float(metrics.F1(cm=matrix, pos_val=label).get()),
                support=float(matrix.support(label)),
            )
            for label in sorted(matrix.classes)
        },
    )


def _most_common(names: Iterable[str], most: int) -> set[str]:
    counts = Counter(names)
    return set(sorted(counts, key=lambda name: (-counts[name], name))[:most])
