"""Worlds that the watchdog looks at every two seconds: which of them trip it, and when."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from models.host import RESTART_TIMEOUT_S
from streams.classify.ending import EXIT_AGAIN
from streams.classify.processes import Restarts
from streams.classify.scoring import RESTART_PAUSES_S
from streams.classify.watchdog import LOOK_S, STALL_S, Seen, StallError, Watchdog, Work

EVERY_S = 2.0

STEP_S = 200.0
"""Of a user whose model calls may take 190 s."""

IDLE = Work(calls=0, is_scoring=False, in_flight=())


class World:
    """Partitions with lag, and a clock that goes on by one look at a time."""

    def __init__(self, lags: Mapping[int, int], step_s: float = STALL_S) -> None:
        self.time = 1_000.0
        self.lags = dict(lags)
        self.at = dict.fromkeys(lags, 0)
        self.work = IDLE
        self.assignment = object()
        self.dog = Watchdog(lambda: self.time, step_s=step_s)

    def look(self, moves: Sequence[int] = ()) -> list[int]:
        """Let partitions advance by one record and look: which stand still for too long?"""
        self.time += EVERY_S
        for partition in moves:
            self.at[partition] += 1
            self.lags[partition] -= 1
        seen = [Seen(partition, lag, self.at[partition]) for partition, lag in self.lags.items()]
        self.stalls = self.dog.look(self.assignment, seen, self.work)
        return [stall.partition for stall in self.stalls if stall.is_over]

    def seconds_to_trip(self, moves: Sequence[int] = (), each: Callable[[], None] = lambda: None) -> float | None:
        """Seconds until a partition trips it; None where none does within ten minutes."""
        began = self.time
        for _ in range(300):
            each()
            if self.look(moves):
                return self.time - began - EVERY_S  # the first look only starts the clocks
        return None


def test_lag_that_does_not_move_trips_after_a_minute_and_is_suspected_before() -> None:
    world = World({0: 5})
    for _ in range(1 + int(STALL_S / 2 / EVERY_S)):
        assert world.look() == []
    (suspicion,) = world.stalls
    assert str(suspicion) == "partition 0 has 5 inputs waiting and has not moved for 30 s"
    while not world.look():
        assert world.stalls[0].seconds < STALL_S
    assert world.stalls[0].seconds == STALL_S


def test_no_lag_is_no_stall() -> None:
    assert World({0: 0, 1: 0}).seconds_to_trip() is None


def test_what_moves_does_not_trip_however_slowly() -> None:
    world = World({0: 100})
    for number in range(300):
        assert world.look([0] if number % 20 == 0 else []) == []


def test_one_partition_that_starves_among_moving_ones_trips() -> None:
    """Others have little in line before it, and go on with what comes later."""
    world = World({0: 3, 1: 3, 2: 1})

    def arrives() -> None:
        world.lags[0] += 1
        world.lags[1] += 1

    assert world.seconds_to_trip(moves=[0, 1], each=arrives) == STALL_S


def test_a_partition_behind_a_backlog_of_others_waits_for_its_turn_and_no_longer() -> None:
    """A fetch of one partition can hold thousands of records, which a slow engine scores before those of another."""
    world = World({0: 91, 1: 1})
    assert world.seconds_to_trip(moves=[0]) == 90 * EVERY_S


@pytest.mark.parametrize("count", [2, 4])
def test_partitions_that_all_stand_still_do_not_excuse_each_other(count: int) -> None:
    """Faust's fetcher or agent hangs: nothing is in flight and none is before another in any line."""
    world = World(dict.fromkeys(range(count), 5))
    for _ in range(1 + int(STALL_S / 2 / EVERY_S)):
        assert world.look() == []
    assert [stall.partition for stall in world.stalls] == list(range(count))
    assert world.seconds_to_trip() == STALL_S / 2 - EVERY_S


def test_a_line_that_comes_to_rest_is_no_excuse_any_more() -> None:
    world = World({0: 1_000, 1: 1})
    for _ in range(100):
        assert world.look([0]) == []
        assert all(stall.is_in_line and not stall.is_over for stall in world.stalls)
    (waiting,) = world.stalls
    assert str(waiting) == f"partition 1 has 1 inputs that wait for others' since {99 * EVERY_S:.0f} s"
    assert world.seconds_to_trip() == STALL_S - EVERY_S


def test_a_line_that_moves_slowly_is_an_excuse() -> None:
    world = World({0: 1_000, 1: 1})
    for number in range(300):
        assert world.look([0] if number % 25 == 0 else []) == []


