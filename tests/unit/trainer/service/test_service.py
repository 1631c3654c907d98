"""One turn of the loop: what is looked after beside the leader's work; Kafka alone is scripted."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from unittest import mock

import pytest
from kafka.errors import KafkaConnectionError

from trainer.labels import stale
from trainer.labels.store import Entry, LabelStore
from trainer.service import records
from trainer.service.folder import folder_of, folders
from trainer.service.metrics import Metrics
from trainer.service.rules import Recipe, Rules
from trainer.service.service import RETRY_S, Service
from trainer.service.tail import Answer, Said
from wire import labels
from wire.topics import LABELS

from .conftest import World, label


class Lease:
    """Leads from the first poll on, and hands out what was put into it."""

    def __init__(self) -> None:
        self.leads = self.has_caught_up = True
        self.begun = False
        self.waiting: list[Entry] = []
        self.confirmed: list[int] = []

    def poll(self, _: float, begin) -> list[Entry]:
        if not self.begun:
            self.begun = True
            begin()
        found, self.waiting = self.waiting, []
        return found

    def confirm(self, offset: int) -> bool:
        self.confirmed.append(offset)
        return True


class Tail:
    """Hands one answer out."""

    def read(self) -> list[Answer]:
        return [Answer("e-1", "v-1", {"sentiment": Said("negative")})]

    def close(self) -> None:
        pass


class Unparking:
    def __init__(self) -> None:
        self.turns = 0

    def turn(self, _: object) -> None:
        self.turns += 1


def seconds(world: World) -> float:
    return world.now.timestamp()


@pytest.fixture
def service(world: World) -> Service:
    term = world.term()
    parts, _ = term.parts, term.labels.close()
    return Service(
        bootstrap="nowhere", lease=Lease(), state=world.folder / "trainer", store=world.store, parts=parts,  # type: ignore[arg-type]
        labels=world.folder / "trainer" / "labels.sqlite", rules=Rules(Recipe("recipe")), who="trainer@here",
        metrics=Metrics(world.clock), unparking=Unparking(), now=world.clock,  # type: ignore[arg-type]
        monotonic=partial(seconds, world), open_tail=lambda *_: Tail(),  # type: ignore[arg-type, return-value]
    )  # fmt: skip


def entries(*given) -> list[Entry]:
    return [Entry(number, labels.key(one), one) for number, one in enumerate(given)]


def value(service: Service, metric: str, **named: str) -> float | None:
    return service.metrics.registry.get_sample_value(metric, named)


def test_labels_are_stored_before_their_offset_is_confirmed_and_counted(service: Service, world: World) -> None:
    service.lease.waiting = entries(label(1), label(1), label(2, text=None))  # type: ignore[attr-defined]
    service.turn()
    assert service.lease.confirmed[0] == 3  # type: ignore[attr-defined]
    assert value(service, "bellwether_labels_new_total") == 2
    assert value(service, "bellwether_labels_repeated_total") == 1
    assert value(service, "bellwether_labels_waiting_events") == 1


def test_a_leader_shows_the_field_and_looks_for_texts_a_standby_does_neither(service: Service, world: World) -> None:
    given = [label(n, model_version="v-1", probabilities={"negative": 9_000, "positive": 1_000}) for n in (1, 2)]
    service.lease.waiting = entries(*given, label(3))  # type: ignore[attr-defined]
    service.turn()
    assert service.unparking.turns == 1  # type: ignore[attr-defined]
    assert value(service, "bellwether_prequential_labels", task="sentiment", slice="all", name="") == 2
    assert value(service, "bellwether_prequential_unmeasured") == 1
    service.lease.leads = False  # type: ignore[misc]
    service.turn()
    assert service.unparking.turns == 1  # type: ignore[attr-defined]
    assert value(service, "bellwether_trainer_is_leader") == 0


def test_where_the_answers_cannot_be_read_it_goes_on_and_tries_again(service: Service, world: World) -> None:
    tries: list[object] = []

    def opened(*given: object) -> Tail:
        tries.append(given)
        if len(tries) < 3:
            raise KafkaConnectionError("not now")
        return Tail()

    service.open_tail = opened  # type: ignore[assignment]
    service.lease.waiting = entries(label(1))  # type: ignore[attr-defined]
    service.turn()
    service.turn()
    assert len(tries) == 1, "a while has to pass"
    assert service.lease.confirmed[0] == 1  # type: ignore[attr-defined]
    world.turn(service, 3, seconds=RETRY_S)  # type: ignore[arg-type]
    assert len(tries) == 3
    assert service._term is not None
    assert service._term.answers.counts("v-1") == {"sentiment": {"negative": 1}}


def test_the_field_is_measured_anew_when_there_are_labels_and_a_while_has_passed(
    service: Service, world: World
) -> None:
    shown: list[int] = []
    service.metrics.field.show = lambda _, unmeasured: shown.append(unmeasured)  # type: ignore[method-assign]
    service.lease.waiting = entries(label(1))  # type: ignore[attr-defined]
    world.turn(service, 3, seconds=10.0)  # type: ignore[arg-type]
    service.lease.waiting = [Entry(1, labels.key(label(2)), label(2))]  # type: ignore[attr-defined]
    service.turn()
    assert shown == [1, 2]
    world.turn(service, 9, seconds=10.0)  # type: ignore[arg-type]
    assert len(shown) == 2, "nothing is new"


def test_a_standby_keeps_no_folder_of_a_run_that_was_recorded(service: Service, world: World) -> None:
    service.lease.leads = False  # type: ignore[misc]
    for number in (1, 2):
        folder_of(service.state, number).kept.write_text("the text of a label")
    service.turn()
    assert len(folders(service.state)) == 2, "no run is recorded yet"
    world.submit(term := world.term(state="elsewhere"), *map(label, range(4)))
    world.turn(term, 6)
    assert [one.number for one in records.every(world.store)] == [1]
    service.turn()
    assert [one.number for one in folders(service.state)] == [2]


def test_a_label_store_that_was_not_read_on_for_a_month_is_rebuilt(service: Service, world: World) -> None:
    service.lease.waiting = entries(label(1), label(2))  # type: ignore[attr-defined]
    service.turn()
    service._end_term()
    world.now += timedelta(days=24)
    assert service._begin_term() == 2
    service._end_term()
    LabelStore(service.labels).close()  # who opens it has not read on
    world.now += timedelta(days=2)
    assert service._begin_term() == 0


def test_what_a_new_leader_reads_to_catch_up_is_as_old_as_it_says(service: Service, world: World) -> None:
    said: list[tuple[object, ...]] = []
    old = label(1, labelled_at=world.now - timedelta(days=30))
    service.lease.waiting = entries(old)  # type: ignore[attr-defined]
    service.turn()
    service.lease.waiting = [Entry(1, labels.key(label(2)), label(2))]  # type: ignore[attr-defined]
    world.now += timedelta(minutes=1)
    service.turn()
    said = [one for one in world.told if one[0] in {"e-1", "e-2"}]
    assert said[0] == ("e-1", old.labelled_at)
    assert said[-1] == ("e-2", world.now)


def test_who_leads_no_more_shows_nothing_of_its_term(service: Service, world: World) -> None:
    service.lease.waiting = entries(label(1, model_version="v-1", probabilities={"negative": 9_000}), label(2))  # type: ignore[attr-defined]
    service.turn()
    assert value(service, "bellwether_trainer_labels_since_run") == 2
    service.lease.leads = False  # type: ignore[misc]
    service.turn()
    assert value(service, "bellwether_trainer_labels_since_run") == 0
    assert value(service, "bellwether_prequential_labels", task="sentiment", slice="all", name="") is None


def test_a_prediction_is_measured_whose_label_did_not_bring_it_along(service: Service) -> None:
    said = Said("negative", {"negative": 9_000, "positive": 1_000})
    service.open_tail = lambda *_: mock.Mock(read=lambda: [Answer("e-1", "v-1", {"sentiment": said})])  # type: ignore[assignment]
    service.lease.waiting = entries(label(1))  # type: ignore[attr-defined]
    service.turn()
    assert value(service, "bellwether_prequential_labels", task="sentiment", slice="all", name="") == 1
    assert value(service, "bellwether_prequential_unmeasured") == 0


def test_a_standby_keeps_no_labels_of_which_some_may_have_been_erased_meanwhile(service: Service, world: World) -> None:
    service.lease.waiting = entries(label(1))  # type: ignore[attr-defined]
    service.turn()
    service.lease.leads = False  # type: ignore[misc]
    service.turn()
    assert service.labels.exists()
    world.now += timedelta(days=26)
    service.turn()
    assert not service.labels.exists()


def test_a_full_disk_ends_no_trainer(service: Service, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    service.lease.waiting = entries(label(1))  # type: ignore[attr-defined]
    service.turn()
    assert service._term is not None
    monkeypatch.setattr(service._term, "turn", lambda: full(None))
    world.now += timedelta(seconds=10)
    service.turn()
    assert service._due == seconds(world) + RETRY_S


def test_on_a_quiet_topic_a_standby_leaves_the_store_of_the_leader_beside_it(service: Service, world: World) -> None:
    service.lease.waiting = entries(label(1))  # type: ignore[attr-defined]
    for _ in range(26):
        service.turn()
        world.now += timedelta(days=1)
    assert not stale.removed(service.labels, {}, world.clock)
    assert service._term is not None
    assert service._term.labels.next_offset(LABELS.name) == 1
