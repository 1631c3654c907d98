"""The batcher: budgets that follow any speed and any lack of memory, and how a lot is cut under them."""

from __future__ import annotations

import itertools

from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from models.batching import SPECIAL_TOKENS, batches, estimate_tokens
from streams.classify.speed import FIRST_BUDGET, GROWTH, SMALLEST_BUDGET, Speed, parts

LONGEST_S = 30.0
TOKENS = st.integers(1, 60_000)
SECONDS = st.floats(0.0, 60.0)


class Batcher(RuleBasedStateMachine):
    """A worker that cuts lots while its engine gets faster, slower or runs out of memory."""

    def __init__(self) -> None:
        super().__init__()
        self.speed = Speed(LONGEST_S)
        self.fitted = 0
        """The largest call that went well since memory lacked last."""
        self.failed: int | None = None
        """The call that needed more memory than there is, until a larger one went well."""

    def learn(self, tokens: int, seconds: float) -> None:
        before = self.speed.budget
        self.speed.measured(tokens, seconds)
        assert self.speed.budget <= max(SMALLEST_BUDGET, before * GROWTH)

    @rule(tokens=TOKENS, seconds=SECONDS)
    def call_succeeds(self, tokens: int, seconds: float) -> None:
        self.learn(tokens, seconds)

    @rule(tokens=TOKENS)
    def memory_lacks(self, tokens: int) -> None:
        before = self.speed.budget
        self.speed.exhausted(tokens)
        assert self.speed.budget <= before
        assert self.speed.budget <= max(SMALLEST_BUDGET, tokens / 2)

    @rule(
        costs=st.lists(st.integers(0, 512), max_size=200),
        max_records=st.integers(1, 64),
        pace=st.lists(st.tuples(SECONDS, st.integers(0, 9)), min_size=1, max_size=6),
    )
    def cut_a_lot(self, costs: list[int], max_records: int, pace: list[tuple[float, int]]) -> None:
        """The budget changes between the calls of one lot, as it does in the worker."""
        budgets: list[int] = []

        def budget() -> int:
            budgets.append(self.speed.budget)
            return budgets[-1]

        paces = itertools.cycle(pace)
        begin = 0
        for count in parts(costs, max_records, budget):
            assert 1 <= count <= max_records
            call = costs[begin : begin + count]
            # Without its last text, which may cross the budget, the call is within it.
            assert sum(call[:-1]) < budgets[-1]
            begin += count
            seconds, lack = next(paces)
            if lack == 0:
                self.speed.exhausted(sum(call))
            else:
                self.learn(sum(call), seconds)
        assert begin == len(costs)

    @rule(seconds_per_token=st.floats(1e-5, 1e-2))
    def settle(self, seconds_per_token: float) -> None:
        """A steady engine: whatever happened before, the budget comes to what its speed allows."""
        for _ in range(120):
            self.learn(self.speed.budget, self.speed.budget * seconds_per_token)
        wanted = max(SMALLEST_BUDGET, min(0.4 / seconds_per_token, 1e9))
        assert 0.9 * wanted - 1 <= self.speed.budget <= 1.1 * wanted + 1

    @invariant()
    def the_budget_is_never_too_small_to_be_worth_a_call(self) -> None:
        assert isinstance(self.speed.budget, int)
        assert self.speed.budget >= SMALLEST_BUDGET

    @invariant()
    def deadlines_are_bounded_and_grow_with_the_work(self) -> None:
        deadlines = [self.speed.deadline_s(tokens) for tokens in (0, 1, 100, 10_000, 10_000_000)]
        assert deadlines == sorted(deadlines)
        assert all(5.0 <= deadline <= LONGEST_S for deadline in deadlines)


def test_no_schedule_drives_the_budget_out_of_its_bounds(schedules) -> None:
    run_state_machine_as_test(Batcher, settings=schedules(500, steps=25))


def test_a_fresh_budget_is_the_first() -> None:
    assert Speed().budget == FIRST_BUDGET


def test_a_plan_places_each_text_once_and_sorts_them_from_the_longest(schedules) -> None:
    @schedules(500)
    @given(st.lists(st.integers(0, 512), max_size=300), st.integers(0, 8_192))
    def check(lengths: list[int], budget: int) -> None:
        plan = batches(lengths, budget)
        flat = [position for group in plan for position in group]
        assert sorted(flat) == list(range(len(lengths)))
        assert [lengths[at] for at in flat] == sorted(lengths, reverse=True)
        for group in plan:
            assert len(group) == 1 or len(group) * lengths[group[0]] <= budget

    check()


def test_an_estimate_is_bounded_and_never_shrinks_when_text_is_added(schedules) -> None:
    @schedules(500)
    @given(st.text(max_size=300), st.text(max_size=300), st.integers(SPECIAL_TOKENS, 512))
    def check(text: str, more: str, most: int) -> None:
        assume(text or more)
        assert SPECIAL_TOKENS <= estimate_tokens(text, most) <= estimate_tokens(text + more, most) <= most

    check()
