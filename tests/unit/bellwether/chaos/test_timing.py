"""Recoveries are measured from the strike or the next input to the first output that is new, and the worst counts."""

import pytest

from bellwether.chaos.journal import Strike
from bellwether.chaos.timing import Timeline, percentile, pid_of

DEAD_PID, OTHER_PID = 11, 22
DEATH = Strike(time=10.0, what="worker-died", pid=DEAD_PID)
RETURN = Strike(time=10.0, what="broker-up")
UNTIL_MS = 60_000


def name(pid: int) -> str:
    return f"a-host:{pid}:66a0" if pid else ""


def line(inputs: list[tuple[int, int, int]], outputs: list[tuple[int, int, int, int]]) -> Timeline:
    """Inputs are partition, offset, time; outputs partition, offset, time, pid (0 for a dead letter)."""
    timeline = Timeline()
    for partition, offset, time_ms in inputs:
        timeline.input(partition, offset, time_ms)
    for partition, offset, time_ms, pid in outputs:
        timeline.output(partition, offset, time_ms, name(pid), 5)
    return timeline


EARLY = [(0, offset, 1_000) for offset in range(5)]


def test_recovery_is_the_time_to_the_first_new_output_and_repeats_are_none() -> None:
    timeline = line(
        EARLY,
        [(0, 0, 2_000, DEAD_PID), (0, 1, 9_000, DEAD_PID), (0, 0, 11_000, OTHER_PID), (0, 1, 11_500, OTHER_PID),
         (0, 2, 13_250, OTHER_PID), (0, 3, 13_300, OTHER_PID)],
    )  # fmt: skip

    assert timeline.recoveries([DEATH], UNTIL_MS) == (3.25, None)


def test_the_worst_partition_counts_and_those_of_others_do_not() -> None:
    inputs = [(partition, offset, 1_000) for partition in range(3) for offset in range(3)]
    timeline = line(
        inputs,
        [(0, 0, 9_000, DEAD_PID), (1, 0, 9_000, DEAD_PID), (2, 0, 9_000, OTHER_PID),
         (0, 1, 12_000, OTHER_PID), (1, 1, 14_000, OTHER_PID), (2, 1, 50_000, OTHER_PID)],
    )  # fmt: skip

    assert timeline.recoveries([DEATH], UNTIL_MS) == (4.0, None)


def test_a_partition_that_moved_on_before_the_death_was_not_held() -> None:
    timeline = line(EARLY, [(0, 0, 5_000, DEAD_PID), (0, 1, 9_000, OTHER_PID), (0, 2, 20_000, OTHER_PID)])

    assert timeline.recoveries([DEATH], UNTIL_MS) == (None, None)


def test_the_last_outputs_of_the_dead_are_no_recovery() -> None:
    timeline = line(EARLY, [(0, 0, 9_000, DEAD_PID), (0, 1, 10_005, DEAD_PID), (0, 2, 16_000, OTHER_PID)])

    assert timeline.recoveries([DEATH], UNTIL_MS) == (6.0, None)


def test_a_dead_letter_is_a_new_output_and_says_nothing_of_who_held_the_partition() -> None:
    timeline = line(EARLY, [(0, 0, 9_000, DEAD_PID), (0, 1, 9_500, 0), (0, 2, 12_000, 0)])

    assert timeline.recoveries([DEATH], UNTIL_MS) == (2.0, None)


def test_a_partition_without_anything_to_score_is_not_judged_and_a_later_input_starts_the_clock() -> None:
    nothing = line([(0, 0, 1_000)], [(0, 0, 9_000, DEAD_PID)])
    later = line([(0, 0, 1_000), (0, 1, 30_000)], [(0, 0, 9_000, DEAD_PID), (0, 1, 30_500, OTHER_PID)])

    assert nothing.recoveries([DEATH], UNTIL_MS) == (None, None)
    assert later.recoveries([DEATH], UNTIL_MS) == (0.5, None)


def test_what_never_recovered_took_until_the_count() -> None:
    timeline = line(EARLY, [(0, 0, 9_000, DEAD_PID)])

    assert timeline.recoveries([DEATH], UNTIL_MS) == (50.0, None)


def test_after_a_return_each_partition_counts_from_the_return_or_from_its_next_input() -> None:
    inputs = [*EARLY, (1, 0, 1_000), (1, 1, 20_000), (2, 0, 1_000)]
    outputs = [(0, 0, 5_000, 1), (1, 0, 5_000, 1), (2, 0, 5_000, 1), (0, 1, 17_000, 1)]

    assert line(inputs, [*outputs, (1, 1, 26_000, 1)]).recoveries([RETURN], UNTIL_MS) == (None, 7.0)
    assert line(inputs, [*outputs, (1, 1, 58_000, 1)]).recoveries([RETURN], UNTIL_MS) == (None, 38.0)


