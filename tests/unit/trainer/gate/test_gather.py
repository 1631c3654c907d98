from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest

from models.engine import Probabilities, Task
from models.fakes import NoopEngine, ScriptedEngine
from runtime.errors import InputError
from trainer.gate.evidence import LATER, OLD
from trainer.gate.gather import Labelled, gather, speed_ratio, trimmed

ROWS = [
    Labelled("acme jumps", "positive"),
    Labelled("acme drops", "negative", 4.0),
    Labelled("acme meets", "neutral"),
]


class Turned(ScriptedEngine):
    """The scripted engine with its labels in another order."""

    def __init__(self, *labels: str) -> None:
        super().__init__()
        self._own = self.tasks["sentiment"].labels
        self.tasks = {"sentiment": Task("sentiment", labels)}

    def score(self, texts: Sequence[str]) -> dict[str, Probabilities]:
        rows = super().score(texts)["sentiment"]
        return {"sentiment": rows[:, [self._own.index(label) for label in self.tasks["sentiment"].labels]]}


def test_both_are_scored_on_each_slice_with_its_labels_and_weights() -> None:
    found = gather(NoopEngine(), ScriptedEngine(), {LATER: [*ROWS] * 200, OLD: []}, "sentiment")
    assert set(found.slices) == {LATER}
    one = found.slices[LATER]
    assert one.truth.tolist()[:3] == [2, 0, 1]
    assert one.weights.tolist()[:3] == [1, 4, 1]
    assert one.challenger.argmax(1).tolist()[:3] == [2, 0, 1]
    assert one.champion.argmax(1).tolist()[:3] == [0, 0, 0]
    assert set(found.behaviour) == {"names", "numbers", "negation"}
    assert found.speed_ratio is not None


def test_columns_are_matched_by_label_and_not_by_position() -> None:
    found = gather(ScriptedEngine(), Turned("positive", "negative", "neutral"), {LATER: ROWS}, "sentiment")
    np.testing.assert_array_equal(found.slices[LATER].champion, found.slices[LATER].challenger)


def test_a_challenger_with_other_labels_is_refused() -> None:
    with pytest.raises(InputError, match=r"has other labels of 'sentiment' \(up, down, flat\)"):
        gather(ScriptedEngine(), Turned2(), {LATER: ROWS}, "sentiment")


class Turned2(ScriptedEngine):
    def __init__(self) -> None:
        super().__init__()
        self.tasks = {"sentiment": Task("sentiment", ("up", "down", "flat"))}


def test_a_task_that_one_lacks_is_refused() -> None:
    with pytest.raises(InputError, match=r"v-.* has no task 'mood'; it answers sentiment, topic"):
        gather(NoopEngine(), NoopEngine(), {LATER: ROWS}, "mood")


def test_a_label_that_the_task_lacks_is_refused_with_its_slice() -> None:
    with pytest.raises(InputError, match=r"label 'up' of the slice 'later in time' is none of negative, neutral"):
        gather(NoopEngine(), NoopEngine(), {LATER: [Labelled("a", "up")]}, "sentiment")


def test_speed_is_the_median_of_ratios_within_a_turn() -> None:
    ticks = count()
    now = 0.0

    def clock() -> float:
        return now

    def work(seconds: float) -> object:
        def run() -> None:
            nonlocal now
            now += seconds * (100 if next(ticks) == 4 else 1)  # one disturbed call

        return run

    assert speed_ratio(work(2.0), work(4.0), clock) == pytest.approx(0.5)  # type: ignore[arg-type]


def test_no_text_weighs_more_than_a_hundredth_of_all() -> None:
    even = np.array([1.0, 5.0] * 200)
    assert (trimmed(even) == even).all()
    few = trimmed(np.concatenate([np.ones(985), np.full(15, 1e6)]))
    assert few.max() / few.sum() == pytest.approx(0.01)
    assert (few[:985] == 1).all()
    audit = trimmed(np.concatenate([np.ones(160), np.full(40, 500.0)]))
    assert audit.max() / audit.sum() == pytest.approx(0.01)
    assert (trimmed(np.array([1.0, 9.0] * 40)) == 1).all(), "of eighty texts one is always more"
    assert trimmed(np.concatenate([[1.0], np.full(101, 1e6)])).max() == 1e6
