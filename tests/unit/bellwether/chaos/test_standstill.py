"""Stuck is who stands for 30 s with lag while the broker answers throughout; quiet is when nothing is left."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from bellwether.chaos.standstill import GAP_S, STUCK_S, Look, Quiet, Standstill
from bellwether.chaos.watch import LATE_S, Probe


def look(committed: dict[int, int], ends: dict[int, int], outputs: int = 0) -> Look:
    return Look(committed, ends, outputs)


BEHIND = look({0: 5, 1: 9}, {0: 9, 1: 9})


def watch(standstill: Standstill, seconds: range, at: Look = BEHIND) -> None:
    for second in seconds:
        standstill.observe(float(second), at)


def test_a_partition_that_stands_with_lag_for_30_s_is_stuck_and_its_neighbour_without_lag_is_not() -> None:
    standstill = Standstill()

    watch(standstill, range(30))
    assert not standstill.stuck
    watch(standstill, range(30, 36))
    assert standstill.stuck == {0: 35.0}


def test_a_step_starts_the_clock_anew() -> None:
    standstill = Standstill()

    watch(standstill, range(29))
    watch(standstill, range(29, 58), look({0: 6, 1: 9}, {0: 9, 1: 9}))
    assert not standstill.stuck


def test_lag_that_comes_later_starts_the_clock_then() -> None:
    standstill = Standstill()

    watch(standstill, range(100), look({0: 9}, {0: 9}))
    watch(standstill, range(100, 129), look({0: 9}, {0: 20}))
    assert not standstill.stuck
    watch(standstill, range(129, 131), look({0: 9}, {0: 20}))
    assert set(standstill.stuck) == {0}


def test_silence_of_the_broker_starts_the_clock_anew() -> None:
    standstill = Standstill()

    watch(standstill, range(29))
    standstill.silence()
    watch(standstill, range(29, 58))
    assert not standstill.stuck


def test_who_did_not_look_has_not_seen_the_broker_answer() -> None:
    standstill = Standstill()

    standstill.observe(0.0, BEHIND)
    standstill.observe(STUCK_S + GAP_S, BEHIND)
    assert not standstill.stuck


def test_a_partition_that_went_on_was_stuck_all_the_same() -> None:
    standstill = Standstill()

    watch(standstill, range(32))
    watch(standstill, range(32, 40), look({0: 9, 1: 9}, {0: 9, 1: 9}))
    assert standstill.stuck == {0: 31.0}


def test_a_group_that_never_committed_is_stuck_too() -> None:
    standstill = Standstill()

    watch(standstill, range(32), look({}, {0: 3}))
    assert set(standstill.stuck) == {0}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=120))
def test_stuck_is_exactly_a_run_of_equal_offsets_that_is_long_enough(steps: list[int]) -> None:
    standstill = Standstill()
    offsets, longest, run = [0], 0, 0
    for step in steps:
        offsets.append(offsets[-1] + step // 3)
    for second, offset in enumerate(offsets):
        standstill.observe(float(second), look({0: offset}, {0: 10_000}))
        run = run + 1 if second and offset == offsets[second - 1] else 0
        longest = max(longest, run)

    assert bool(standstill.stuck) == (longest >= STUCK_S)


DONE = look({0: 9}, {0: 9}, 9)


def test_quiet_is_no_lag_and_nothing_new_for_3_s() -> None:
    quiet = Quiet(60.0)

    assert [quiet.observe(float(second), DONE) for second in range(4)] == ["wait", "wait", "wait", "quiet"]


def test_a_new_output_or_input_is_not_quiet() -> None:
    quiet = Quiet(60.0)
    quiet.observe(0.0, DONE)
    quiet.observe(2.0, look({0: 9}, {0: 9}, 10))

    assert quiet.observe(4.0, look({0: 9}, {0: 9}, 10)) == "wait"
    assert quiet.observe(5.0, look({0: 9}, {0: 9}, 10)) == "quiet"


def test_lag_without_any_progress_is_dead_after_the_patience_and_progress_renews_it() -> None:
    quiet = Quiet(60.0)
    quiet.observe(0.0, look({0: 1}, {0: 9}, 1))

    assert quiet.observe(59.0, look({0: 2}, {0: 9}, 1)) == "wait"
    assert quiet.observe(118.0, look({0: 2}, {0: 9}, 1)) == "wait"
    assert quiet.observe(119.0, look({0: 2}, {0: 9}, 1)) == "dead"


def test_a_broker_that_is_away_is_waited_for_and_is_never_quiet() -> None:
    quiet = Quiet(60.0)
    quiet.observe(0.0, DONE)

    assert quiet.observe(30.0, None) == "wait"
    assert quiet.observe(60.0, None) == "dead"
    assert Quiet(60.0).observe(0.0, None) == "wait"


class Address:
    """Answers or not; tells the test how often it was asked."""

    def __init__(self) -> None:
        self.answers = True

    def ask(self) -> None:
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def test_one_request_without_an_answer_is_silence_once() -> None:
    address = Address()
    probe = Probe("nowhere:1", address.ask)

    probe.ask_once()
    assert not probe.was_silent()
    address.answers = False
    probe.ask_once()
    assert probe.was_silent()
    assert not probe.was_silent()


@pytest.mark.parametrize(("waited_s", "is_silent"), [(LATE_S - 1, False), (LATE_S + 1, True)])
def test_an_answer_that_is_awaited_for_long_is_silence_before_the_time_out(waited_s: float, *, is_silent: bool) -> None:
    now = [0.0]
    probe = Probe("nowhere:1", Address().ask, lambda: now[0])

    probe.ask_once()
    now[0] += waited_s
    assert probe.was_silent() is is_silent
