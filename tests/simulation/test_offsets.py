"""The offset tracker against a model: records handed over in order, again, from several partitions."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from streams.classify.offsets import Offsets, OrderError
from streams.classify.records import Record

PARTITIONS = st.integers(0, 2)


def record(partition: int, offset: int) -> Record:
    return Record(partition, offset, b"k", b"v", (), float(offset))


class Tracker(RuleBasedStateMachine):
    """`taken` and `finished` are the model: lists of offsets per partition, each a prefix of the one before it."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = Offsets()
        self.taken: dict[int, list[int]] = {0: [], 1: [], 2: []}
        self.finished = {0: 0, 1: 0, 2: 0}
        """How many of `taken`."""

    def next(self, partition: int) -> int:
        return self.taken[partition][-1] + 1 if self.taken[partition] else 100 * partition

    @rule(lot=st.lists(st.tuples(PARTITIONS, st.integers(0, 3)), max_size=8))
    def hand_over(self, lot: list[tuple[int, int]]) -> None:
        """New records; a gap is what a transaction's marker leaves."""
        records = []
        for partition, gap in lot:
            records.append(record(partition, self.next(partition) + gap))
            self.taken[partition].append(records[-1].offset)
        assert self.offsets.take(records) == records

    @rule(data=st.data(), partition=PARTITIONS, back=st.integers(1, 6), new=st.integers(0, 3))
    def hand_over_again(self, data: st.DataObject, partition: int, back: int, new: int) -> None:
        """The transport has sought back: repeats, and new records behind them."""
        repeats = self.taken[partition][-back:]
        fresh = [self.next(partition) + number for number in range(new)]
        records = [record(partition, offset) for offset in [*repeats, *fresh]]
        if data.draw(st.booleans()):
            records += [record(partition, offset) for offset in repeats]
        assert [one.offset for one in self.offsets.take(records)] == fresh
        self.taken[partition].extend(fresh)

    @rule(wanted=st.lists(PARTITIONS, max_size=8))
    def finish(self, wanted: list[int]) -> None:
        """The next records of some partitions, in any order of the partitions."""
        for partition in wanted:
            at = self.finished[partition]
            if at < len(self.taken[partition]):
                self.offsets.finish([record(partition, self.taken[partition][at])])
                self.finished[partition] = at + 1

    @precondition(lambda self: any(self.finished.values()))
    @rule(data=st.data())
    def finish_again(self, data: st.DataObject) -> None:
        partition = data.draw(st.sampled_from([at for at, count in self.finished.items() if count]))
        offset = data.draw(st.sampled_from(self.taken[partition][: self.finished[partition]]))
        with pytest.raises(OrderError, match=f"offset {offset} of partition {partition} was finished after"):
            self.offsets.finish([record(partition, offset)])

    @precondition(lambda self: any(len(taken) - self.finished[at] > 1 for at, taken in self.taken.items()))
    @rule(data=st.data())
    def finish_what_is_not_next(self, data: st.DataObject) -> None:
        waiting = {at: taken[self.finished[at] :] for at, taken in self.taken.items()}
        partition = data.draw(st.sampled_from([at for at, open_ in waiting.items() if len(open_) > 1]))
        offset = data.draw(st.sampled_from(waiting[partition][1:]))
        with pytest.raises(OrderError, match=f"{waiting[partition][0]} is next"):
            self.offsets.finish([record(partition, offset)])

    @rule(partition=PARTITIONS, beyond=st.integers(0, 5))
    def finish_what_was_never_taken(self, partition: int, beyond: int) -> None:
        with pytest.raises(OrderError, match="This is a bug"):
            self.offsets.finish([record(partition, self.next(partition) + beyond)])

    @invariant()
    def next_offsets_stand_behind_the_last_finished_and_before_the_first_unfinished(self) -> None:
        told = self.offsets.next_offsets()
        assert told == {at: self.taken[at][count - 1] + 1 for at, count in self.finished.items() if count}
        for partition, offset in told.items():
            assert all(open_ >= offset for open_ in self.taken[partition][self.finished[partition] :])

    @invariant()
    def first_and_time_are_told(self) -> None:
        assert self.offsets.first_taken() == {at: taken[0] for at, taken in self.taken.items() if taken}
        for partition, count in self.finished.items():
            expected = float(self.taken[partition][count - 1]) if count else None
            assert self.offsets.time_of(partition) == expected


def test_no_schedule_makes_the_tracker_pass_an_unfinished_record_or_take_one_twice(schedules) -> None:
    run_state_machine_as_test(Tracker, settings=schedules(600, steps=30))
