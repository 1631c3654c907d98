import msgspec
import pytest

from bellwether.chaos import corpus
from bellwether.chaos.facts import Facts
from bellwether.chaos.faults import FAULTS
from bellwether.chaos.journal import Strike, Verdict
from bellwether.chaos.judge import BATCH_RECORDS, DEADLY, LEAVES, SIGNS, allowed, broken, judge
from bellwether.chaos.scenario import Burst, Fault, Scenario

CLEAN = Verdict(
    events=20_000,
    refused=0,
    unknown=0,
    scored=990,
    dead=10,
    lost=0,
    phantom=0,
    both=0,
    duplicates=0,
    duplicates_read=0,
    reordered=0,
    mixed=0,
    wrong=0,
    misfiled=0,
    stuck=0,
    recovery_seconds=None,
    return_seconds=None,
    input_rate=100.0,
    peak_rate=100.0,
    skew_s=(0.0, 0.0),
    age_p50_s=0.1,
    age_p99_s=0.5,
    quiet=True,
    examples={},
)
ROW = Scenario(name="row", about="nothing", restarts=0)
DIED = Strike(time=1.0, what="worker-died", pid=1)


def verdict(**changes: object) -> Verdict:
    return msgspec.structs.replace(CLEAN, **changes)


def test_a_row_without_anomalies_passes() -> None:
    row = judge(ROW, CLEAN, Facts(exit_codes=(0, 0)), times=True, seconds=12.0)

    assert row.passed
    assert row.failures == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lost": 1}, "lost 1"),
        ({"phantom": 1}, "phantom 1"),
        ({"mixed": 1}, "mixed 1"),
        ({"wrong": 1}, "wrong 1"),
        ({"reordered": 1}, "reordered 1"),
        ({"duplicates_read": 1}, "duplicates_read 1"),
        ({"misfiled": 1}, "misfiled 1"),
        ({"both": 1}, "both 1"),
        ({"duplicates": 1}, "duplicates 1, at most 0"),
        ({"quiet": False}, "end of the input"),
        ({"events": 0}, "0 events were produced, must be 20000"),
    ],
)
def test_each_anomaly_breaks_a_row(changes: dict[str, object], says: str) -> None:
    row = judge(ROW, verdict(**changes), Facts(), times=False, seconds=1.0)

    assert not row.passed
    assert any(says in failure for failure in row.failures), row.failures


@pytest.mark.parametrize("changes", [{"stuck": 1}, {"recovery_seconds": 15.1}, {"return_seconds": 30.1}])
def test_times_are_judged_only_where_asked_for(changes: dict[str, object]) -> None:
    assert judge(ROW, verdict(**changes), Facts(), times=False, seconds=1.0).passed
    assert not judge(ROW, verdict(**changes), Facts(), times=True, seconds=1.0).passed


def test_both_is_forgiven_where_something_was_killed() -> None:
    assert judge(ROW, verdict(both=3), Facts(strikes=(DIED,)), times=False, seconds=1.0).passed


@pytest.mark.parametrize(
    "facts", [Facts(exit_codes=(0, 1)), Facts(exit_codes=(-9,)), Facts(restarts=1), Facts(exit_codes=(0, 70))]
)
def test_what_happened_to_processes_can_break_a_row(facts: Facts) -> None:
    assert not judge(ROW, CLEAN, facts, times=False, seconds=1.0).passed


def test_memory_above_the_rows_bound_breaks_it_and_so_does_memory_that_nobody_measured() -> None:
    row = Scenario(name="burst", about="more", memory_mib=400)

    assert judge(row, CLEAN, Facts(memory_mib=399), times=False, seconds=1.0).passed
    assert not judge(row, CLEAN, Facts(memory_mib=401), times=False, seconds=1.0).passed
    assert not judge(row, CLEAN, Facts(memory_mib=0), times=False, seconds=1.0).passed


