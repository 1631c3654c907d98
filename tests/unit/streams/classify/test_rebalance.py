import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.classify.agent import record_of, take
from streams.classify.rebalance import Assignments


class Consumer:
    """What Faust's consumer looks like from here."""

    def __init__(self) -> None:
        self.unacked: set[Any] = set()
        self.forgotten = 0

    def taken(self, records: int, size: int) -> None:
        pass

    def forget(self) -> None:
        self.forgotten += 1


class Message(SimpleNamespace):
    __hash__ = object.__hash__


@pytest.fixture
def world(rig, record):
    consumer = Consumer()
    assignments = Assignments(rig.pipeline, lambda: consumer, rig.metrics, passed=rig.passed.append)

    def event(offset: int, generation: int = 1) -> Any:
        made = record(offset)
        message = Message(
            partition=0, offset=offset, key=made.key, value=made.value, headers=(), timestamp=1.0,
            generation_id=generation,
        )  # fmt: skip
        consumer.unacked.add(message)
        return SimpleNamespace(message=message)

    return rig, consumer, assignments, event


async def test_a_revocation_waits_for_deliveries_and_lets_the_rest_go_at_once(world) -> None:
    rig, consumer, assignments, event = world
    assignments.begin(1)
    rig.sink.gate.clear()
    held, waiting = event(0), event(1)
    await take([held], assignments, rig.pipeline)
    assignments.end_soon(5)
    assert consumer.unacked == {held.message}  # what waits in Faust's own buffers is let go
    await take([waiting], assignments, rig.pipeline)
    rig.sink.gate.set()
    assert await rig.pipeline.drain(10)
    assert [done.offset for done in rig.acknowledged] == [0]


async def test_what_is_not_delivered_in_time_is_dropped_unacknowledged(world) -> None:
    rig, consumer, assignments, event = world
    assignments.begin(1)
    rig.sink.gate.clear()
    await take([event(0), event(1)], assignments, rig.pipeline)
    assignments.end_soon(0.01)
    for _ in range(200):
        if not consumer.unacked:
            break
        await asyncio.sleep(0.005)
    assert consumer.unacked == set()
    rig.sink.gate.set()
    assert await rig.pipeline.drain(10)
    assert rig.acknowledged == []


async def test_messages_of_another_generation_are_let_go(world) -> None:
    rig, consumer, assignments, event = world
    assignments.begin(2)
    await take([event(0, generation=1), event(1, generation=2)], assignments, rig.pipeline)
    assert await rig.pipeline.drain(10)
    assert [done.offset for done in rig.acknowledged] == [1]
    assert {message.offset for message in consumer.unacked} == {1}


async def test_a_new_generation_with_an_old_number_is_a_new_one(world) -> None:
    rig, consumer, assignments, event = world
    assignments.begin(1)
    await take([event(0)], assignments, rig.pipeline)
    assert await rig.pipeline.drain(10)
    assignments.begin(1)
    await take([event(0)], assignments, rig.pipeline)
    assert await rig.pipeline.drain(10)
    assert [done.offset for done in rig.acknowledged] == [0, 0]
    assert consumer.forgotten == 2


def test_a_record_keeps_what_the_message_had(record) -> None:
    message = Message(partition=3, offset=7, key=None, value=None, headers=None, timestamp=None, generation_id=1)
    made = record_of(SimpleNamespace(message=message))
    assert (made.partition, made.offset, made.key, made.value, made.headers, made.time_s) == (3, 7, None, None, (), 0.0)


async def test_an_assignment_says_which_partitions_under_which_generation(world) -> None:
    _, _, assignments, _ = world
    with capture_logs() as lines:
        assignments.begin(7, {3, 1})
    assert lines == [{"event": "partitions_assigned", "generation": 7, "partitions": [1, 3], "log_level": "info"}]


async def test_assignment_and_revocation_are_crash_points_the_latter_only_with_work_in_flight(world) -> None:
    rig, _, assignments, event = world
    assignments.begin(1)
    assignments.revoked()
    assert rig.passed == ["assigned"]
    assignments.begin(2)
    rig.sink.gate.clear()
    await take([event(0, generation=2)], assignments, rig.pipeline)
    assignments.revoked()
    assert rig.passed[-1] == "revoked"
    rig.sink.gate.set()
    assert await rig.pipeline.drain(10)


async def test_a_revocation_ends_when_what_is_in_flight_was_acknowledged(world) -> None:
    rig, _, assignments, event = world
    assignments.begin(1)
    rig.sink.gate.clear()
    await take([event(0)], assignments, rig.pipeline)

    ending = asyncio.create_task(assignments.ended())
    await asyncio.sleep(0)
    assert not ending.done()
    rig.sink.gate.set()
    await ending

    assert [done.offset for done in rig.acknowledged] == [0]


async def test_a_revocation_without_partitions_ends_at_once(world) -> None:
    _, _, assignments, _ = world
    await assignments.ended()
