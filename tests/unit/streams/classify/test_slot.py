"""Who scores a batch while versions change, and whose keys a canary takes."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import ANY

import pytest

from runtime.errors import ModelError
from streams.classify.generations import Generation
from streams.classify.prepare import prepare
from streams.classify.records import Scores
from streams.classify.scoring import Scorer
from streams.classify.slot import Canary, is_within
from streams.classify.speed import Speed


class Gated:
    """Holds a call back until it is let go."""

    def __init__(self, host) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        score = host.score

        def gated(texts, deadline_s=None):
            self.begun.set()
            assert self.go.wait(10)
            return score(texts, deadline_s)

        host.score = gated


@pytest.fixture
def scorer_of(rig, executor):
    pools = []

    def make(version: str, **arguments):
        pools.append(ThreadPoolExecutor(1))
        host = type(rig.host)(version=version, **arguments)
        made = Scorer(
            host, worker="host:1:0", executor=pools[-1], metrics=rig.metrics, speed=Speed(), link=lambda *_: (),
            numbers=rig.scorer._numbers, sleep=lambda _: asyncio.sleep(0),
        )  # fmt: skip
        made.host = host  # type: ignore[attr-defined]
        return made

    yield make
    for pool in pools:
        pool.shutdown()


def items(record, *texts, **changed):
    return [prepare(record(offset, text, **changed)) for offset, text in enumerate(texts)]


def served(parts) -> dict[int, str]:
    return {place: part.serving.version for part in parts if isinstance(part, Scores) for place in part.places}


async def test_the_batch_that_is_under_way_ends_with_the_engine_that_began_it(rig, record, scorer_of) -> None:
    slot, gate = rig.slot, Gated(rig.host)
    before = rig.scorer
    under_way = asyncio.create_task(slot.score(items(record, "a", "b"), lambda: True))
    await asyncio.to_thread(gate.begun.wait, 10)
    swap = asyncio.create_task(slot.swap(scorer_of("v-2222222222")))
    await asyncio.sleep(0)
    assert slot.serving.version == "v-2222222222"
    assert not swap.done()
    assert rig.slot.overdue_s() == 0.0
    assert before in slot._all(), "its calls and its deadline still count"
    gate.go.set()
    assert set(served(await under_way).values()) == {before.serving.version}
    assert await swap is before
    assert set(served(await slot.score(items(record, "c"), lambda: True)).values()) == {"v-2222222222"}


async def test_a_search_for_a_deadly_text_stays_with_one_engine_though_another_begins_to_serve(
    rig, record, scorer_of
) -> None:
    slot, before = rig.slot, rig.scorer.serving.version
    new = scorer_of("v-2222222222")

    def wanted() -> bool:
        slot._champion = new  # between two calls of one batch
        return True

    parts = await slot.score(items(record, "a", "[[error]]", "b"), wanted)
    assert served(parts) == {0: before, 2: before}
    assert new.host.calls == []


async def test_two_that_leave_during_one_batch_both_count_until_it_ends(rig, record, scorer_of) -> None:
    slot, gate, first, canary = rig.slot, Gated(rig.host), rig.scorer, scorer_of("v-2222222222")
    await slot.expose(Canary(canary, 0.0, lambda _: None))
    under_way = asyncio.create_task(slot.score(items(record, "a"), lambda: True))
    await asyncio.to_thread(gate.begun.wait, 10)
    leaving = [asyncio.create_task(slot.swap(scorer_of("v-3333333333"))), asyncio.create_task(slot.expose(None))]
    await asyncio.sleep(0)
    assert not any(one.done() for one in leaving)
    assert {first, canary} <= set(slot._all())
    gate.go.set()
    await under_way
    assert [await one for one in leaving] == [first, Canary(canary, 0.0, ANY)]
    assert slot._all() == [slot._champion]
    assert slot.calls == 1


async def test_calls_only_ever_grow_so_that_a_swap_is_no_standstill(rig, record, scorer_of) -> None:
    await rig.slot.score(items(record, "a"), lambda: True)
    await rig.slot.score(items(record, "b"), lambda: True)
    await rig.slot.swap(scorer_of("v-2222222222"))
    assert rig.slot.calls == 2
    await rig.slot.score(items(record, "c"), lambda: True)
    assert rig.slot.calls == 3


async def test_metrics_name_who_serves_now(rig, scorer_of) -> None:
    await rig.slot.swap(scorer_of("v-2222222222"))
    lines = [line for line in rig.metrics.exposition().decode().splitlines() if line.startswith("bellwether_serving")]
    assert len(lines) == 1
    assert 'version="v-2222222222"' in lines[0]


async def test_a_canary_serves_its_share_of_the_keys_and_the_champion_the_rest_in_the_batchs_order(
    rig, record, scorer_of
) -> None:
    canary = scorer_of("v-2222222222")
    await rig.slot.expose(Canary(canary, 0.3, lambda _: None))
    keys = [b"key-%d" % number for number in range(200)]
    batch = [prepare(record(at, f"text {at}", key=key)) for at, key in enumerate(keys)]
    by_place = served(await rig.slot.score(batch, lambda: True))
    assert sorted(by_place) == list(range(200))
    for place, key in enumerate(keys):
        expected = is_within(record(key=key), 0.3, "v-2222222222")
        assert (by_place[place] == "v-2222222222") is expected
    assert 30 <= sum(version == "v-2222222222" for version in by_place.values()) <= 90


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_a_keys_share_is_stable_and_about_as_large_as_asked(share: float, record) -> None:
    keys = [record(key=b"k%d" % number) for number in range(4000)]
    chosen = [is_within(one, share, "v-1") for one in keys]
    assert chosen == [is_within(one, share, "v-1") for one in keys]
    assert sum(chosen) / 4000 == pytest.approx(share, abs=0.03)
    if 0 < share < 1:
        assert chosen != [is_within(one, share, "v-2") for one in keys]
        assert all(is_within(one, share + 0.1, "v-1") for one, was in zip(keys, chosen, strict=True) if was)


def test_a_record_without_a_key_is_chosen_by_its_place(record) -> None:
    chosen = {is_within(record(offset, key=None), 0.5, "v-1") for offset in range(50)}
    assert chosen == {True, False}


async def test_a_text_that_only_the_canary_cannot_survive_gets_the_champions_answer(rig, record, scorer_of) -> None:
    canary = scorer_of("v-2222222222")
    score = canary.host.score

    def fails(texts, deadline_s=None):
        if "bad" in texts:
            return score(["[[error]]"], deadline_s)
        return score(texts, deadline_s)

    canary.host.score = fails
    await rig.slot.expose(Canary(canary, 1.0, lambda _: None))
    parts = await rig.slot.score(items(record, "good", "bad", "fine"), lambda: True)
    champion = rig.scorer.serving.version
    assert served(parts) == {0: "v-2222222222", 1: champion, 2: "v-2222222222"}
    assert all(isinstance(part, Scores) or not part for part in parts)


async def test_a_canary_that_does_not_come_back_is_put_aside_and_its_keys_are_served(rig, record, scorer_of) -> None:
    canary, told = scorer_of("v-2222222222"), []
    canary.host.is_alive, canary.host.refuse_restarts = False, 99
    await rig.slot.expose(Canary(canary, 1.0, told.append))
    batch = items(record, "a", "b")
    champion = rig.scorer.serving.version
    assert served(await rig.slot.score(batch, lambda: True)) == {0: champion, 1: champion}
    assert [type(error) for error in told] == [ModelError]
    calls = rig.slot.calls
    await rig.slot.score(batch, lambda: True)
    assert len(told) == 1
    assert rig.slot.calls == calls + 1


async def test_a_distrusted_canary_ends_its_batch_first_and_serves_no_other(rig, record, scorer_of) -> None:
    canary, told = scorer_of("v-2222222222"), []
    gate = Gated(canary.host)
    await rig.slot.expose(Canary(canary, 1.0, told.append))
    under_way = asyncio.create_task(rig.slot.score(items(record, "a"), lambda: True))
    await asyncio.to_thread(gate.begun.wait, 10)
    away = asyncio.create_task(rig.slot.distrust("v-2222222222", ModelError("its key was revoked")))
    await asyncio.sleep(0)
    assert (rig.slot.canary, told) == ("v-2222222222", []), "whoever is told ends its engine"
    gate.go.set()
    assert set(served(await under_way).values()) == {"v-2222222222"}
    await away
    assert (rig.slot.canary, [str(error) for error in told]) == (None, ["its key was revoked"])
    assert set(served(await rig.slot.score(items(record, "b"), lambda: True)).values()) == {rig.scorer.serving.version}
    await rig.slot.distrust("v-2222222222", ModelError("once more"))
    assert len(told) == 1


async def test_a_shadow_hears_of_every_batch_after_it_was_scored(rig, record) -> None:
    heard: list[str] = []
    rig.slot.listen(lambda batch: heard.extend(item.cleaned for item in batch))
    await rig.slot.score(items(record, "a", "b"), lambda: True)
    rig.slot.listen(None)
    await rig.slot.score(items(record, "c"), lambda: True)
    assert heard == ["a", "b"]


async def test_a_canarys_answers_reach_the_topic_in_the_order_of_the_inputs(rig, record, scorer_of) -> None:
    canary = scorer_of("v-2222222222")
    await rig.slot.expose(Canary(canary, 0.5, lambda _: None))
    generation = Generation(1)
    records = [record(at, f"text {at}", key=b"key-%d" % at) for at in range(12)]
    await rig.pipeline.submit(records, generation)
    assert await rig.pipeline.drain(10)
    said = [json.loads(output.value) for output in rig.sink.sent]
    assert [one["source_offset"] for one in said] == list(range(12))
    assert {one["model_version"] for one in said} == {"v-2222222222", rig.scorer.serving.version}
    by_batch: dict[str, set[str]] = {}
    for one in said:
        by_batch.setdefault(one["batch_id"], set()).add(one["model_version"])
    assert all(len(versions) == 1 for versions in by_batch.values())