def test_a_row_whose_fault_never_struck_proves_nothing() -> None:
    killing = Scenario(name="kill", about="kills", faults=(Fault(do="kill-worker", at=(0.1, 0.2)),) * 2)
    crashing = Scenario(name="crash", about="crashes", crash_at="scored:1")

    assert not judge(killing, CLEAN, Facts(strikes=(DIED,)), times=False, seconds=1.0).passed
    assert judge(killing, CLEAN, Facts(strikes=(DIED, DIED)), times=False, seconds=1.0).passed
    assert not judge(crashing, CLEAN, Facts(), times=False, seconds=1.0).passed


def test_every_fault_leaves_a_sign() -> None:
    assert set(SIGNS) == set(FAULTS)


@pytest.mark.parametrize("do", sorted(SIGNS))
def test_each_fault_that_left_no_sign_breaks_its_row(do: str) -> None:
    row = Scenario(name="row", about="", faults=(Fault(do=do, at=(0.1, 0.2)),))
    struck = Facts(strikes=(Strike(time=1.0, what=SIGNS[do]),), members=5, rebalances=1)

    assert judge(row, CLEAN, struck, times=False, seconds=1.0).passed
    failures = judge(row, CLEAN, Facts(members=5), times=False, seconds=1.0).failures
    assert f"the fault did not strike: 0 of 1 {SIGNS[do]}" in failures


def test_every_deadly_kind_must_show() -> None:
    assert {"poison", *corpus.DEADLY} == DEADLY


@pytest.mark.parametrize("kind", ["oversize", *sorted(DEADLY)])
def test_a_row_whose_bad_input_left_no_trace_proves_nothing(kind: str) -> None:
    row = Scenario(name="row", about="", mix={kind: 0.01, "slow": 0.1})
    found = verdict(refused=1, events=19_999) if kind == "oversize" else verdict(dead=1)
    lacking = verdict(refused=0) if kind == "oversize" else verdict(dead=0)
    said = Facts(logs=(dict.fromkeys(LEAVES.get(kind, ()), 1),))

    assert judge(row, found, said, times=False, seconds=1.0).passed
    (failure,) = judge(row, lacking, said, times=False, seconds=1.0).failures
    assert kind in failure


@pytest.mark.parametrize(("kind", "words"), [(kind, words) for kind, all_of in LEAVES.items() for words in all_of])
def test_what_a_kind_must_do_to_the_engine_is_asked_of_the_logs(kind: str, words: str) -> None:
    row = Scenario(name="row", about="", mix={kind: 0.01})
    said = Facts(logs=(dict.fromkeys(set(LEAVES[kind]) - {words}, 1),))
    assert f"{kind}: no worker's log says `{words}`" in judge(row, CLEAN, said, times=False, seconds=1.0).failures


def test_refusals_and_time_outs_that_nothing_explains_break_a_row() -> None:
    down = Facts(strikes=(Strike(time=1.0, what="broker-down"),))
    few, many = verdict(unknown=200, events=19_800), verdict(unknown=201, events=19_799)
    assert not judge(ROW, verdict(refused=20_000, events=0), Facts(), times=False, seconds=1.0).passed
    assert not judge(ROW, few, Facts(), times=False, seconds=1.0).passed
    assert judge(ROW, few, down, times=False, seconds=1.0).passed
    assert not judge(ROW, many, down, times=False, seconds=1.0).passed


def test_a_clock_that_did_not_jump_and_a_burst_that_did_not_come_break_their_rows() -> None:
    jumps = (Fault(do="jump-clock", at=(0, 1), shift=3_600), Fault(do="jump-clock", at=(0, 1), shift=-3_600))
    jumping = Scenario(name="jump", about="", faults=jumps)
    jumped = Facts(strikes=(Strike(time=1.0, what="clock-right"),) * 2)
    bursting = Scenario(name="burst", about="", rate=100, burst=Burst(at=0.2, seconds=60, factor=20))

    assert judge(jumping, verdict(skew_s=(-3_599.0, 3_599.5)), jumped, times=False, seconds=1.0).passed
    assert not judge(jumping, verdict(skew_s=(-0.2, 3_599.5)), jumped, times=False, seconds=1.0).passed
    assert not judge(jumping, verdict(skew_s=(-3_599.0, 0.1)), jumped, times=False, seconds=1.0).passed
    assert judge(bursting, verdict(input_rate=1_700.0), Facts(), times=False, seconds=1.0).passed
    assert not judge(bursting, verdict(input_rate=150.0), Facts(), times=False, seconds=1.0).passed