def test_lag_that_arrives_after_an_hour_of_rest_has_its_minute() -> None:
    world = World({0: 0, 1: 0})
    for _ in range(1_800):
        assert world.look() == []
    world.lags = {0: 5, 1: 5}
    assert world.seconds_to_trip() == STALL_S - EVERY_S


def test_a_partition_in_line_waits_while_a_call_uses_the_time_that_the_user_gave_it() -> None:
    world = World({0: 5, 1: 1}, STEP_S)
    world.work = Work(calls=0, is_scoring=True, in_flight={0})
    assert world.seconds_to_trip() == STEP_S
    assert [stall.partition for stall in world.stalls if stall.is_over] == [0, 1]


def test_the_line_before_a_partition_is_bounded_however_long_the_backlog() -> None:
    world = World({0: 1_000_000, 1: 1})

    def many() -> None:
        world.at[0] += 199
        world.lags[0] -= 199

    assert world.seconds_to_trip(moves=[0], each=many) == pytest.approx(10_000 / 200 * EVERY_S)


def test_an_outage_does_not_trip_and_the_clock_begins_anew_after_it() -> None:
    world = World({0: 5})

    def silent() -> None:
        world.dog.pause()

    assert world.seconds_to_trip(each=silent) is None
    silent()
    assert world.seconds_to_trip() == STALL_S


def test_a_rebalance_begins_anew_with_the_next_assignment() -> None:
    world = World({0: 5})
    for _ in range(29):
        assert world.look() == []
    world.assignment = object()
    assert world.seconds_to_trip() == STALL_S


def test_partitions_that_come_and_go_begin_anew() -> None:
    world = World({0: 5})
    for _ in range(29):
        assert world.look() == []
    world.lags[1], world.at[1] = 0, 0
    assert world.seconds_to_trip() == STALL_S


def test_the_search_for_a_poisonous_text_does_not_trip_while_calls_come_to_an_end() -> None:
    """Each call ends by its deadline of 30 s; the batch is done only after many."""
    world = World({0: 5})
    world.work = Work(calls=0, is_scoring=True, in_flight={0})
    looks = iter(range(10_000))

    def call_ends() -> None:
        if next(looks) % 15 == 14:
            world.work = Work(world.work.calls + 1, is_scoring=True, in_flight={0})

    assert world.seconds_to_trip(each=call_ends) is None


def test_calls_excuse_only_what_is_in_flight() -> None:
    world = World({0: 1, 1: 0})

    def call_ends() -> None:
        world.work = Work(world.work.calls + 1, is_scoring=True, in_flight={1})

    assert world.seconds_to_trip(each=call_ends) == STALL_S


def test_a_partition_that_waits_for_the_search_in_another_does_not_trip() -> None:
    world = World({0: 1, 1: 1})

    def call_ends() -> None:
        world.work = Work(world.work.calls + 1, is_scoring=True, in_flight={1})

    assert world.seconds_to_trip(each=call_ends) is None


@pytest.mark.parametrize("step_s", [STALL_S, STEP_S])
def test_what_the_engine_has_trips_after_a_minute_or_the_longer_time_that_a_call_may_take(step_s: float) -> None:
    world = World({0: 5}, step_s)
    world.work = Work(calls=0, is_scoring=True, in_flight={0})
    assert world.seconds_to_trip() == step_s


def test_each_attempt_to_load_the_engine_again_gives_its_sign_before_the_minute_is_over() -> None:
    ending_the_old_s = 2.0
    assert ending_the_old_s + RESTART_TIMEOUT_S + max(RESTART_PAUSES_S) + EVERY_S < STALL_S


def test_a_delivery_that_hangs_trips() -> None:
    world = World({0: 5})
    world.work = Work(calls=9, is_scoring=False, in_flight={0})
    assert world.seconds_to_trip() == STALL_S


def test_a_process_that_was_stopped_from_outside_is_not_watched_meanwhile() -> None:
    world = World({0: 5})
    world.look()
    world.time += 3_600
    assert world.look() == []
    assert world.seconds_to_trip() == STALL_S - LOOK_S - EVERY_S


def test_the_parent_starts_a_stalled_worker_again_however_often() -> None:
    assert StallError("stands still").is_retriable  # which is the exit code that follows
    restarts = Restarts()
    for _ in range(50):
        restarts.ended(1.0, EXIT_AGAIN)
    assert not restarts.is_hopeless
