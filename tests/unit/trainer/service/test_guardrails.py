"""What late labels and class shares say of a version."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from trainer.field import Quality
from trainer.prequential import outcomes
from trainer.service.answers import Answers
from trainer.service.guardrails import Bounds, Compared, Errors, looks_due, rollback, worse_in_shadow
from trainer.service.records import Forecast
from trainer.service.tail import Answer, Said

from .conftest import label

HALVES = {"sentiment": Forecast({"negative": 0.5, "positive": 0.5}, texts=4_000)}


def errors(rate: float, labels: float) -> Quality:
    return Quality(rate, math.sqrt(rate * (1 - rate) / labels), 1 - rate, labels, {})


def told(given: Errors, seen: dict[str, dict[str, int]] | None = None) -> str | None:
    """What a first look says."""
    due = looks_due(given, seen or {}, {}, Bounds())
    return rollback(given, HALVES, seen or {}, due, Bounds())


@pytest.mark.parametrize(
    ("before", "after", "goes"),
    [
        (errors(0.10, 400), errors(0.20, 400), True),
        (errors(0.10, 400), errors(0.13, 400), False),
        (errors(0.10, 4_000), errors(0.15, 4_000), True),
        (errors(0.10, 400), errors(0.50, 99), False),
        (errors(0.10, 99), errors(0.50, 400), False),
        (errors(0.20, 400), errors(0.10, 400), False),
    ],
)
def test_a_champion_goes_only_when_its_error_is_worse_beyond_doubt_and_margin(
    before: Quality, after: Quality, goes: bool
) -> None:
    assert (told({"sentiment": (before, after)}) is not None) == goes


def test_one_task_does_not_speak_for_another() -> None:
    """A hard task under the new version and an easy one under the old are no comparison."""
    easy, hard = errors(0.05, 400), errors(0.40, 400)
    assert told({"sentiment": (easy, easy), "topic": (hard, hard)}) is None
    why = told({"sentiment": (easy, easy), "topic": (hard, errors(0.60, 400))})
    assert why is not None
    assert why.startswith("topic: prequential error 0.600")


def test_errors_are_looked_at_when_the_labels_doubled() -> None:
    looked: dict[Compared, int] = {}
    seen: list[int] = []
    for labels in range(10, 10_000, 10):
        due = looks_due({"topic": (errors(0.1, 400), errors(0.1, labels))}, {}, looked, Bounds())
        looked |= due
        seen += [labels] * len(due)
    assert seen == [100, 200, 400, 800, 1_600, 3_200, 6_400]


def test_shares_are_looked_at_when_the_events_doubled() -> None:
    looked: dict[Compared, int] = {}
    seen: list[int] = []
    for events in range(100, 10_000, 100):
        due = looks_due({}, {"topic": {"Macro": events - 50, "M&A": 50}}, looked, Bounds())
        looked |= due
        seen += [events] * len(due)
    assert seen == [500, 1_000, 2_000, 4_000, 8_000]


def test_many_looks_tell_a_good_version_seldom_off() -> None:
    """Looked at after each label at one-sided 95 %, a fifth or more of such versions would go."""
    chance, gone = random.Random(5), 0
    bounds = Bounds(error_margin=0.0)
    for _ in range(200):
        wrong, looked = 0, dict[Compared, int]()
        before = sum(chance.random() < 0.2 for _ in range(800)) / 800
        for labels in range(1, 801):
            wrong += chance.random() < 0.2
            both = {"topic": (errors(before, 800), errors(wrong / labels, labels))}
            due = looks_due(both, {}, looked, bounds)
            looked |= due
            if rollback(both, {}, {}, due, bounds):
                gone += 1
                break
    assert gone <= 200 * 0.05


def test_many_looks_at_shares_tell_a_version_at_its_margin_seldom_off() -> None:
    """Looked at after each event at one-sided 95 %, half of such versions or more would go."""
    chance, gone = random.Random(6), 0
    for _ in range(200):
        seen, looked = {"sentiment": {"negative": 0, "positive": 0}}, dict[Compared, int]()
        for _ in range(4_000):
            seen["sentiment"]["negative" if chance.random() < 0.6 else "positive"] += 1
            due = looks_due({}, seen, looked, Bounds())
            looked |= due
            if rollback({}, HALVES, seen, due, Bounds()):
                gone += 1
                break
    assert gone <= 200 * 0.05


def test_a_forecast_from_few_texts_takes_no_version_back_that_did_not_shift() -> None:
    chance, gone = random.Random(7), 0
    shares = {"negative": 0.3, "neutral": 0.55, "positive": 0.15}
    for _ in range(200):
        foreseen = Counter(chance.choices([*shares], [*shares.values()], k=40))
        forecast = {"sentiment": Forecast({label: foreseen[label] / 40 for label in shares}, texts=40)}
        seen = {"sentiment": Counter(chance.choices([*shares], [*shares.values()], k=8_000))}
        gone += any(rollback({}, forecast, seen, {("shares", "sentiment"): look}, Bounds()) for look in range(1, 6))
    assert gone <= 200 * 0.05


def test_a_class_that_the_gate_never_saw_is_not_certain_to_stay_away() -> None:
    """None of 40 texts: of the stream it may be a tenth, and not a half."""
    forecast = {"sentiment": Forecast({"negative": 0.0, "positive": 1.0}, texts=40)}
    for negative, goes in ((0.1, False), (0.5, True)):
        seen = {"sentiment": {"negative": round(500 * negative), "positive": round(500 * (1 - negative))}}
        assert (rollback({}, forecast, seen, {("shares", "sentiment"): 1}, Bounds()) is not None) == goes


@pytest.mark.parametrize(
    ("negative", "events", "goes"), [(0.70, 1_000, True), (0.60, 1_000, False), (0.62, 1_000, False), (0.9, 499, False)]
)
def test_a_champion_goes_when_a_class_share_is_far_from_the_forecast(negative: float, events: int, goes: bool) -> None:
    seen = {"sentiment": {"negative": round(negative * events), "positive": round((1 - negative) * events)}}
    assert (told({}, seen) is not None) == goes


def test_a_label_that_the_forecast_does_not_name_is_missed_elsewhere() -> None:
    """All that goes to a new label is missing from the others."""
    why = told({}, {"sentiment": {"other": 1_000}})
    assert why is not None
    assert why.startswith("sentiment negative: 0.0% of 1000 events, the gate foresaw 50.0% on 4000 texts: off by at")


@pytest.mark.parametrize(
    ("lost", "won", "is_dropped"), [(0, 0, False), (4, 0, False), (5, 0, True), (30, 20, False), (40, 20, True)]
)
def test_a_shadow_is_dropped_by_mcnemars_exact_test(lost: int, won: int, is_dropped: bool) -> None:
    assert (worse_in_shadow({"sentiment": (lost, won)}, Bounds()) is not None) == is_dropped


def test_a_shadow_that_is_worse_in_one_task_is_dropped_for_it_alone() -> None:
    why = worse_in_shadow({"sentiment": (0, 40), "topic": (12, 1)}, Bounds())
    assert why is not None
    assert why.startswith("topic: in the shadow it lost 12 and won 1")
    assert worse_in_shadow({"sentiment": (5, 0), "topic": (0, 0)}, Bounds()) is None, "the level is shared"


def said(number: int, version: str, what: str, *, is_shadow: bool = False) -> Answer:
    shares = {"negative": 1_000, "neutral": 1_000, "positive": 1_000} | {what: 8_000}
    return Answer(f"e-{number}", version, {"sentiment": Said(what, shares)}, is_shadow)


def test_answers_and_labels_meet_whichever_comes_first() -> None:
    answers = Answers()
    for one in (said(1, "old", "negative"), said(1, "new", "positive", is_shadow=True), said(2, "old", "positive")):
        answers.take(one)
        answers.take(one)
    own = {"model_version": "old", "probabilities": {"negative": 1_000, "neutral": 9_000}}
    labels = [label(1), label(2), label(3, **own), label(4)]
    found = outcomes(answers.completed(labels))
    assert [(one.event_id, one.version, one.is_wrong) for one in found] == [
        ("e-1", "old", False), ("e-2", "old", True), ("e-3", "old", True),
    ]  # fmt: skip
    assert answers.pairs("old", "new", labels) == {"sentiment": (1, 0)}
    assert answers.pairs("old", "another", labels) == {}
    assert answers.counts("old") == {"sentiment": {"negative": 1, "positive": 1}}
    assert answers.counts("new") == {}
