"""Labels that wait for their text, while the service goes on; only Kafka is scripted."""

from __future__ import annotations

import threading

import msgspec
import pytest

from runtime.errors import BrokerError
from trainer.labels.store import Entry, LabelStore
from trainer.service.unparking import EVERY_S, Unparking
from wire.events import Scored
from wire.labels import key

from .conftest import WHEN, label


def scored(event_id: str) -> Scored:
    return Scored(
        event_id=event_id, text="Ostra soars", published_at=WHEN, source="s", tasks={}, model_version="v-1",
        engine="noop", cleaning="2", batch_id="b", worker="w", source_partition=0, source_offset=0, scored_at=WHEN,
    )  # fmt: skip


class World:
    def __init__(self, path) -> None:
        self.store = LabelStore(path)
        self.known: dict[str, Scored] = {}
        self.wanted: list[list[str]] = []
        self.forgot = 0
        self.submitted: list = []
        self.error: Exception | None = None
        self.time_s = 100.0
        self.unparking = Unparking(self, self.submit, lambda: self.time_s)  # type: ignore[arg-type]

    def find(self, ids):
        self.wanted.append(sorted(ids))
        return {one: self.known[one] for one in ids if one in self.known}

    def forget(self) -> None:
        self.forgot += 1

    def submit(self, labels) -> None:
        if self.error:
            raise self.error
        self.submitted += labels

    def park(self, *numbers: int) -> None:
        made = [label(n, text=None) for n in numbers]
        self.store.apply("t", [Entry(n, key(one), one) for n, one in zip(numbers, made, strict=True)])

    def turn(self) -> None:
        self.unparking.turn(self.store)
        thread = self.unparking._thread
        if thread is not None:
            thread.join(10)
        self.unparking.turn(self.store)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "labels.sqlite")
    yield made
    made.store.close()


def test_what_was_scored_is_completed_and_the_others_wait(world) -> None:
    world.park(1, 2)
    world.known["e-1"] = scored("e-1")
    world.turn()
    assert world.wanted == [["e-1", "e-2"]]
    assert [(one.event_id, one.text) for one in world.submitted] == [("e-1", "Ostra soars")]
    world.turn()
    assert len(world.wanted) == 1, "not before a while has passed"
    world.time_s += EVERY_S
    world.turn()
    assert len(world.wanted) == 2


def test_the_service_never_waits_for_a_search(world) -> None:
    world.park(1)
    goes = threading.Event()
    find = world.find
    world.find = lambda ids: (goes.wait(10), find(ids))[1]
    world.unparking.turn(world.store)
    world.unparking.turn(world.store)
    assert world.submitted == []
    goes.set()
    world.unparking._thread.join(10)


def test_what_was_erased_meanwhile_is_not_submitted(world) -> None:
    world.park(1)
    world.known["e-1"] = scored("e-1")
    world.unparking.turn(world.store)
    world.unparking._thread.join(10)
    world.store.apply("t", [Entry(9, key(label(1)), None)])
    world.unparking.turn(world.store)
    assert world.submitted == []


def test_a_broker_that_refuses_them_is_asked_again_from_the_beginning(world) -> None:
    world.park(1)
    world.known["e-1"] = scored("e-1")
    world.error = BrokerError("away")
    world.turn()
    assert (world.submitted, world.forgot) == ([], 1)
    world.error = None
    world.time_s += EVERY_S
    world.turn()
    assert [one.event_id for one in world.submitted] == ["e-1"]
    assert msgspec.structs.asdict(world.submitted[0])["labeller"] == label(1).labeller
