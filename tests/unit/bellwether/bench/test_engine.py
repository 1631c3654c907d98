from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bellwether.bench import engine, limit
from bellwether.bench.turns import Turns, take_turns
from runtime.errors import InputError


class Clock:
    """Time that passes only where a variant lets it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def variant(self, name: str, seconds: float, units: float) -> Callable[[], float]:
        def run() -> float:
            self.now += seconds
            self.log.append(name)
            return units

        return run


def test_each_round_begins_with_another_variant_after_one_warm_up_of_all() -> None:
    clock = Clock()
    variants = {"a": clock.variant("a", 2, 10), "b": clock.variant("b", 4, 10)}
    turns = take_turns(variants, 3, clock=lambda: clock.now, cpu_clock=lambda: clock.now / 2)
    assert "".join(clock.log) == "ab" + "ab" + "ba" + "ab"
    assert turns.speeds == {"a": [5.0, 5.0, 5.0], "b": [2.5, 2.5, 2.5]}
    assert turns.cpu_speeds == {"a": [10.0, 10.0, 10.0], "b": [5.0, 5.0, 5.0]}


def test_a_ratio_is_taken_within_each_round_so_that_a_slow_minute_cancels() -> None:
    turns = Turns({"a": [10, 1, 10], "b": [5, 0.5, 5]}, {"a": [12, 9, 12], "b": [4, 3, 4]})
    assert turns.cpu_ratio("a", "b") == 3
    assert turns.cpu_median("a") == 12
    assert turns.ratio("a", "b") == 2
    assert turns.median("a") == 10
    assert turns.spread("a") == pytest.approx(0.9)


def test_figures_relate_the_engine_to_pipeline_and_limit() -> None:
    speeds = {"engine": [100.0], "pipeline_32": [20.0], "pipeline_1": [10.0], "limit": [1e9]}
    turns = Turns(speeds, speeds)
    found = engine.figures(turns, work=5e6)
    assert found["ratio_to_pipeline"] == 5
    assert found["ratio_to_limit"] == 0.5
    assert found["texts_per_second"] == 100


def test_work_counts_each_real_token_and_attention_and_no_padding() -> None:
    assert limit.multiply_adds([(2, 3), (3, 2)], hidden=4, layers=1, lengths=[5, 1]) == 12 * 6 + 2 * 4 * (25 + 1)


def test_texts_are_evenly_taken_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f'{{"text": "story {number}"}}\n' for number in range(10)), encoding="utf-8")
    assert engine.texts_of(file, 3) == ["story 0", "story 3", "story 6"]


def test_a_file_without_texts_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"headline": 5}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"rows\.jsonl holds no row with a `text`"):
        engine.texts_of(file, 3)


def test_the_built_in_stream_gives_as_many_texts_as_asked() -> None:
    texts = engine.texts_of(None, 100)
    assert len(texts) == 100
    assert all(texts)
