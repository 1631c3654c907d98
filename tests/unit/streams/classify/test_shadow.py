import asyncio
import json

import pytest

from streams.classify.outputs import Writer
from streams.classify.prepare import prepare
from streams.classify.shadow import WAITING, Shadow
from wire import topics


class Clock:
    """Each call of the engine takes a second; sleeping takes what it says."""

    def __init__(self) -> None:
        self.time = 0.0
        self.worked = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock(rig) -> Clock:
    made, score = Clock(), rig.host.score

    def timed(texts, deadline_s=None):
        made.time += 1.0
        made.worked += 1.0
        return score(texts, deadline_s)

    rig.host.score = timed
    return made


async def run(shadow: Shadow, rig, until: int) -> None:
    task = asyncio.create_task(shadow.run())
    while len(rig.sink.sent) < until and not task.done():  # noqa: ASYNC110 (the sink is a list)
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled(), task.exception()


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
async def test_its_engine_works_for_no_more_than_its_share_of_the_time(share, rig, record, clock) -> None:
    shadow = Shadow(rig.scorer, rig.sink, share, rig.metrics, monotonic=lambda: clock.time, sleep=clock.sleep)
    shadow.offer([prepare(record(offset, "word " * 200)) for offset in range(40)])
    await run(shadow, rig, 40)
    assert clock.worked >= 3
    assert clock.slept == [pytest.approx((1 - share) / share)] * len(clock.slept)
    assert len(clock.slept) >= clock.worked - 1


async def test_it_scores_the_same_offsets_to_its_own_topic_under_its_own_name(rig, record, clock) -> None:
    shadow = Shadow(rig.scorer, rig.sink, 1.0, rig.metrics, monotonic=lambda: clock.time, sleep=clock.sleep)
    shadow.offer([prepare(record(offset, f"text {offset}", partition=3)) for offset in range(5)])
    await run(shadow, rig, 5)
    assert {output.topic for output in rig.sink.sent} == {topics.SHADOWED.name} != {Writer().scored}
    said = [json.loads(output.value) for output in rig.sink.sent]
    assert [(one["source_partition"], one["source_offset"]) for one in said] == [(3, offset) for offset in range(5)]
    assert {one["model_version"] for one in said} == {rig.scorer.serving.version}


async def test_what_comes_while_too_much_waits_is_skipped_and_counted(rig, record) -> None:
    shadow = Shadow(rig.scorer, rig.sink, 0.1, rig.metrics)
    item = prepare(record())
    for _ in range(3):
        shadow.offer([item] * 500)
    assert rig.metrics.shadow_skipped._value.get() == 1500 - WAITING


async def test_a_text_that_it_cannot_survive_is_left_out(rig, record, clock) -> None:
    shadow = Shadow(rig.scorer, rig.sink, 1.0, rig.metrics, monotonic=lambda: clock.time, sleep=clock.sleep)
    shadow.offer([prepare(record(offset, text)) for offset, text in enumerate(["a", "[[crash]]", "b"])])
    await run(shadow, rig, 2)
    assert [json.loads(output.value)["source_offset"] for output in rig.sink.sent] == [0, 2]
