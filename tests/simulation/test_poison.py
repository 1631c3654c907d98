"""The dead-letter policy: any poison, any chance failures, engines that live or die."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from streams.classify.poison import ALONE_LIMIT, PARTS_IF_ALIVE, PARTS_IF_ENDED, Isolation


@st.composite
def batches(draw: st.DrawFn) -> tuple[int, frozenset[int]]:
    """A batch's size and the positions of its poison."""
    size = draw(st.integers(1, 256))
    return size, draw(st.frozensets(st.integers(0, size - 1), max_size=6))


class Search(RuleBasedStateMachine):
    """An engine that fails at poison, and now and then without a reason."""

    @initialize(batch=batches())
    def begin(self, batch: tuple[int, frozenset[int]]) -> None:
        self.size, self.poison = batch
        self.search = Isolation(self.size)
        self.decided = 0
        """All positions before it are scored or given up."""
        self.alone: Counter[int] = Counter()
        self.by_chance = 0

    @precondition(lambda self: self.search.next() is None)
    @rule(batch=batches())
    def next_batch(self, batch: tuple[int, frozenset[int]]) -> None:
        self.ends_well()
        self.begin(batch)

    @precondition(lambda self: self.search.next() is not None)
    @rule(chance=st.integers(0, 19).map(lambda drawn: drawn == 0), is_alive=st.booleans())
    def call(self, chance: bool, is_alive: bool) -> None:
        """The engine is asked for the part that the search names."""
        begin, end = self.search.next() or (0, 0)
        assert begin == self.decided < end <= self.size
        assert self.search.is_last_try == (end - begin == 1 and self.alone[begin] == ALONE_LIMIT - 1)
        is_poisoned = bool(self.poison & set(range(begin, end)))
        if not (is_poisoned or chance):
            self.search.succeeded()
            self.decided = end
            return
        self.by_chance += not is_poisoned
        before = dict(self.search.given_up)
        reason = f"{begin}-{self.alone[begin]}"
        self.search.failed(reason, "sentence", is_alive=is_alive)
        if end - begin == 1:
            self.alone[begin] += 1
        if end - begin == 1 and self.alone[begin] == ALONE_LIMIT:
            assert self.search.given_up.keys() - before.keys() == {begin}
            assert self.search.given_up[begin].reason == reason
            self.decided = end
        else:
            assert self.search.given_up == before

    def teardown(self) -> None:
        """From here on nothing fails by chance: it ends, and each text has its one outcome."""
        if hasattr(self, "search"):
            self.ends_well()

    def ends_well(self) -> None:
        left = 4 * self.size + 100
        while self.search.next() is not None:
            self.call(False, False)
            left -= 1
            assert left > 0
        assert self.decided == self.size
        given_up = set(self.search.given_up)
        assert self.poison <= given_up
        assert all(self.alone[at] == ALONE_LIMIT for at in given_up)
        assert len(given_up - self.poison) * ALONE_LIMIT <= self.by_chance  # no text is blamed for its neighbours


def test_each_text_is_scored_or_given_up_once_in_order_and_only_after_it_failed_alone(schedules) -> None:
    run_state_machine_as_test(Search, settings=schedules(600, steps=40))


def depth(size: int, parts: int) -> int:
    """Failures until a text of a batch is alone."""
    failures = 0
    while size > 1:
        size = -(-size // parts)
        failures += 1
    return failures


def test_the_calls_that_fail_are_few(schedules) -> None:
    @schedules(600)
    @given(batches(), st.booleans())
    def check(batch: tuple[int, frozenset[int]], is_alive: bool) -> None:
        size, poison = batch
        search = Isolation(size)
        failed = calls = 0
        while (part := search.next()) is not None:
            calls += 1
            if poison & set(range(*part)):
                failed += 1
                search.failed("crash", "ended", is_alive=is_alive)
            else:
                search.succeeded()
        parts = PARTS_IF_ALIVE if is_alive else PARTS_IF_ENDED
        deepest = depth(size, parts)
        assert failed <= len(poison) * (deepest + ALONE_LIMIT)
        assert calls <= 1 + failed * parts
        assert set(search.given_up) == poison

    check()
