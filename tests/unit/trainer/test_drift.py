from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from runtime.errors import SettingsError
from trainer import detectors, drift
from trainer.drift import Monitor, Watch
from trainer.novelty import Reference
from trainer.prequential import Outcome
from trainer.triggers import Alarm
from wire.events import Scored, TaskScore

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
LABELS = ("negative", "neutral", "positive")
REFERENCE = Reference.of(["oil prices rise", "bank lifts its dividend", "shares of the bank fall"])
ALL = {**detectors.ANY, **detectors.VALUES, **detectors.ERRORS}


def event(
    label: str = "neutral", confidence: int = 8_000, text: str = "oil prices rise", version: str = "v-1"
) -> Scored:
    rest = (10_000 - confidence) // 2
    shares = {one: confidence if one == label else rest for one in LABELS}
    return Scored(
        event_id="e", text=text, published_at=WHEN, source="wire", model_version=version, engine="noop", cleaning="2",
        batch_id="b", worker="w", source_partition=0, source_offset=0, scored_at=WHEN,
        tasks={"sentiment": TaskScore(label=label, probabilities=shares, abstained=False)},
    )  # fmt: skip


def outcome(is_wrong: bool, version: str = "v-1", task: str = "sentiment") -> Outcome:
    return Outcome(WHEN, "e", task, version, "wire", "negative", "positive" if is_wrong else "negative", 1.0)


def monitor(**more) -> Monitor:
    return Monitor("sentiment", "v-1", LABELS, REFERENCE, **more)


def usual(count: int, seed: int = 0, shares: Sequence[float] = (0.2, 0.6, 0.2)) -> list[Scored]:
    rng = np.random.default_rng(seed)
    labels, confidences = rng.choice(LABELS, size=count, p=shares), rng.integers(7_000, 9_500, count)
    return [event(label, int(confidence)) for label, confidence in zip(labels, confidences, strict=True)]


def raised(watched: Monitor, events: Sequence[Scored]) -> set[str]:
    return {alarm.signal for alarm in watched.scored(events, WHEN)}


def test_a_stream_that_does_not_change_raises_nothing() -> None:
    watched = monitor()
    assert raised(watched, usual(3_000)) == set()
    for number in range(1_000):
        assert watched.labelled(outcome(number % 7 == 0), WHEN) == []
    assert watched.alarms == []


def test_each_signal_sees_its_own_change() -> None:
    assert raised(begun(), [event(confidence=5_000 + n % 7) for n in range(600)]) >= {"confidence"}
    shifted = usual(1_500, 3, shares=(0.5, 0.4, 0.1))
    assert "share:negative" in raised(begun(), shifted)
    fresh = [event(text=f"a pandemic closes theatre number {n}") for n in range(1_500)]
    assert "novelty" in raised(begun(), fresh)
    watched = begun()
    for number in range(1_500):
        watched.labelled(outcome(number % 7 == 0), WHEN)
    for number in range(1_500):
        watched.labelled(outcome(number % 2 == 0), WHEN + timedelta(hours=1))
    assert watched.alarms[0] == Alarm("error", WHEN + timedelta(hours=1))


def begun() -> Monitor:
    watched = monitor()
    assert raised(watched, usual(1_500)) == set()
    return watched


def remembered(watched: Monitor) -> dict[str, list[float]]:
    return {signal: list(watch.values) for signal, watch in watched._watches.items()}


def test_answers_of_another_version_are_left_out() -> None:
    watched = begun()
    before = remembered(watched)
    assert raised(watched, [event("negative", 4_000, "a quite new text", version="v-2") for _ in range(2_000)]) == set()
    assert watched.labelled(outcome(True, version="v-2"), WHEN) == []
    assert watched.labelled(outcome(True, task="topic"), WHEN) == []
    assert watched.labelled(None, WHEN) == []
    assert remembered(watched) == before


def test_without_a_reference_novelty_is_not_watched() -> None:
    watched = Monitor("sentiment", "v-1", LABELS)
    watched.scored(usual(10), WHEN)
    assert sorted(remembered(watched)) == [
        "confidence", "error", "share:negative", "share:neutral", "share:positive",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_every_detector_sees_a_flood_of_errors_and_says_the_same_when_it_begins_anew(name: str) -> None:
    rng = np.random.default_rng(1)
    values = [*(rng.random(600) < 0.1).astype(float), *(rng.random(600) < 0.9).astype(float)]
    watch, again = Watch(name), Watch(name)
    alarms = [place for place, value in enumerate(values) if watch.update(value)]
    assert any(place >= 600 for place in alarms)
    assert alarms == [place for place, value in enumerate(values) if again.update(value)]


@pytest.mark.parametrize("name", ALL)
def test_what_is_remembered_is_bounded_and_a_replay_ends_where_the_stream_did(name: str, monkeypatch) -> None:
    monkeypatch.setattr(drift, "MEMORY", 60)
    values = (np.random.default_rng(2).random(500) < 0.3).astype(float).tolist()
    lives = Watch(name)
    for place, value in enumerate(values):
        if place % 45 == 0:
            copy = Watch(name, lives.values)
        assert lives.update(value) == copy.update(value)
        assert lives.values == copy.values
        assert len(lives.values) < 120


def test_an_unknown_detector_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="no detector 'adwim'; known: adwin-"):
        Watch("adwim")
