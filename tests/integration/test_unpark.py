"""A label without its text gets it from a real scored topic, at once or when the event comes, and is parked until."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from bellwether.broker.cluster import Cluster
from bellwether.labels import topic
from runtime.errors import BrokerError
from trainer.labels.effective import Subject, effective
from trainer.labels.join import Joined
from trainer.labels.store import Counts, LabelStore
from trainer.labels.unpark import Search, Submit, complete
from wire.events import LabelSubmitted, Scored, TaskScore
from wire.topics import LABELS, SCORED

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def label(event_id: str, labeller: str = "ana") -> LabelSubmitted:
    return LabelSubmitted(
        event_id=event_id, task="topic", label="Macro", labeller=labeller, labelled_at=WHEN, sampling_probability=0.25
    )


def scored(event_id: str, version: str = "v-0123456789") -> bytes:
    answer = TaskScore(label="Macro", probabilities={"Macro": 9_000, "Fed": 1_000}, abstained=False)
    return msgspec.json.encode(
        Scored(
            event_id=event_id, text=f"the text of {event_id}", published_at=WHEN, source="test", model_version=version,
            engine="noop", cleaning="2", batch_id="b", worker="w", source_partition=0, source_offset=0, scored_at=WHEN,
            tasks={"topic": answer},
        )
    )  # fmt: skip


def unpark(store: LabelStore, search: Search, submit: Submit) -> Joined:
    return complete(store, search.find(store.parked()), search, submit)


@pytest.fixture
def produce(kafka: Cluster, make_topics: Callable[..., None]):
    make_topics()

    def produce(*values: bytes) -> None:
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
        for number, value in enumerate(values):
            producer.send(SCORED.name, value, partition=number % 4)
        producer.close()

    return produce


def test_labels_wait_for_their_event_and_go_on_when_it_comes(kafka: Cluster, produce, tmp_path: Path) -> None:
    def read(store: LabelStore) -> Counts:
        return store.apply(LABELS.name, topic.entries(kafka.bootstrap, store.next_offset(LABELS.name)))

    produce(scored("e-1", "v-aaaaaaaaaa"), b"{}", scored("e-1").replace(b"e-1", b"e-0"), b"no event")
    produce(scored("e-1"))
    topic.submit(kafka.bootstrap, [label("e-1"), label("e-2"), label("e-3")], lambda *_: None)
    search = Search(kafka.bootstrap)

    def submit(labels: Sequence[LabelSubmitted]) -> None:
        topic.submit(kafka.bootstrap, labels, lambda *_: None)

    def fails(_: Sequence[LabelSubmitted]) -> None:
        raise BrokerError("it went away")

    with LabelStore(tmp_path / "labels.sqlite") as store:
        assert read(store) == Counts(new=3, parked=3)
        with pytest.raises(BrokerError, match="it went away"):
            unpark(store, search, fails)
        found = unpark(store, search, submit)
        assert [one.event_id for one in found.completed] == ["e-1"]
        assert [one.event_id for one in found.waiting] == ["e-2", "e-3"]
        assert read(store) == Counts(joined=1)
        assert store.parked() == ["e-2", "e-3"]

        assert unpark(store, search, submit).completed == []
        produce(scored("e-2"))
        assert [one.event_id for one in unpark(store, search, submit).completed] == ["e-2"]
        assert read(store) == Counts(joined=1)
        counted = effective(store.labels(), store.ranks)
        assert counted[Subject("e-1", "topic")].text == "the text of e-1"
        assert counted[Subject("e-2", "topic")].probabilities == {"Macro": 9_000, "Fed": 1_000}
        assert counted[Subject("e-2", "topic")].sampling_probability == 0.25

        topic.submit(kafka.bootstrap, [label("e-0")], lambda *_: None)
        read(store)
        assert [one.event_id for one in unpark(store, search, submit).completed] == ["e-0"]
        read(store)

        topic.submit(kafka.bootstrap, [label("e-0", labeller="bo")], lambda *_: None)
        assert read(store) == Counts(new=1, parked=1)
        assert [one.labeller for one in unpark(store, search, submit).completed] == ["bo"], "found before, wanted again"
        read(store)
        kept = effective(store.labels(), store.ranks)
    with LabelStore(tmp_path / "rebuilt.sqlite") as rebuilt:
        read(rebuilt)
        assert effective(rebuilt.labels(), rebuilt.ranks) == kept
        assert rebuilt.parked() == ["e-3"]


def test_nothing_is_read_where_nothing_is_parked(tmp_path: Path) -> None:
    with LabelStore(tmp_path / "labels.sqlite") as store:
        assert unpark(store, Search("127.0.0.1:1"), lambda _: None).completed == []
