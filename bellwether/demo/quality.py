"""How often the scored events agree with the truth that their rows carried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bellwether.demo.source import Labels
from models import scores


@dataclass(frozen=True)
class Agreement:
    """Scores of one task over the events whose truth is known."""

    n: int
    accuracy: float
    macro_f1: float


def agreement(messages: Iterable[Mapping[str, Any]], labels: Mapping[str, Labels]) -> dict[str, Agreement]:
    """Task to scores, for tasks with any truth.

    Args:
        messages: scored messages as read from the topic.
        labels: event id to truth.
    """
    pairs: dict[str, list[tuple[str, str]]] = {"sentiment": [], "topic": []}
    for message in messages:
        known = labels.get(message["event_id"])
        for task, right in (("sentiment", known.sentiment), ("topic", known.topic)) if known else ():
            if right is not None and task in message["tasks"]:
                pairs[task].append((right, message["tasks"][task]["label"]))
    return {task: _score(found) for task, found in pairs.items() if found}


def _score(pairs: list[tuple[str, str]]) -> Agreement:
    names = sorted({name for pair in pairs for name in pair})
    position = {name: number for number, name in enumerate(names)}
    truth, guess = (np.array([position[pair[side]] for pair in pairs]) for side in (0, 1))
    matrix = scores.confusion(truth, guess, len(names))
    return Agreement(len(pairs), float(scores.accuracy(matrix)), float(scores.macro_f1(matrix)))
