"""What a label counts: its own weight, its class's, and one on average."""

import pytest

from trainer.dataset import Example, Row, merge
from trainer.loss import label_weights

TASKS = {"sentiment": ("negative", "positive")}


def said(label: str, count: int, **weights: float) -> list[Example]:
    return [Example(f"{label} {n}", {"sentiment": label}, f"{label} {n}", weights) for n in range(count)]


def test_without_balance_and_weights_every_label_counts_one() -> None:
    found = label_weights([*said("positive", 3), *said("negative", 1), Example("x", {}, "x")], TASKS, 0.0)
    assert found == [{"sentiment": 1.0}] * 4 + [{}]


def test_full_balance_lets_each_class_count_the_same() -> None:
    found = [one["sentiment"] for one in label_weights([*said("positive", 9), *said("negative", 1)], TASKS, 1.0)]
    assert sum(found[:9]) == pytest.approx(found[9]) == pytest.approx(5.0)


def test_balance_between_follows_the_effective_numbers() -> None:
    found = [one["sentiment"] for one in label_weights([*said("positive", 9), *said("negative", 1)], TASKS, 0.9)]
    assert found[9] / found[0] == pytest.approx((1 - 0.9**9) / (1 - 0.9))
    assert sum(found) == pytest.approx(10.0)


def test_an_own_weight_scales_a_label_among_the_others() -> None:
    found = label_weights([*said("positive", 1, sentiment=3.0), *said("negative", 1)], TASKS, 0.0)
    assert [one["sentiment"] for one in found] == [1.5, 0.5]


def test_of_near_copies_that_agree_the_most_trusted_one_counts() -> None:
    rows = [Row("a", "sentiment", label, "a", weight) for label, weight in (("p", 0.3), ("p", 0.7), ("n", 0.9))]
    assert merge(rows)[0] == [Example("a", {"sentiment": "p"}, "a", {"sentiment": 0.7})]


def test_copies_that_contradict_each_other_weigh_what_their_labellers_are_trusted() -> None:
    rows = [Row("a", "sentiment", label, "a", weight) for label, weight in (("n", 0.02), ("p", 1.0), ("n", 0.02))]
    assert merge(rows)[0] == [Example("a", {"sentiment": "p"}, "a", {"sentiment": 1.0})]
    found, counts = merge([*rows[:1], Row("a", "sentiment", "p", "a", 0.02)])
    assert (found, counts["contradict"]) == ([], 1), "as heavy as each other"
