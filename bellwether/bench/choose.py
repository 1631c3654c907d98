"""What labels chosen by `label next` are worth beside as many, or twice as many, taken at random."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from models.engine import Task
from models.scores import confusion, macro_f1
from runtime.errors import InputError
from trainer import baseline
from trainer.dataset import KNOWN_TASKS, Row, read_file
from trainer.labels.choose import Candidate, choose

TASK = "sentiment"
TESTED = 0.25
"""Share of the texts that is never trained on."""


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        data: labelled texts, JSON Lines.
        before: what the first model learns from instead: the texts then are those after a drift.
        start: labels that the first model learns from, at random.
        labels: labels that each arm adds.
        audit: share of them that `label next` draws at random.
        seeds: how often, each time with another split; at least 2.
        tell: is told what was measured.
    """

    data: Path
    before: Path | None
    start: int
    labels: int
    audit: float
    seeds: int
    tell: Callable[[str], None]


def measure(order: Order) -> dict[str, Any]:
    """Macro-F1 of TF-IDF + logistic regression after each arm's labels, on the same texts; seeds are pairs.

    Raises:
        InputError: the file has too few labelled texts.
    """
    rows = _rows(order.data, 2 * order.labels + (0 if order.before else order.start), order)
    before = _rows(order.before, order.start, order) if order.before else []
    runs: list[dict[str, float]] = []
    for seed in range(order.seeds):
        runs.append(_run(rows, before, order, random.Random(seed)))
        order.tell(f"seed {seed}: " + ", ".join(f"{arm} {score:.3f}" for arm, score in runs[-1].items()))
    return {
        "data": _name(order.data),
        "before": _name(order.before) if order.before else None,
        "texts": len(rows),
        "start": order.start,
        "labels": order.labels,
        "seeds": order.seeds,
        "arms": [{"name": arm, **_mean([run[arm] for run in runs])} for arm in runs[0]],
        "gain_over_random": _mean([run["next"] - run["random"] for run in runs]),
    }


def _rows(path: Path, wanted: int, order: Order) -> list[Row]:
    by_key = {row.key: row for row in read_file(path).rows if row.task == TASK}  # a text is in one part
    if len(by_key) * (1 - TESTED) < wanted:
        raise InputError(
            f"{path} has {len(by_key):,} different texts labelled for {TASK}, too few to start with {order.start} "
            f"and add {2 * order.labels}; give fewer, or a larger file"
        )
    return [by_key[key] for key in sorted(by_key)]


def _name(path: Path) -> str:
    return f"{path.resolve().parent.name}/{path.name}"


def _run(rows: Sequence[Row], before: Sequence[Row], order: Order, chance: random.Random) -> dict[str, float]:
    mixed = chance.sample(rows, len(rows))
    tested = round(len(mixed) * TESTED)
    test, rest = mixed[:tested], mixed[tested:]
    if before:
        first, pool = chance.sample(before, order.start), rest
    else:
        first, pool = rest[: order.start], rest[order.start :]
    task = Task(TASK, KNOWN_TASKS[TASK])

    def score(more: Sequence[Row]) -> float:
        answers = _model(task, [*first, *more])([row.text for row in test])
        truth = np.array([task.labels.index(row.label) for row in test])
        return float(macro_f1(confusion(truth, answers.argmax(1), len(task.labels))))

    shares = np.rint(10_000 * _model(task, first)([row.text for row in pool])).astype(int).tolist()
    candidates = [
        Candidate(row.key, row.text, dict(zip(task.labels, said, strict=True)))
        for row, said in zip(pool, shares, strict=True)
    ]
    chosen = {one.event_id for one in choose(candidates, order.labels, order.audit, chance)}
    return {
        "none": score([]),
        "random": score(chance.sample(pool, order.labels)),
        "next": score([row for row in pool if row.key in chosen]),
        "random, twice as many": score(chance.sample(pool, 2 * order.labels)),
    }


def _model(task: Task, rows: Sequence[Row]) -> Any:
    return baseline.tfidf(task, [row.text for row in rows], [row.label for row in rows])


def _mean(values: Sequence[float]) -> dict[str, float]:
    error = stdev(values) / math.sqrt(len(values))
    return {"macro_f1": round(fmean(values), 4), "standard_error": round(error, 4)}


def as_markdown(found: dict[str, Any]) -> str:
    """The table of the documents."""
    gain = found["gain_over_random"]
    origin = f" of {found['before']}" if found["before"] else ""
    head = f"{found['start']} labels{origin} to start with, {found['labels']} added of {found['data']}"
    head += f", {found['seeds']} seeds"
    lines = [f"{head}:", "", "| added | macro-F1 | standard error |", "| --- | --- | --- |"]
    lines += [f"| {one['name']} | {one['macro_f1']:.3f} | {one['standard_error']:.3f} |" for one in found["arms"]]
    told = f"next − random, in pairs: {100 * gain['macro_f1']:+.1f} points, standard error"
    return "\n".join([*lines, "", f"{told} {100 * gain['standard_error']:.1f}."])
