"""One worker follows a real pointer in a real store; only its engines are scripted."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from structlog.testing import capture_logs

from models import pointer
from models.host import EngineCrashError, EngineTimeoutError
from models.pointer import Pointer, Policy
from models.store import StoreAwayError, StoreError, open_store
from runtime import clock
from runtime.errors import BrokerError, CorruptVersionError, EngineError, EngineMemoryError, InputError
from streams.classify.champion import Start
from streams.classify.prepare import prepare
from streams.classify.scoring import Scorer
from streams.classify.speed import Speed
from streams.classify.swapper import Swapper
from streams.classify.trial import RETRY_S, Trial

A, B, C = "v-aaaaaaaaaa", "v-bbbbbbbbbb", "v-cccccccccc"


class Registry:
    """What `Champions` does, with versions that need not exist; the pointer is read from a real store."""

    def __init__(self, folder) -> None:
        (folder / "store").mkdir()
        self.store = open_store(str(folder / "store"))
        self.kept: list[tuple[int, str]] = []
        self.revoked: set[str] = set()
        self.is_full = False
        self.brought: list[str] = []
        self.away: Exception | None = None
        self.spoilt: dict[str, Exception] = {}

    def seen(self, known: Pointer) -> Pointer:
        if self.away:
            raise self.away
        return pointer.newest(self.store, known) if known.generation else pointer.head(self.store)

    def bring(self, version: str) -> None:
        self.brought.append(version)
        if version in self.spoilt:
            raise self.spoilt[version]

    def verify(self, version: str) -> None:
        if version in self.revoked:
            raise CorruptVersionError("this machine has revoked its key")

    def keep(self, generation: int, version: str) -> bool:
        self.kept.append((generation, version))
        return not self.is_full

    def move(self, action: str, change) -> None:
        now = pointer.head(self.store)
        pointer.append(self.store, action, now, change(now), who="test", at=clock.now(), why="a test")

    def promote(self, version: str) -> None:
        self.move("promote", lambda now: pointer.promoted(now, version))


class World:
    def __init__(self, rig, folder) -> None:
        self.rig = rig
        self.registry = Registry(folder)
        self.pools: list[ThreadPoolExecutor] = []
        self.loaded: list[str] = []
        self.uncounted: list[str] = []
        self.given_up: list[str] = []
        self.said: list[Any] = []
        self.time = 0.0
        self.may_load = asyncio.Event()
        self.may_load.set()
        self.registry.promote(A)
        first = self.scorer(A)
        self.slot = type(rig.slot)(first, rig.metrics)
        self.paused: list[float] = []
        self.trial = Trial(self, self.slot, lambda: rig.sink, rig.metrics, self.pause)  # type: ignore[arg-type]
        self.swapper = self.start(Start(first, 1))

    def start(self, start: Start) -> Swapper:
        return Swapper(
            self.registry, self, self.slot, self.trial, start, metrics=self.rig.metrics,  # type: ignore[arg-type]
            say=self.said.append, monotonic=lambda: self.time,
        )  # fmt: skip

    def scorer(self, version: str, pauses: tuple[float, ...] = (0.0,)) -> Scorer:
        self.pools.append(ThreadPoolExecutor(1))
        host = type(self.rig.host)(version=version)
        return Scorer(
            host, worker="host:1:0", executor=self.pools[-1], metrics=self.rig.metrics, speed=Speed(),
            link=lambda *_: (), sleep=lambda _: asyncio.sleep(0), pauses=pauses,
        )  # fmt: skip

    async def load(self, version: str, pauses: Any = None, *, is_counted: bool = True) -> Scorer:
        self.loaded.append(version)
        self.uncounted += [] if is_counted else [version]
        await self.may_load.wait()
        return self.scorer(version, () if pauses == () else (0.0,))

    async def follow(self) -> None:
        await self.swapper.look()
        await self.swapper.prepare()

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        await asyncio.sleep(0)

    async def give_up(self, scorer: Scorer) -> None:
        self.given_up.append(scorer.serving.version)

    @property
    def serves(self) -> str:
        return self.slot.serving.version


@pytest.fixture
async def world(rig, tmp_path):
    async def stays() -> None:
        return None

    rig.sink.start = rig.sink.stop = stays
    made = World(rig, tmp_path)
    yield made
    await made.trial.stop()
    for pool in made.pools:
        pool.shutdown()


async def test_a_promoted_version_serves_and_the_one_before_is_given_up(world) -> None:
    world.registry.promote(B)
    await world.follow()
    assert (world.serves, world.given_up, world.registry.kept) == (B, [A], [(2, B)])
    said = world.said[-1]
    assert (said.version, said.generation, said.refused) == (B, 2, ())
    await world.follow()
    assert world.loaded == [B]


async def test_a_staged_version_is_warm_before_it_is_promoted_and_loaded_once(world) -> None:
    world.registry.move("stage", lambda now: pointer.staged(now, B))
    await world.follow()
    assert (world.serves, world.loaded, world.said[-1].ready) == (A, [B], B)
    world.registry.promote(B)
    await world.follow()
    assert (world.serves, world.loaded, world.said[-1].ready) == (B, [B], None)


async def test_another_staged_version_takes_the_place_of_the_one_that_waited(world) -> None:
    for version in (B, C):
        world.registry.move("stage", lambda now, version=version: pointer.staged(now, version))
        await world.follow()
    assert (world.said[-1].ready, world.given_up) == (C, [B])


async def test_a_refused_version_is_told_once_and_the_old_one_serves_on(world) -> None:
    world.registry.spoilt[B] = CorruptVersionError("a flipped bit")
    world.registry.promote(B)
    with capture_logs() as logs:
        for _ in range(5):
            world.time += 1000.0
            await world.follow()
    assert [line["detail"] for line in logs if line["event"] == "version_refused"] == ["a flipped bit"]
    assert (world.serves, world.registry.brought, world.registry.kept) == (A, [B], [])
    assert [(one.version, one.reason) for one in world.said[-1].refused] == [(B, "a flipped bit")]
    world.registry.promote(C)
    await world.follow()
    assert world.serves == C


async def test_a_move_of_something_else_does_not_load_a_refused_version_once_more(world) -> None:
    world.registry.spoilt[B] = CorruptVersionError("a flipped bit")
    world.registry.promote(B)
    await world.follow()
    world.registry.move("stage", lambda now: pointer.staged(now, C))
    await world.follow()
    assert world.registry.brought == [B, C]
    assert [(one.version, one.reason) for one in world.said[-1].refused] == [(B, "a flipped bit")]
    world.registry.promote(A)
    await world.follow()
    del world.registry.spoilt[B]
    world.registry.promote(B)
    await world.follow()
    assert world.serves == B, "named anew, it is tried anew"


async def test_a_refused_version_that_loses_one_of_its_places_is_not_tried_again(world) -> None:
    world.registry.spoilt[B] = CorruptVersionError("a flipped bit")
    world.registry.move("stage", lambda now: pointer.staged(now, B))
    await world.follow()
    world.registry.move("challenge", lambda now: pointer.challenged(now, B, Policy("shadow", 0.5)))
    await world.follow()
    world.registry.move("challenge", pointer.unchallenged)
    await world.follow()
    assert world.registry.brought == [B, B]


async def test_a_trust_file_that_cannot_be_read_is_no_fault_of_the_version(world) -> None:
    world.registry.spoilt[B] = InputError("line 3 of trusted.txt is no key")
    world.registry.promote(B)
    with capture_logs() as logs:
        await world.follow()
    assert [line["event"] for line in logs] == ["version_not_had"]
    del world.registry.spoilt[B]
    world.time += 5.0
    await world.follow()
    assert world.serves == B


async def test_a_version_that_was_refused_at_the_start_is_not_told_again(world) -> None:
    world.registry.promote(B)
    world.swapper = world.start(Start(world.slot._champion, 1, (B, "NaN weights")))
    with capture_logs() as logs:
        await world.follow()
    assert [line for line in logs if line["event"] == "version_refused"] == []
    assert (world.serves, world.loaded, world.said[-1].refused[0].reason) == (A, [], "NaN weights")


async def test_what_there_was_no_room_for_is_tried_again_after_a_while(world) -> None:
    world.registry.spoilt[B] = StoreError("make room there")
    world.registry.promote(B)
    with capture_logs() as logs:
        for _ in range(4):
            await world.follow()
    assert [line["event"] for line in logs if line["event"] in {"version_not_had", "version_refused"}] == [
        "version_not_had"
    ]
    assert world.registry.brought == [B]
    del world.registry.spoilt[B]
    world.time += 5.0
    await world.follow()
    assert (world.serves, world.said[-1].refused) == (B, ())


async def test_a_store_that_is_away_is_told_once_and_what_serves_goes_on(world) -> None:
    world.registry.away = StoreAwayError("no answer")
    with capture_logs() as logs:
        for _ in range(3):
            await world.follow()
        world.registry.promote(B)
        world.registry.away = None
        await world.follow()
    assert [line["event"] for line in logs][:2] == ["pointer_not_read", "pointer_read_again"]
    assert world.serves == B


async def test_a_lower_generation_than_served_here_is_never_followed(world, tmp_path) -> None:
    world.swapper = world.start(Start(world.slot._champion, 7))
    world.registry.promote(B)
    await world.follow()
    assert (world.serves, world.loaded) == (A, [])


async def test_moves_that_were_missed_lead_straight_to_the_newest(world) -> None:
    for version in (B, C, B, C):
        world.registry.promote(version)
    await world.follow()
    assert (world.serves, world.loaded, world.registry.kept) == (C, [C], [(5, C)])


async def test_a_canary_begins_and_ends_by_the_pointers_policy(world) -> None:
    world.registry.move("challenge", lambda now: pointer.challenged(now, B, Policy("canary", 0.2)))
    await world.follow()
    assert (world.slot._canary.share, world.said[-1].challenger, world.serves) == (0.2, B, A)
    await world.follow()
    assert world.loaded == [B]
    world.registry.move("challenge", pointer.unchallenged)
    await world.follow()
    assert (world.slot._canary, world.said[-1].challenger, world.given_up) == (None, None, [B])


async def test_a_challenger_that_is_promoted_serves_and_challenges_no_more(world) -> None:
    world.registry.move("challenge", lambda now: pointer.challenged(now, B, Policy("shadow", 0.2)))
    await world.follow()
    world.registry.promote(B)
    await world.follow()
    assert (world.serves, world.said[-1].challenger, world.trial.goes_on) == (B, None, None)
    assert sorted(world.given_up) == [A, B]


@pytest.mark.parametrize("mode", ["shadow", "canary"])
async def test_a_challenger_whose_engine_ends_is_not_brought_back_but_refused(world, record, mode) -> None:
    world.registry.move("challenge", lambda now: pointer.challenged(now, B, Policy(mode, 1.0)))
    await world.follow()
    await asyncio.sleep(0)
    host = world.trial._scorer._served[0]
    host.is_alive = False
    for number in range(200):
        await world.slot.score([prepare(record(number))], lambda: True)
        if world.trial.is_over:
            break
        await asyncio.sleep(0.005)
    await world.follow()
    assert (world.trial.goes_on, world.given_up, world.loaded) == (None, [B], [B])
    assert "ended, and is not brought back" in world.said[-1].refused[0].reason
    await world.follow()
    assert world.loaded == [B]


async def test_a_broker_that_does_not_take_a_shadows_scores_says_nothing_about_the_version(world, record) -> None:
    world.registry.move("challenge", lambda now: pointer.challenged(now, B, Policy("shadow", 1.0)))
    world.rig.sink.error = BrokerError("no leader for the partition")
    await world.follow()
    with capture_logs() as logs:
        for number in range(200):
            if any(one["event"] == "shadow_not_produced" for one in logs):
                break
            await world.slot.score([prepare(record(number))], lambda: True)
            await asyncio.sleep(0.005)
    assert world.paused[:1] == [RETRY_S]
    world.rig.sink.error = None
    for number in range(200, 400):
        if world.rig.sink.sent:
            break
        await world.slot.score([prepare(record(number))], lambda: True)
        await asyncio.sleep(0.005)
    assert json.loads(world.rig.sink.sent[0].value)["model_version"] == B
    assert (world.trial.is_over, world.said[-1].refused, world.said[-1].challenger) == (False, (), B)


async def test_a_rollback_does_not_wait_for_what_is_just_being_loaded(world) -> None:
    world.registry.promote(B)
    await world.follow()
    world.registry.move("stage", lambda now: pointer.staged(now, C))
    await world.swapper.look()
    world.may_load.clear()
    loading = asyncio.create_task(world.swapper.prepare())
    while world.loaded != [B, C]:  # noqa: ASYNC110 (a list)
        await asyncio.sleep(0.001)
    world.swapper._ready, held = world.scorer(A), world.swapper._ready
    world.registry.move("rollback", pointer.rolled_back)
    await world.swapper.look()
    assert (world.serves, held, loading.done()) == (A, None, False)
    world.may_load.set()
    await loading
    assert world.said[-1].ready == C


async def test_a_version_that_is_promoted_while_it_is_made_ready_is_loaded_once(world) -> None:
    world.registry.move("stage", lambda now: pointer.staged(now, B))
    await world.swapper.look()
    world.may_load.clear()
    loading = asyncio.create_task(world.swapper.prepare())
    while world.loaded != [B]:  # noqa: ASYNC110 (a list)
        await asyncio.sleep(0.001)
    world.registry.promote(B)
    looking = asyncio.create_task(world.swapper.look())
    await asyncio.sleep(0.05)
    assert world.serves == A
    world.may_load.set()
    await asyncio.gather(loading, looking)
    assert (world.serves, world.loaded, world.given_up) == (B, [B], [A])


async def test_a_staged_version_that_the_pointer_left_while_it_was_loaded_is_given_up(world) -> None:
    world.registry.move("stage", lambda now: pointer.staged(now, B))
    await world.swapper.look()
    world.may_load.clear()
    loading = asyncio.create_task(world.swapper.prepare())
    while world.loaded != [B]:  # noqa: ASYNC110 (a list)
        await asyncio.sleep(0.001)
    world.registry.move("stage", lambda now: pointer.staged(now, C))
    await world.swapper.look()
    world.may_load.set()
    await loading
    assert (world.given_up, world.said[-1].ready) == ([B], None)
    await world.follow()
    assert world.said[-1].ready == C


@pytest.mark.parametrize("error", [InputError("trusted.txt: line 3 is no key"), OSError(12, "Cannot allocate memory")])
async def test_no_trouble_with_another_version_ends_a_worker(world, error) -> None:
    world.registry.spoilt[B] = error
    world.registry.promote(B)
    await world.follow()
    assert world.serves == A
    assert [one.version for one in world.said[-1].refused] == [B]


async def test_the_pointer_cannot_be_read_for_a_setting_either(world) -> None:
    world.registry.away = InputError("no kind of store")
    with capture_logs() as logs:
        await world.follow()
    assert [line["event"] for line in logs] == ["pointer_not_read"]


async def test_what_the_pointer_names_no_more_is_no_longer_told_as_refused(world) -> None:
    world.registry.spoilt[B] = CorruptVersionError("a flipped bit")
    world.registry.promote(B)
    await world.follow()
    world.registry.promote(C)
    await world.follow()
    assert world.said[-1].refused == ()


async def test_a_staged_version_whose_key_was_revoked_meanwhile_does_not_begin_to_serve(world) -> None:
    world.registry.move("stage", lambda now: pointer.staged(now, B))
    await world.follow()
    world.registry.revoked.add(B)
    world.registry.promote(B)
    await world.follow()
    assert (world.serves, world.given_up) == (A, [B])
    assert "revoked" in world.said[-1].refused[0].reason


async def test_a_staged_engine_that_died_while_it_waited_is_loaded_anew(world) -> None:
    world.registry.move("stage", lambda now: pointer.staged(now, B))
    await world.follow()
    world.swapper._ready._served[0].is_alive = False
    world.registry.promote(B)
    await world.follow()
    assert (world.serves, world.loaded, world.given_up) == (B, [B, B], [B, A])


@pytest.mark.parametrize("error", [EngineCrashError, EngineTimeoutError, EngineMemoryError])
async def test_an_engine_that_ends_while_it_loads_is_tried_three_times_and_then_refused(world, error) -> None:
    world.registry.spoilt[B] = StoreAwayError("no answer")
    world.registry.promote(B)
    with capture_logs() as logs:
        for number in range(12):
            if number == 2:  # what the store did is no word about the version
                world.registry.spoilt[B] = error("was ended by SIGKILL")
            world.time += 100.0
            await world.follow()
    said = ["version_not_had", "version_not_loaded", "version_not_loaded", "version_refused"]
    assert [line["event"] for line in logs] == said
    assert world.registry.brought == [B] * 5
    assert world.rig.metrics.registry.get_sample_value("bellwether_refused_versions_total") == 1


async def test_an_engine_that_says_why_it_does_not_load_is_refused_at_once(world) -> None:
    world.registry.spoilt[B] = EngineError("KeyError: 'weight'")
    world.registry.promote(B)
    for _ in range(3):
        world.time += 100.0
        await world.follow()
    assert world.registry.brought == [B]
    assert [one.reason for one in world.said[-1].refused] == ["KeyError: 'weight'"]


async def test_a_version_that_was_rolled_back_while_it_loaded_never_begins_to_serve(world) -> None:
    world.may_load.clear()
    world.registry.promote(B)
    looking = asyncio.create_task(world.swapper.look())
    while world.loaded != [B]:  # noqa: ASYNC110 (a list)
        await asyncio.sleep(0.001)
    world.registry.move("rollback", pointer.rolled_back)
    world.may_load.set()
    await looking
    assert (world.serves, world.given_up, world.registry.kept) == (A, [B], [])
    assert world.swapper._moved.is_set(), "it looks again at once"
    await world.follow()
    assert (world.serves, world.registry.kept, world.said[-1].generation) == (A, [(3, A)], 3)
    assert world.rig.metrics.registry.get_sample_value("bellwether_swaps_total") == 0


async def test_a_challenge_ends_although_something_else_is_being_loaded(world) -> None:
    world.registry.move("challenge", lambda now: pointer.challenged(now, B, Policy("canary", 0.2)))
    await world.follow()
    world.may_load.clear()
    world.registry.move("stage", lambda now: pointer.staged(now, C))
    await world.swapper.look()
    loading = asyncio.create_task(world.swapper.prepare())
    while world.loaded != [B, C]:  # noqa: ASYNC110 (a list)
        await asyncio.sleep(0.001)
    world.registry.move("challenge", pointer.unchallenged)
    await world.swapper.look()
    assert (world.slot._canary, world.given_up, world.said[-1].challenger) == (None, [B], None)
    world.may_load.set()
    await loading
    assert world.said[-1].ready == C


async def test_a_shadows_calls_are_not_counted_with_the_champions(world) -> None:
    world.registry.move("challenge", lambda now: pointer.challenged(now, B, Policy("shadow", 0.2)))
    await world.follow()
    world.registry.move("challenge", lambda now: pointer.challenged(now, C, Policy("canary", 0.2)))
    await world.follow()
    assert (world.loaded, world.uncounted) == ([B, C], [B])


@pytest.mark.parametrize("what", ["seen", "verify"])
async def test_a_system_that_gives_no_threads_ends_no_worker(world, what: str) -> None:
    world.registry.move("stage", lambda now: pointer.staged(now, B))
    await world.follow()
    world.registry.promote(B)

    def refuses(*_: object) -> None:
        raise OSError(11, "no thread")

    setattr(world.registry, what, refuses)
    await world.follow()
    assert world.serves == A
    assert (what == "verify") == bool(world.said[-1].refused)


async def test_what_could_not_be_remembered_is_remembered_later(world) -> None:
    world.registry.is_full = True
    world.registry.promote(B)
    await world.follow()
    world.registry.is_full = False
    await world.follow()
    await world.follow()
    assert world.registry.kept == [(2, B), (2, B)]
