from __future__ import annotations

import json

import numpy as np
import pytest

from bellwether.bench import drift, drift_changes, drift_picture
from bellwether.bench.drift import AFTER, BEFORE, Row
from bellwether.bench.drift_pools import Pool, Pools, Scorer, built_in
from runtime.errors import InputError


def pool(confidence: float, wrong: float, seed: int = 0, size: int = 500) -> Pool:
    rng = np.random.default_rng(seed)
    return Pool(
        confidence=np.clip(rng.normal(confidence, 0.1, size), 0, 1),
        answer=rng.choice(3, size=size, p=[0.1, 0.6, 0.3]),
        novelty=np.clip(rng.normal(0.6, 0.1, size), 0, 1),
        wrong=rng.random(size) < wrong,
    )


POOLS = Pools(3, pool(0.9, 0.1), {"odd": pool(0.5, 0.6, 1)})


def row(detector: str, false: float, delay: int | None, signal: str = "error") -> Row:
    return Row(signal, detector, [false], {"odd": [delay]})


def test_the_chosen_detector_keeps_to_the_budget_then_misses_least_then_sees_soonest() -> None:
    rows = [row("loud", 5.0, 10), row("blind", 0.0, None), row("slow", 0.0, 900), row("good", 1.0, 90)]
    assert drift.choose(rows) == {"error": "good"}
    assert drift.choose(rows[:1]) == {"error": "loud"}, "where none keeps to it, the quietest"
    assert drift.choose([*rows, row("shy", 0.5, 70, "share")]) == {"error": "good", "share": "shy"}


def test_a_missed_change_counts_as_all_events_after_it() -> None:
    found = Row("error", "d", [0.0, 2.0], {"odd": [None, 10, 30], "even": [5, 5, 5]})
    assert (found.delay("odd"), found.delay_mean, found.missed, found.false_mean) == (30, 17.5, pytest.approx(1 / 6), 1)
    assert Row("error", "d", [0.0], {"odd": [None]}).delay("odd") == AFTER
    assert found.plain()["missed"] == {"odd": 0.33, "even": 0.0}


def test_planted_changes_move_what_they_say_and_nothing_else() -> None:
    rng = np.random.default_rng(3)
    before = drift_changes.taken(POOLS.usual, rng, 5_000)
    drawn = {name: change(rng, 5_000) for name, change in drift_changes.changes_of(POOLS).items()}
    assert list(drawn) == ["odd", "a third odd", "rare class doubled", "10 points more errors"]
    assert drawn["a third odd"].confidence.mean() == pytest.approx(0.9 - 0.4 / 3, abs=0.02)
    rare = (before.answer == 0).mean()
    assert (drawn["rare class doubled"].answer == 0).mean() == pytest.approx(2 * rare / (1 + rare), abs=0.02)
    assert drawn["10 points more errors"].wrong.mean() - before.wrong.mean() == pytest.approx(0.1, abs=0.02)

    def shows(signal: str, after: Pool) -> bool:
        first, second = (drift_changes.values_of(part, signal, 3) for part in (before, after))
        return drift_changes.moves(first, second)

    moved = {name: [one for one in drift_changes.SIGNALS if shows(one, after)] for name, after in drawn.items()}
    assert "novelty" not in {signal for signals in moved.values() for signal in signals}
    assert moved["rare class doubled"] == ["share"]
    assert moved["10 points more errors"] == ["error"]
    assert {"confidence", "error"} <= set(moved["a third odd"])


def test_the_delay_counts_events_from_the_change_and_not_an_alarm_before_it() -> None:
    values = np.concatenate([np.zeros(BEFORE), np.ones(AFTER)])[:, None]
    assert 0 < (drift.delay("adwin-2e-3", values) or 0) < 64
    assert drift.delay("adwin-2e-3", np.zeros((BEFORE + AFTER, 1))) is None
    early = np.concatenate([np.zeros(1_000), np.ones(BEFORE - 1_000 + AFTER)])[:, None]
    assert drift.delay("adwin-2e-3", early) is None
    two = np.hstack([np.zeros((BEFORE + AFTER, 1)), values])
    assert drift.delay("adwin-2e-3", two) == drift.delay("adwin-2e-3", values), "any stream of a signal"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """A run with two detectors, short streams."""
    patch = pytest.MonkeyPatch()
    patch.setattr(drift, "QUIET", 1_000)
    patch.setattr(drift, "candidates", lambda _: ["adwin-2e-3", "page-hinkley-20"])
    try:
        return drift.measure(drift.Order(Pools(3, POOLS.usual, POOLS.others, POOLS.usual), rounds=2))
    finally:
        patch.undo()


def test_a_run_measures_every_detector_on_what_its_signal_shows(rows: list[Row]) -> None:
    assert [(one.signal, one.detector) for one in rows[:2]] == [
        ("confidence", "adwin-2e-3"), ("confidence", "page-hinkley-20"),
    ]  # fmt: skip
    confidence, share, novelty, error = rows[::2]
    assert list(confidence.delays) == ["odd", "a third odd"]
    assert 0 < confidence.delay("odd") <= confidence.delay("a third odd") < 500
    assert share.delays.keys() >= {"rare class doubled"}
    assert (novelty.delays, novelty.missed, novelty.delay_mean) == ({}, 0.0, 0.0)
    assert error.delay("odd") < error.delay("10 points more errors")
    assert error.in_order is None
    assert confidence.in_order is not None
    assert all(len(one.false) == 2 for one in rows)


def test_the_tables_are_whole_and_mark_what_was_chosen(rows: list[Row], tmp_path) -> None:
    chosen, levels = drift.choose(rows), drift_changes.levels(POOLS)
    table = drift.as_markdown(rows, chosen, levels)
    assert f"| confidence | **{chosen['confidence']}** |" in table
    texts, found = table.split("\n\n")
    assert len({line.count("|") for line in texts.splitlines()}) == 1
    assert len({line.count("|") for line in found.splitlines()}) == 1
    assert json.dumps([one.plain() for one in rows])
    drift_picture.save(rows, chosen, tmp_path / "drift.png")
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"cannot write the picture to .*choose another --plot"):
        drift_picture.save(rows, chosen, tmp_path / "none" / "drift.png")


def test_without_data_the_built_in_stream_gives_two_kinds_of_texts() -> None:
    def score(texts):
        wide = np.array([[len(text) % 7 + 1, len(text) % 3 + 1, 1.0] for text in texts], dtype=np.float32)
        return wide / wide.sum(axis=1, keepdims=True)

    found = built_in(Scorer("fake", ("negative", "neutral", "positive"), score), lambda _: None)
    assert list(found.others) == ["other topics"]
    assert min(len(found.usual), len(found.others["other topics"])) > 500
    assert found.usual.wrong is not None
    assert found.others["other topics"].novelty.mean() > found.usual.novelty.mean()
