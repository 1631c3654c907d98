from hypothesis import given
from hypothesis import strategies as st

from streams.classify.poison import ALONE_LIMIT, Isolation


@given(st.integers(1, 64).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1), max_size=4))))
def test_exactly_the_poison_is_given_up_and_all_else_is_scored_once_in_order(case) -> None:
    size, poison = case
    search = Isolation(size)
    scored: list[int] = []
    calls = 0
    while (part := search.next()) is not None:
        calls += 1
        begin, end = part
        if poison & set(range(begin, end)):
            search.failed("crash", "ended")
        else:
            scored.extend(range(begin, end))
            search.succeeded()
    assert scored == [position for position in range(size) if position not in poison]
    assert set(search.given_up) == poison
    assert calls <= 1 + len(poison) * (2 * size.bit_length() + ALONE_LIMIT)


def test_a_failure_by_chance_costs_nothing_but_calls() -> None:
    search = Isolation(3)
    search.failed("crash", "killed from outside")
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
