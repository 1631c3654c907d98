import pytest

from streams.classify.offsets import Offsets, OrderError


def test_a_repeat_within_an_assignment_is_not_taken_twice(record) -> None:
    offsets = Offsets()
    assert len(offsets.take([record(0), record(1), record(0, partition=1)])) == 3
    assert [new.offset for new in offsets.take([record(1), record(2), record(0, partition=1)])] == [2]


def test_next_offsets_stand_one_above_what_is_done(record) -> None:
    offsets = Offsets()
    taken = offsets.take([record(7), record(9)])  # a gap is what a transaction's marker leaves
    assert offsets.next_offsets() == {}
    assert offsets.first_taken() == {0: 7}
    offsets.finish(taken[:1])
    assert offsets.next_offsets() == {0: 8}
    offsets.finish(taken[1:])
    assert offsets.next_offsets() == {0: 10}
    assert offsets.time_of(0) == 1.0


def test_finishing_out_of_order_is_a_bug_that_says_so(record) -> None:
    offsets = Offsets()
    first, second = offsets.take([record(0), record(1)])
    with pytest.raises(OrderError, match=r"offset 1 of partition 0 was finished after None, but 0 is next.* a bug"):
        offsets.finish([second])
    offsets.finish([first, second])
    with pytest.raises(OrderError, match=r"offset 0 of partition 0 was finished after 1, but none is next"):
        offsets.finish([first])


def test_finishing_what_was_never_taken_is_a_bug_that_says_so(record) -> None:
    with pytest.raises(OrderError, match="none is next"):
        Offsets().finish([record(0)])
