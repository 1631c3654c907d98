import pytest

from streams.classify.positions import ExpiredError, Position, PositionError, judge

FINE = Position(committed=5, start=0, end=9)


def ask(**partitions: Position):
    return {int(name[1:]): position for name, position in partitions.items()}


def test_a_group_that_lost_nothing_moves_nothing() -> None:
    verdict = judge(ask(p0=FINE, p1=Position(0, 0, 0)), group="g", topic="t")
    assert (verdict.expired, dict(verdict.commit)) == (0, {})


def test_a_new_group_is_told_to_create_the_topics() -> None:
    positions = ask(p0=FINE, p1=Position(None, 3, 9))
    with pytest.raises(PositionError, match=r"'g' has no committed offset in t, partitions 1: .*create --group g`"):
        judge(positions, group="g", topic="t")
    assert dict(judge(positions, group="g", topic="t", accept_reset=True).commit) == {1: 3}


def test_expired_inputs_are_counted_by_partition_and_need_consent() -> None:
    positions = ask(p0=Position(5, 8, 9), p2=Position(0, 4, 4))
    with pytest.raises(ExpiredError, match=r"7 inputs of t expired .* \(by partition 0: 3, 2: 4\).*--accept-expired"):
        judge(positions, group="g", topic="t", accept_reset=True)
    verdict = judge(positions, group="g", topic="t", accept_expired=True)
    assert (verdict.expired, dict(verdict.commit)) == (7, {0: 8, 2: 4})


def test_an_offset_past_the_end_needs_consent() -> None:
    positions = ask(p0=Position(12, 0, 9))
    with pytest.raises(PositionError, match=r"read up to offset 12 of t, partition 0, but its log ends at 9"):
        judge(positions, group="g", topic="t", accept_expired=True)
    assert dict(judge(positions, group="g", topic="t", accept_reset=True).commit) == {0: 0}


def test_another_log_needs_consent() -> None:
    with pytest.raises(PositionError, match=r"^the cluster is 'b'\. Go on .*--accept-reset$"):
        judge(ask(p0=FINE), group="g", topic="t", changed="the cluster is 'b'")
    assert judge(ask(p0=FINE), group="g", topic="t", changed="x", accept_reset=True).expired == 0


def test_another_log_without_the_groups_offsets_is_told_in_one_sentence() -> None:
    with pytest.raises(PositionError, match=r"made anew; group 'g' has no committed offset in t, .*--accept-reset"):
        judge(ask(p0=Position(None, 0, 0)), group="g", topic="t", changed="made anew")
