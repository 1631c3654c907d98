"""What `bench swap` offers, and what it does not let pass."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bellwether.bench import swap
from bellwether.bench.swap import Order, Result
from bellwether.bench.swap_figures import Figures, Scored
from bellwether.chaos.journal import Strike
from bellwether.chaos.judge import Row
from streams.classify.speed import BATCH_S

ORDER = Order(("accurate", "fast"), swaps=4, every_s=5.0, steady_s=20.0, rate=100.0)
FIGURES = Figures(
    swaps=4, moves=4, pause_seconds=0.1, steady_gap_p99_seconds=0.1, age_p50_steady_seconds=0.05,
    age_p99_steady_seconds=0.1, age_p99_swapping_seconds=0.15, p99_ratio=1.5, settle_seconds=(2.0, 3.0),
    settle_by_version={}, memory_mib=(600.0,), memory_ratio=1.02, by_version={},
)  # fmt: skip


class Silent:
    def say(self, _: str) -> None:
        pass


def result(**changes: Any) -> Result:
    row = Row(name="swaps", about="", model="champion", passed=True)
    return Result(row, msgspec.structs.replace(FIGURES, **changes), 800.0, 320.0, [], [])


def test_the_load_lasts_for_both_versions_all_moves_and_a_tail() -> None:
    scenario = swap._swaps(ORDER, 100.0)
    seconds = 20 + 20 + 4 * 5 + swap.TAIL_S
    assert (scenario.events, scenario.rate, scenario.seconds) == (100 * seconds, 100.0, seconds)
    first, moves = scenario.faults
    assert (first.do, first.version, first.at[0] * seconds) == ("promote", "fast", pytest.approx(20))
    assert (moves.do, moves.most, moves.every) == ("swaps", 4, 5.0)
    assert moves.at[0] * seconds == pytest.approx(40)


def test_the_aims_are_met_up_to_themselves_and_missed_beyond() -> None:
    assert swap.PAUSE_AIM_S == BATCH_S
    assert result(pause_seconds=0.4).plain()["aims_missed"] == []
    beyond = {"pause_seconds": 0.401, "p99_ratio": 1.501, "memory_ratio": 1.0201}
    for name, value in beyond.items():
        assert result(**{name: value}).plain()["aims_missed"] == [name]
    assert "memory_ratio" not in result(memory_ratio=None).aims()
    told = result().plain()
    assert told.keys() >= {"swaps", "lost", "mixed", "wrong", "pause_seconds", "p99_ratio", "memory_ratio"}


def ran(monkeypatch: pytest.MonkeyPatch, *, moves: int, passed: bool = True) -> None:
    """A run in which so many of four moves were followed."""
    strikes = [Strike(time=100.0 + 20 * n, what="promoted", detail="v-2") for n in range(1)]
    strikes += [Strike(time=140.0 + 5 * n, what="promoted", detail=f"v-{1 + n % 2}") for n in range(4)]
    outputs, inputs = [], {}
    for number in range(1_000):
        time_ms = 80_000 + number * 85
        version = "v-1" if time_ms < 100_000 else "v-2"
        for done, strike in enumerate(strikes[1:]):
            if time_ms >= strike.time * 1000 and done < moves:
                version = strike.detail
        inputs[0, number] = time_ms - 50
        outputs.append(Scored(time_ms, (0, number), version, f"b{number}", "w"))
    failures = () if passed else ("lost 1",)
    row = Row(name="swaps", about="", model="champion", passed=passed, failures=failures)
    monkeypatch.setattr(swap, "_ran", lambda *_: (row, outputs, inputs, strikes))


def test_a_move_that_nobody_followed_and_a_broken_row_are_errors(monkeypatch, tmp_path: Path) -> None:
    ran(monkeypatch, moves=4)
    found = swap.measure(ORDER, Silent())  # type: ignore[arg-type]
    assert (found.figures.swaps, found.figures.moves, found.capacity, found.rate) == (4, 4, None, 100.0)
    assert found.failures == ()
    ran(monkeypatch, moves=3)
    (told,) = swap.measure(ORDER, Silent()).failures  # type: ignore[arg-type]
    assert re.match(r"3 of 4 swaps: .* give each more time than the 5 s of --every", told)
    ran(monkeypatch, moves=4, passed=False)
    found = swap.measure(ORDER, Silent())  # type: ignore[arg-type]
    assert found.plain()["failures"] == ["lost 1"]


def test_without_a_rate_forty_percent_of_what_the_line_scored_is_offered(monkeypatch, tmp_path: Path) -> None:
    ran(monkeypatch, moves=4)
    monkeypatch.setattr(swap, "_capacity", lambda *_: 500.0)
    found = swap.measure(changed(ORDER, rate=None), Silent())  # type: ignore[arg-type]
    assert (found.capacity, found.rate) == (500.0, 200.0)


def changed(order: Order, **changes: Any) -> Order:
    return Order(**(vars(order) | changes))
