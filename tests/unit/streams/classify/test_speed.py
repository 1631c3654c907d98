from hypothesis import given
from hypothesis import strategies as st

from streams.classify.speed import BATCH_S, FIRST_BUDGET, SHORTEST_DEADLINE_S, SMALLEST_BUDGET, Speed, parts


def test_the_budget_follows_the_speed_down_at_once_and_up_step_by_step() -> None:
    slow, quick = Speed(), Speed()
    slow.measured(100, 1.0)
    assert slow.budget == SMALLEST_BUDGET
    quick.measured(1_000_000, 1.0)
    assert quick.budget == 2 * FIRST_BUDGET


def test_a_settled_budget_fills_the_aimed_seconds() -> None:
    speed = Speed()
    for _ in range(40):
        speed.measured(speed.budget, speed.budget / 5_000)
    assert abs(speed.budget - 5_000 * BATCH_S) < 20


def test_a_deadline_is_long_before_anything_is_measured_and_bounded_after() -> None:
    speed = Speed(longest_deadline_s=30.0)
    assert speed.deadline_s(10) == 30.0
    speed.measured(1_000, 1.0)
    assert speed.deadline_s(100) == 5.0
    assert speed.deadline_s(500) == 6.0
    assert speed.deadline_s(100_000) == 30.0


def test_any_call_within_the_budget_has_the_shortest_deadline() -> None:
    speed = Speed()
    for _ in range(40):
        speed.measured(speed.budget, speed.budget / 5_000)
    assert speed.deadline_s(speed.budget) == SHORTEST_DEADLINE_S


def test_small_calls_say_little_about_the_speed_of_large_ones() -> None:
    speed = Speed()
    for _ in range(40):
        speed.measured(speed.budget, speed.budget / 5_000)
    settled = speed.budget
    for _ in range(15):
        speed.measured(10, 0.02)
    assert speed.budget > 0.9 * settled


def test_lack_of_memory_halves_what_failed_at_once_and_the_budget_comes_back_step_by_step() -> None:
    speed = Speed()
    for _ in range(40):
        speed.measured(speed.budget, speed.budget / 5_000)
    settled = speed.budget
    speed.exhausted(settled)
    assert speed.budget == settled // 2
    budgets = []
    while speed.budget < settled:
        speed.measured(speed.budget, speed.budget / 5_000)
        budgets.append(speed.budget)
    assert budgets == sorted(budgets)
    assert len(budgets) == 8


def test_a_call_that_succeeds_shows_that_its_size_was_not_what_failed() -> None:
    speed = Speed()
    speed.measured(1_000, 0.1)
    speed.exhausted(1_000)
    speed.exhausted(500)
    assert speed.budget == 250
    speed.measured(500, 0.05)
    assert speed.budget == 500


def test_the_warm_up_stands_in_for_the_first_deadline_and_for_no_budget() -> None:
    speed = Speed(30.0, warm_tokens_per_s=1_000.0)
    assert speed.deadline_s(100) == 5.0
    assert speed.deadline_s(500) == 6.0
    assert speed.budget == FIRST_BUDGET
    speed.measured(100, 1.0)
    assert speed.deadline_s(100) == 12.0
    assert Speed(30.0, warm_tokens_per_s=0.0).deadline_s(100) == 30.0


@given(st.integers(0, 10_000), st.one_of(st.none(), st.floats(1.0, 1e6)))
def test_a_search_is_never_more_patient_than_a_verdict(tokens, measured) -> None:
    speed = Speed(30.0, measured)
    assert min(1.0, speed.deadline_s(tokens)) <= speed.search_deadline_s(tokens) <= speed.deadline_s(tokens)


@given(st.lists(st.integers(0, 10_000), max_size=50))
def test_no_lack_of_memory_takes_the_budget_under_the_smallest(tokens) -> None:
    speed = Speed()
    for failed in tokens:
        speed.exhausted(failed)
        assert SMALLEST_BUDGET <= speed.budget <= max(SMALLEST_BUDGET, failed // 2)


@given(st.lists(st.integers(0, 512), max_size=300), st.integers(1, 64), st.integers(1, 4_000))
def test_parts_cover_a_lot_in_order_within_the_bounds(costs, max_records, budget) -> None:
    counts = list(parts(costs, max_records, lambda: budget))
    assert sum(counts) == len(costs)
    assert all(0 < count <= max_records for count in counts)
    begin = 0
    for count in counts:
        # A part may be one text over its share, never more.
        assert count == 1 or sum(costs[begin : begin + count - 1]) < budget
        begin += count
