"""Gathers the gate's evidence: scores two engines on the slices, times them in turn, and tries their behaviour."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.engine import Engine, Probabilities
from runtime.clock import Monotonic, monotonic
from runtime.errors import InputError
from trainer.evaluate import probabilities_of
from trainer.gate import behaviour
from trainer.gate.evidence import Evidence, Slice

TIMED_TEXTS = 256
"""Texts of one turn of the timing."""

TURNS = 5
"""Turns of each engine; the median of their ratios ignores two disturbed ones."""

MOST_SHARE = 0.01
"""Of all weight of a slice, one text's: a slice then tells as much as a hundred texts of equal weight, or more."""

Weights = npt.NDArray[np.float64]


class Labelled(NamedTuple):
    """One text that neither model was trained on.

    Attributes:
        text: cleaned, not empty.
        weight: inverse of the probability with which it was chosen to be labelled; see `trimmed`.
    """

    text: str
    label: str
    weight: float = 1.0


def gather(
    champion: Engine,
    challenger: Engine,
    slices: Mapping[str, Sequence[Labelled]],
    task: str,
    *,
    clock: Monotonic = monotonic,
    tell: Callable[[str], None] = lambda _: None,
) -> Evidence:
    """Score both engines on everything that the gate looks at.

    Args:
        champion: who serves.
        challenger: who wants to.
        slices: labelled texts by the names in `trainer.gate.evidence`; an empty one is left out.
        task: which task is judged.
        clock: seconds.
        tell: takes a sentence about what is being done.

    Raises:
        InputError: one of the two lacks the task, their labels differ, or a text has another label.
        EngineError: a runtime failed.
    """
    labels = _labels(champion, challenger, task)

    def answers(engine: Engine, texts: Sequence[str]) -> Probabilities:
        own = engine.tasks[task].labels
        return probabilities_of(engine, texts, task)[:, [own.index(label) for label in labels]]

    scored: dict[str, Slice] = {}
    for name, rows in slices.items():
        if rows:
            tell(f"scoring {len(rows)} texts of the slice '{name}' with both")
            truth, texts = _truth(rows, labels, name), [row.text for row in rows]
            weights = trimmed(np.array([row.weight for row in rows], dtype=np.float64))
            scored[name] = Slice(truth, answers(champion, texts), answers(challenger, texts), weights)
    timed = [row.text for rows in slices.values() for row in rows][:TIMED_TEXTS]
    tell("timing both in turn")
    ratio = speed_ratio(lambda: answers(champion, timed), lambda: answers(challenger, timed), clock) if timed else None
    tell("trying the behaviour of both")
    tried = behaviour.check(lambda t: answers(champion, t), lambda t: answers(challenger, t), labels)
    return Evidence(labels, scored, ratio, tried)


def trimmed(weights: Weights) -> Weights:
    """Weights of which none is more than `MOST_SHARE` of their sum.

    Where some weigh hundreds of times as much as others, a handful of texts, and whoever labelled them, would decide
    alone; trimming gives some bias for much less variance (Potter 1990).

    Args:
        weights: above 0, float64 [texts].

    Returns:
        the same where none is too large; all 1 where there are too few texts for it.
    """
    if len(weights) * MOST_SHARE <= 1:
        return np.ones_like(weights)
    ordered = np.sort(weights)[::-1]
    rest = ordered.sum() - np.concatenate([[0.0], ordered.cumsum()[:-1]])
    for number in range(int(1 / MOST_SHARE)):  # so many are cut down to what is their share of all that is then left
        most = MOST_SHARE * rest[number] / (1 - number * MOST_SHARE)
        if ordered[number] <= most:
            return weights if number == 0 else np.minimum(weights, float(most))
    return np.ones_like(weights)


def speed_ratio(champion: Callable[[], object], challenger: Callable[[], object], clock: Monotonic) -> float:
    """The challenger's speed by the champion's: the median over turns of the ratio within one."""

    def seconds(work: Callable[[], object]) -> float:
        started = clock()
        work()
        return clock() - started

    champion()
    challenger()
    return statistics.median(seconds(champion) / seconds(challenger) for _ in range(TURNS))


def _labels(champion: Engine, challenger: Engine, task: str) -> tuple[str, ...]:
    for engine in (champion, challenger):
        if task not in engine.tasks:
            raise InputError(f"{engine.version} has no task {task!r}; it answers {', '.join(sorted(engine.tasks))}")
    theirs, mine = champion.tasks[task].labels, challenger.tasks[task].labels
    if set(theirs) != set(mine):
        raise InputError(
            f"{challenger.version} has other labels of {task!r} ({', '.join(mine)}) than {champion.version} "
            f"({', '.join(theirs)}); what answers another question cannot be compared"
        )
    return theirs


def _truth(rows: Sequence[Labelled], labels: tuple[str, ...], place: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    index = {label: column for column, label in enumerate(labels)}
    unknown = sorted({row.label for row in rows} - set(labels))
    if unknown:
        raise InputError(f"label {unknown[0]!r} of the slice '{place}' is none of {', '.join(labels)}; leave it out")
    return np.array([index[row.label] for row in rows], dtype=np.int64)