@pytest.mark.parametrize("what", ["worker-died", "worker-paused", "node-down", "broker-up", "network-healed"])
def test_a_recovery_that_nobody_measured_breaks_a_row_whose_times_are_judged(what: str) -> None:
    facts = Facts(strikes=(Strike(time=1.0, what=what),))
    measured = verdict(recovery_seconds=1.0, return_seconds=1.0)

    assert not judge(ROW, CLEAN, facts, times=True, seconds=1.0).passed
    assert judge(ROW, CLEAN, facts, times=False, seconds=1.0).passed
    assert judge(ROW, measured, facts, times=True, seconds=1.0).passed


def test_a_stop_in_order_is_held_to_its_repeats_although_partitions_move() -> None:
    row = Scenario(name="stop", about="", repeats=0)
    stopped = Facts(strikes=(Strike(time=1.0, what="worker-stopping"),), rebalances=2)
    disturbed = msgspec.structs.replace(stopped, rebalances=3)

    assert allowed(row, stopped, 100.0, times=False) == 0
    assert allowed(row, disturbed, 100.0, times=False) > 0
    assert allowed(row, disturbed, 100.0, times=True) == 0


def test_repeats_are_bounded_by_disturbances_workers_batches_and_commit_interval() -> None:
    returned = Strike(time=2.0, what="broker-up")
    facts = Facts(strikes=(DIED, DIED, returned), rebalances=4)

    assert allowed(Scenario(name="row", about=""), facts, 100.0) == (2 + 4 + 1) * 2 * (4 * BATCH_RECORDS + 100)


def test_a_rows_own_bound_of_repeats_counts_but_where_the_group_rebalanced_and_times_do_not() -> None:
    calm = Scenario(name="row", about="", repeats=0)
    harmed = Scenario(name="row", about="", repeats=0, faults=(Fault(do="kill-engine", at=(0.1, 0.2)),))

    assert allowed(calm, Facts(), 100.0) == 0
    assert allowed(calm, Facts(rebalances=1), 100.0, times=False) == 2 * (4 * BATCH_RECORDS + 100)
    assert allowed(harmed, Facts(rebalances=1), 100.0, times=True) == 0


def test_a_row_that_was_not_run_is_not_broken() -> None:
    row = msgspec.structs.replace(judge(ROW, CLEAN, Facts(), times=False, seconds=1.0), passed=False, skipped="no root")

    assert broken([row]) == []


def test_a_death_without_a_measured_recovery_proves_nothing_where_times_are_judged() -> None:
    row = Scenario(name="kill", about="", faults=(Fault(do="kill-worker", at=(0.1, 0.2)),))
    facts = Facts(strikes=(DIED,))

    assert judge(row, CLEAN, facts, times=False, seconds=1.0).passed
    assert not judge(row, CLEAN, facts, times=True, seconds=1.0).passed
    assert judge(row, verdict(recovery_seconds=7.0), facts, times=True, seconds=1.0).passed


def test_a_pause_that_moved_no_partition_proves_nothing() -> None:
    row = Scenario(name="pause", about="", faults=(Fault(do="pause-worker", at=(0.1, 0.2)),))
    resumed = Strike(time=1.0, what="worker-resumed")

    assert not judge(row, CLEAN, Facts(strikes=(resumed,)), times=False, seconds=1.0).passed
    assert judge(row, CLEAN, Facts(strikes=(resumed,), rebalances=1), times=False, seconds=1.0).passed


def test_time_outs_of_the_producer_are_only_forgiven_where_its_broker_was_harmed() -> None:
    late = verdict(events=19_999, unknown=1)

    assert not judge(ROW, late, Facts(), times=False, seconds=1.0).passed
    assert judge(ROW, late, Facts(strikes=(Strike(time=1.0, what="broker-down"),)), times=False, seconds=1.0).passed


def test_what_any_worker_said_counts() -> None:
    assert Facts(logs=({}, {"budget_restored": 1}, {"budget_restored": 2})).said == {"budget_restored": 3}
