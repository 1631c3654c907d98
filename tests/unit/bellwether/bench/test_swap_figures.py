"""What is read out of a run of swaps, from made-up runs whose answer is known."""

import pytest

from bellwether.bench.swap_figures import Scored, capacity, figures, memory_ratio
from bellwether.chaos.journal import Strike

EVERY_S = 5.0


def run(*, late_ms: int = 0, age_ms: int = 50, silent: tuple[int, int] = (0, 0), never: bool = False):
    """One worker, an event each 100 ms: A to 30 s, B to 60 s, then 10 moves; each swap is seen `late_ms` later."""
    moves = [30_000, *range(60_000, 110_000, 5_000)]
    strikes = []
    for number, move in enumerate(moves):
        strikes.append(Strike(time=move / 1000, what="promoted", detail="BA"[number % 2]))
        if number:
            strikes.append(Strike(time=move / 1000 + 4.9, what="memory", detail="100.0"))
    inputs, outputs = {}, []
    for offset, time in enumerate(range(1, 115_000, 100)):
        inputs[0, offset] = time
        done = time + (age_ms if 60_000 <= time < 110_000 else 50)
        if silent[0] <= done < silent[1]:
            done = silent[1]
        passed = sum(move + late_ms <= done for move in moves)
        version = "AB"[passed % 2] if not never else "A"
        outputs.append(Scored(done, (0, offset), version, f"b{offset}", "w"))
    return outputs, inputs, strikes


def test_a_run_without_any_cost() -> None:
    found = figures(*run(), EVERY_S)
    assert (found.swaps, found.moves) == (10, 10)
    assert (found.pause_seconds, found.p99_ratio, found.memory_ratio) == (0.0, 1.0, None)
    assert found.steady_gap_p99_seconds == 0.1
    assert found.settle_seconds == (0.0, 0.0)


def test_a_pause_is_what_a_gap_is_longer_than_usual() -> None:
    assert figures(*run(silent=(80_000, 80_950)), EVERY_S).pause_seconds == pytest.approx(0.9, abs=0.06)
    assert figures(*run(silent=(20_000, 20_950)), EVERY_S).pause_seconds == 0.0, "before the swaps it is no pause"


def test_older_events_while_versions_change_raise_the_ratio() -> None:
    assert figures(*run(age_ms=100), EVERY_S).p99_ratio == 2.0


def test_a_swap_settles_with_the_last_event_of_the_version_before() -> None:
    found = figures(*run(late_ms=2_000), EVERY_S)
    assert found.swaps == 10
    assert found.settle_seconds[1] == pytest.approx(1.95, abs=0.1)


def test_a_move_that_no_worker_followed_is_no_swap() -> None:
    found = figures(*run(never=True), EVERY_S)
    assert (found.swaps, found.moves) == (5, 10)
    assert figures(*run(late_ms=5_500), EVERY_S).swaps < 10


def test_memory_compares_the_last_tenth_with_the_second() -> None:
    assert memory_ratio([1.0] * 10 + [100.0] * 10 + [1.0] * 70 + [103.0] * 10) == pytest.approx(1.03)
    assert memory_ratio([1.0] * 19) is None


def test_capacity_is_counted_from_the_first_input_to_the_last_output() -> None:
    outputs = [Scored(1_000 * number, (0, number), "A", "b", "w") for number in range(1, 11)]
    assert capacity(outputs, {(0, number): 0 for number in range(1, 11)}) == 1.0
