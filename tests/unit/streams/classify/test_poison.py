from collections.abc import Callable, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.poison import ALONE_LIMIT, PARTS_IF_ALIVE, PARTS_IF_ENDED, Isolation, split

cases = st.integers(1, 300).flatmap(
    lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1), max_size=4), st.booleans())
)


def searched(size: int, poison: Set[int], is_alive: Callable[[], bool]) -> tuple[Isolation, list[int], int, int]:
    """The search's end, what was scored in its order, and how many calls failed and succeeded."""
    search = Isolation(size)
    scored: list[int] = []
    failed = succeeded = 0
    while (part := search.next()) is not None:
        begin, end = part
        if poison & set(range(begin, end)):
            failed += 1
            search.failed("crash", "ended", is_alive=is_alive())
        else:
            succeeded += 1
            scored.extend(range(begin, end))
            search.succeeded()
    return search, scored, failed, succeeded


def levels(size: int, parts: int) -> int:
    """Splits until each text is alone."""
    count = 0
    while size > 1:
        size, count = -(-size // parts), count + 1
    return count


@given(cases)
def test_exactly_the_poison_is_given_up_and_all_else_is_scored_once_in_order(case) -> None:
    size, poison, is_alive = case
    search, scored, failed, succeeded = searched(size, poison, lambda: is_alive)
    assert scored == [position for position in range(size) if position not in poison]
    assert set(search.given_up) == poison
    parts = PARTS_IF_ALIVE if is_alive else PARTS_IF_ENDED
    assert failed <= len(poison) * (levels(size, parts) + ALONE_LIMIT)
    assert succeeded <= 1 + len(poison) * levels(size, parts) * (parts - 1)


@given(cases, st.lists(st.booleans(), min_size=1))
def test_the_same_holds_whatever_each_failure_did_to_the_engine(case, lives) -> None:
    size, poison, _ = case
    fates = iter(lives)
    search, scored, _, _ = searched(size, poison, lambda: next(fates, False))
    assert scored == [position for position in range(size) if position not in poison]
    assert set(search.given_up) == poison


@pytest.mark.parametrize(("size", "failures"), [(256, 4), (64, 4), (16, 3), (1, 2)])
def test_one_deadly_text_ends_the_engine_as_often_as_the_documentation_says(size, failures) -> None:
    assert all(searched(size, {poison}, lambda: False)[2] == failures for poison in range(size))


@given(st.integers(0, 500), st.integers(2, 500), st.integers(2, 9))
def test_a_split_covers_its_part_with_neighbours_of_about_equal_size(begin, size, most) -> None:
    parts = split(begin, begin + size, most)
    assert [place for left, right, _ in parts for place in range(left, right)] == list(range(begin, begin + size))
    sizes = {right - left for left, right, _ in parts}
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == min(most, size)


def test_a_failure_by_chance_costs_nothing_but_calls() -> None:
    search = Isolation(3)
    search.failed("crash", "killed from outside", is_alive=False)
    while search.next() is not None:
        search.succeeded()
    assert search.given_up == {}


def test_a_text_alone_gets_a_second_try_and_keeps_the_last_reason() -> None:
    search = Isolation(1)
    search.failed("crash", "first")
    assert search.next() == (0, 1)
    search.failed("timeout", "second")
    assert search.next() is None
    assert (search.given_up[0].reason, search.given_up[0].exception) == ("timeout", "second")


def test_no_verdict_hangs_on_what_is_searched() -> None:
    search = Isolation(2)
    assert (search.is_search, search.is_last_try) == (False, False)
    search.failed("timeout", "whole")
    assert (search.is_search, search.is_last_try) == (True, False)
    search.failed("timeout", "alone")
    assert (search.is_search, search.is_last_try) == (False, True)
