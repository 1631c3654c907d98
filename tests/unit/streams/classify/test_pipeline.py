import asyncio
import json

import pytest

from runtime.errors import BrokerError
from streams.classify.generations import Generation
from streams.classify.pipeline import MAX_IN_FLIGHT

DEAD = "news.article.dead.v1"


def offsets(records):
    return [record.offset for record in records]


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0.002)


async def test_outputs_come_in_the_order_of_the_inputs_and_then_inputs_are_acknowledged(rig, record) -> None:
    texts = ["a", "", "[[error]]", "b", "c", "[[crash]]", "d", "e", "f"]
    await rig.pipeline.submit([record(n, text) for n, text in enumerate(texts)], Generation(1))
    assert await rig.pipeline.drain(10)
    places = [
        int(dict(sent.headers)["bw_offset"]) if sent.topic == DEAD else json.loads(sent.value)["source_offset"]
        for sent in rig.sink.sent
    ]
    assert places == list(range(9))
    assert [n for n, sent in enumerate(rig.sink.sent) if sent.topic == DEAD] == [1, 2, 5]
    assert offsets(rig.acknowledged) == list(range(9))
    told = rig.metrics.exposition().decode().splitlines()
    ended = [float(line.rsplit(" ", 1)[1]) for line in told if line.startswith("bellwether_events_total")]
    assert (max(ended), sum(ended)) == (6, 9)


async def test_nothing_is_acknowledged_before_the_broker_has_it(rig, record) -> None:
    rig.sink.gate.clear()
    await rig.pipeline.submit([record(0)], Generation(1))
    await settle()
    assert rig.acknowledged == []
    rig.sink.gate.set()
    assert await rig.pipeline.drain(10)
    assert offsets(rig.acknowledged) == [0]


async def test_submit_waits_when_four_batches_are_in_flight(rig, record) -> None:
    rig.sink.gate.clear()
    submitting = asyncio.create_task(rig.pipeline.submit([record(n) for n in range(40)], Generation(1)))
    await settle()
    assert rig.pipeline.in_flight == MAX_IN_FLIGHT
    assert not submitting.done()
    rig.sink.gate.set()
    await submitting
    assert await rig.pipeline.drain(10)
    assert offsets(rig.acknowledged) == list(range(40))


async def test_a_dropped_generation_is_never_acknowledged_and_the_next_one_is(rig, record) -> None:
    old, new = Generation(1), Generation(2)
    rig.sink.gate.clear()
    submitting = asyncio.create_task(rig.pipeline.submit([record(n) for n in range(40)], old))
    await settle()
    lost = rig.pipeline.drop(old)
    assert offsets(lost) == list(range(4 * MAX_IN_FLIGHT))
    rig.sink.gate.set()
    await submitting
    await rig.pipeline.submit([record(0)], new)
    assert await rig.pipeline.drain(10)
    assert offsets(rig.acknowledged) == [0]
    assert new.offsets.next_offsets() == {0: 1}


async def test_all_that_found_no_place_before_its_generation_ended_counts_as_dropped(rig, record) -> None:
    generation = Generation(1)
    rig.sink.gate.clear()
    submitting = asyncio.create_task(rig.pipeline.submit([record(n) for n in range(40)], generation))
    await settle()
    assert rig.pipeline.in_flight == MAX_IN_FLIGHT
    generation.close()
    rig.sink.gate.set()
    await submitting
    assert await rig.pipeline.drain(10)
    done = len(rig.acknowledged)
    assert 0 < done < 40
    assert "bellwether_dropped_inputs_total %.1f" % (40 - done) in rig.metrics.exposition().decode()


async def test_a_closed_generation_takes_nothing_more_but_finishes(rig, record) -> None:
    generation = Generation(1)
    rig.sink.gate.clear()
    await rig.pipeline.submit([record(0)], generation)
    generation.close()
    await rig.pipeline.submit([record(1)], generation)
    rig.sink.gate.set()
    assert await rig.pipeline.drain(10)
    assert offsets(rig.acknowledged) == [0]


async def test_a_record_handed_over_twice_is_produced_once(rig, record) -> None:
    generation = Generation(1)
    await rig.pipeline.submit([record(0), record(1)], generation)
    await rig.pipeline.submit([record(1), record(2)], generation)
    assert await rig.pipeline.drain(10)
    assert offsets(rig.acknowledged) == [0, 1, 2]


async def test_an_error_of_the_sink_ends_the_pipeline_unacknowledged(rig, record) -> None:
    rig.sink.error = BrokerError("refused")
    await rig.pipeline.submit([record(0)], Generation(1))
    with pytest.raises(BrokerError, match="refused"):
        await asyncio.wait_for(rig.pipeline.failure, 10)
    assert rig.acknowledged == []


async def test_an_engine_that_is_loaded_again_between_batches_is_waited_for_as_within_one(rig, record) -> None:
    """The watchdog gives a step of the engine more time than a delivery."""
    seen: list[bool] = []
    restart = rig.host.restart

    def watched() -> None:
        seen.append(rig.pipeline.is_scoring)
        restart()

    rig.host.restart = watched
    await rig.pipeline.submit([record(0), record(1, "[[crash]]")], Generation(1))
    await rig.pipeline.submit([record(2)], Generation(1))  # the engine has to be back before it
    assert await rig.pipeline.drain(10)
    assert seen == [True] * rig.host.restarts


async def test_a_drain_that_takes_too_long_says_so(rig, record) -> None:
    rig.sink.gate.clear()
    await rig.pipeline.submit([record(0)], Generation(1))
    assert not await rig.pipeline.drain(0.01)
    rig.sink.gate.set()


async def test_a_batch_passes_the_crash_points_in_the_order_of_its_work(rig, record) -> None:
    rig.sink.gate.clear()
    await rig.pipeline.submit([record(0)], Generation(1))
    await settle()
    assert rig.passed == ["decoded", "scored"]
    rig.sink.gate.set()
    assert await rig.pipeline.drain(10)
    assert rig.passed == ["decoded", "scored", "produced", "acked"]


async def test_what_needs_no_engine_passes_no_point_of_it(rig, record) -> None:
    await rig.pipeline.submit([record(0, "")], Generation(1))
    assert await rig.pipeline.drain(10)
    assert rig.passed == ["decoded", "produced", "acked"]
