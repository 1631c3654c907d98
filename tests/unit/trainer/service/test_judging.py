"""From two engines to a judgement, over all tasks of the champion."""

from __future__ import annotations

import numpy as np
import pytest

from models.engine import Task
from trainer.gate.evidence import GOLDEN, LATER, OLD
from trainer.gate.gather import Labelled
from trainer.gate.limits import Limits
from trainer.service.judging import judged

LABELS = ("negative", "neutral", "positive")
TOPICS = ("Macro", "Energy | Oil")
LIMITS = Limits(ece=1.0, speed_ratio=0.0001, behaviour_points=100.0)


class Scripted:
    """Right on a share of the texts of each task; a text ends with the columns of its truths."""

    def __init__(self, version: str, sentiment: float, topic: float) -> None:
        self.version = version
        self.tasks = {"sentiment": Task("sentiment", LABELS, 0.0), "topic": Task("topic", TOPICS, 0.0)}
        self._right = {"sentiment": sentiment, "topic": topic}
        self.is_closed = False

    def token_counts(self, texts):
        return [4] * len(texts)

    def score(self, texts):
        return {name: np.stack([self._row(name, text) for text in texts]) for name in self.tasks}

    def close(self) -> None:
        self.is_closed = True

    def _row(self, task: str, text: str):
        classes = len(self.tasks[task].labels)
        last = text.rsplit(maxsplit=1)[-1]
        number = int(last) if last.isdecimal() else len(text)
        column = number % classes
        if (number * 7919) % 1000 >= 1000 * self._right[task]:
            column = (column + 1) % classes
        row = np.full(classes, 0.1 / (classes - 1), dtype=np.float32)
        row[column] = 0.9
        return row


def texts(task: str, count: int, start: int) -> list[Labelled]:
    labels = LABELS if task == "sentiment" else TOPICS
    return [Labelled(f"story {n}", labels[n % len(labels)]) for n in range(start, start + count)]


def of(task: str):
    later = texts(task, 400, 0) if task == "sentiment" else []
    return {LATER: later, OLD: texts(task, 400, 1_000), GOLDEN: texts(task, 400, 2_000)}


@pytest.mark.parametrize(
    ("sentiment", "topic", "verdict"),
    [(0.9, 0.8, "better"), (0.7, 0.8, "same"), (0.5, 0.8, "regression"), (0.9, 0.5, "regression")],
)
def test_the_labelled_task_decides_and_no_other_may_lose(sentiment: float, topic: float, verdict: str) -> None:
    champion, challenger = Scripted("v-1", 0.7, 0.8), Scripted("v-2", sentiment, topic)
    found = judged(champion, challenger, of, LIMITS)
    assert found.verdict == verdict, found.reasons
    assert champion.is_closed
    assert challenger.is_closed
    if topic < 0.8:
        assert found.reasons[0].startswith("topic: ")
        assert not found.is_sound
    assert sum(found.foreseen["sentiment"].shares.values()) == pytest.approx(1.0, abs=1e-3)
    assert found.foreseen["sentiment"].texts == 400
    assert set(found.numbers) == {"sentiment", "topic"}


def test_without_a_label_set_aside_nothing_is_better() -> None:
    found = judged(Scripted("v-1", 0.5, 0.5), Scripted("v-2", 1.0, 1.0), lambda task: {**of(task), LATER: []}, LIMITS)
    assert found.verdict == "same"
    assert any("too few" in reason for reason in found.reasons)
    assert found.foreseen == {}


@pytest.mark.parametrize("texts", [0, 1])
def test_a_task_of_which_there_is_hardly_a_text_may_have_lost_anything(texts: int) -> None:
    found = judged(
        Scripted("v-1", 0.7, 0.8), Scripted("v-2", 0.9, 0.8),
        lambda task: of(task) if task == "sentiment" else {LATER: [], OLD: [], GOLDEN: of(task)[GOLDEN][:texts]},
        LIMITS,
    )  # fmt: skip
    assert (found.verdict, found.is_sound) == ("same", False)
    assert found.reasons[0].startswith(f"too few: {texts} texts of the task topic do not show what was lost there")


def test_a_label_that_no_engine_can_give_is_left_out_and_told() -> None:
    said: list[str] = []

    def odd(task: str):
        own = of(task)
        return {**own, LATER: [*own[LATER], Labelled("story 9", "mixed")]}

    found = judged(Scripted("v-1", 0.7, 0.8), Scripted("v-2", 0.9, 0.8), odd, LIMITS, said.append)
    assert found.verdict == "better"
    assert any(sentence.startswith(f"1 texts of the slice '{LATER}' are left out") for sentence in said)


def test_a_forecast_counts_whole_weights_which_the_gate_trims() -> None:
    later = [row._replace(weight=1_000.0 if n % 5 == 0 else 1.0) for n, row in enumerate(texts("sentiment", 400, 0))]
    found = judged(
        Scripted("v-1", 0.7, 0.8), Scripted("v-2", 0.9, 0.8),
        lambda task: {**of(task), LATER: later} if task == "sentiment" else of(task), LIMITS,
    )  # fmt: skip
    assert 79 < found.foreseen["sentiment"].texts < 82