def test_partitions_that_were_just_taken_over_count_although_the_dead_scored_nothing_in_them() -> None:
    inputs = [(partition, offset, 1_000) for partition in range(3) for offset in range(3)]
    outputs = [(0, 0, 9_000, DEAD_PID), (1, 0, 9_000, OTHER_PID), (2, 0, 9_000, OTHER_PID),
               (0, 1, 12_000, OTHER_PID), (1, 1, 40_000, OTHER_PID), (2, 1, 50_000, OTHER_PID)]  # fmt: skip
    death = Strike(time=10.0, what="worker-died", pid=DEAD_PID, held=(0, 1))

    assert line(inputs, outputs).recoveries([death], UNTIL_MS) == (30.0, None)


def test_a_worker_whose_clock_jumped_is_seen_from_the_brokers() -> None:
    timeline = Timeline()
    for time_ms, scored_at_ms in ((10_000, 9_990.0), (20_000, 3_620_000.0), (30_000, None), (40_000, 39_000.0)):
        timeline.clock(time_ms, scored_at_ms)

    assert timeline.skew_s() == (-1.0, 3_600.0)


@pytest.mark.parametrize("what", ["broker-up", "network-healed", "node-up"])
def test_each_kind_of_return_counts_and_no_other_strike(what: str) -> None:
    timeline = line(EARLY, [(0, 0, 9_000, 1), (0, 1, 11_000, 1)])

    assert timeline.recoveries([Strike(time=10.0, what=what)], UNTIL_MS) == (None, 1.0)
    assert timeline.recoveries([Strike(time=10.0, what="worker-left", pid=1)], UNTIL_MS) == (None, None)


def test_all_partitions_have_to_go_on_without_a_node_and_those_of_a_paused_worker_elsewhere() -> None:
    inputs = [*EARLY, (1, 0, 1_000), (1, 1, 1_000)]
    outputs = [(0, 0, 9_000, DEAD_PID), (1, 0, 9_000, OTHER_PID), (0, 1, 18_000, OTHER_PID), (1, 1, 12_000, OTHER_PID)]

    assert line(inputs, outputs).recoveries([Strike(time=10.0, what="node-down")], UNTIL_MS) == (8.0, None)
    paused = Strike(time=10.0, what="worker-paused", pid=OTHER_PID)
    assert line(inputs, [*outputs[:3], (1, 1, 12_000, DEAD_PID)]).recoveries([paused], UNTIL_MS) == (2.0, None)


def test_the_worst_of_several_strikes_counts() -> None:
    timeline = line(EARLY, [(0, 0, 9_000, DEAD_PID), (0, 1, 11_000, OTHER_PID), (0, 2, 25_000, OTHER_PID)])
    second = Strike(time=12.0, what="worker-died", pid=OTHER_PID)

    # Who took over after the second death did not say another name; its own last outputs do not count.
    assert timeline.recoveries([DEATH, second], UNTIL_MS) == (48.0, None)
    assert timeline.recoveries([DEATH], UNTIL_MS) == (1.0, None)


def test_nothing_at_all_has_no_times() -> None:
    assert Timeline().recoveries([DEATH, RETURN], UNTIL_MS) == (None, None)
    assert Timeline().ages_s(0.5, 0.99) == [0.0, 0.0]
    assert Timeline().peak_rate() == 0.0


def test_ages_are_of_first_outputs_in_seconds() -> None:
    timeline = Timeline()
    for age_ms in range(1, 101):
        timeline.output(0, age_ms, 5_000, "", age_ms * 10)
    timeline.output(0, 1, 9_000, "", None)

    assert timeline.ages_s(0.5, 0.99, 1.0) == [0.5, 0.99, 1.0]


def test_the_peak_is_the_fullest_second_wherever_it_begins_and_repeats_do_not_raise_it() -> None:
    timeline = Timeline()
    for time_ms in (0, 900, 1_100, 1_899, 1_900, 5_000):
        timeline.input(0, time_ms, time_ms)
        timeline.output(0, time_ms, time_ms, "", 0)
        timeline.output(0, time_ms, time_ms, "", None)

    assert timeline.peak_rate() == timeline.input_rate() == 3.0


@pytest.mark.parametrize("worker", ["", "host", "a:b:c", "host:12"])
def test_a_name_that_is_no_workers_has_no_pid(worker: str) -> None:
    assert pid_of(worker) is None


@pytest.mark.parametrize(("part", "value"), [(0.5, 50), (0.99, 99), (0.001, 1), (1.0, 100)])
def test_percentiles_are_nearest_ranks(part: float, value: int) -> None:
    assert percentile(range(1, 101), part) == value
