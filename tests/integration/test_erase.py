"""What is erased is gone from a real broker's topic, from its segment files after compaction, and from the store."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import OffsetAndMetadata, TopicPartition
from typer.testing import CliRunner, Result

from bellwether.broker.admin import connect
from bellwether.broker.cluster import Cluster
from bellwether.cli.app import app
from bellwether.labels import erasure, topic
from runtime.errors import BrokerError
from trainer.labels.store import Counts, LabelStore
from wire import deadletter
from wire.events import Article, LabelSubmitted
from wire.topics import CLASSIFY_GROUP, DEAD, LABELS, PUBLISHED, SCORED, SHADOWED

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECRET = "the chairman of Vertano resigns"
OTHER = "Ostra soars"


def label(event_id: str, text: str | None, minutes: int = 0, labeller: str = "ana") -> LabelSubmitted:
    at = WHEN + timedelta(minutes=minutes)
    return LabelSubmitted(event_id=event_id, task="topic", label="Macro", labeller=labeller, labelled_at=at, text=text)


@pytest.fixture
def submit(kafka: Cluster, make_topics: Callable[..., None]) -> Callable[..., None]:
    make_topics()
    return lambda *labels: topic.submit(kafka.bootstrap, labels, lambda *_: None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BELLWETHER_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def erase(kafka: Cluster, submit, home: Path) -> Callable[..., Result]:
    def erase(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, ["erase", *words, "--bootstrap", kafka.bootstrap], input=answer)

    return erase


@pytest.fixture
def compact_soon(kafka: Cluster, submit) -> Iterator[None]:
    """What takes a day and a minute in production takes moments."""
    cleaner = ConfigResource(ConfigResourceType.BROKER, "1", {"log.cleaner.backoff.ms": "100"})
    soon = {"max.compaction.lag.ms": "1", "min.cleanable.dirty.ratio": "0", "file.delete.delay.ms": "0"}
    with connect(kafka.bootstrap) as admin:
        admin.alter_configs([cleaner, ConfigResource(ConfigResourceType.TOPIC, LABELS.name, soon)])
        yield
        admin.reset_configs([ConfigResource(ConfigResourceType.BROKER, "1", {"log.cleaner.backoff.ms": None})])


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


def on_disk(cluster: Cluster, text: str) -> bool:
    files = cluster.folder.glob(f"node-*/data/{LABELS.name}-0/*.log*")
    return any(text.encode() in file.read_bytes() for file in files)


def test_the_text_leaves_the_brokers_segment_files_and_the_store(
    kafka: Cluster, submit, erase, compact_soon, home: Path
) -> None:
    submit(label("e-9", SECRET), label("e-9", SECRET, 1, "b:o"), label("e-90", OTHER), label("e-9", None, 2))
    with LabelStore(home / "labels.sqlite") as store:
        assert store.apply(LABELS.name, topic.entries(kafka.bootstrap)).new == 4
    assert on_disk(kafka, SECRET)

    told = said(erase("--id", "e-9", "--yes", "--json"))
    assert (told["labels"], told["store_labels"]) == (3, 3)
    assert [one.event_id for one in topic.present(kafka.bootstrap).labels.values()] == ["e-90"]
    assert SECRET.encode() not in b"".join(file.read_bytes() for file in home.glob("labels.sqlite*"))
    with LabelStore(home / "labels.sqlite") as store:
        assert [one.event_id for one in store.labels()] == ["e-90"]

    for number in range(300):  # each later label lets Kafka close a segment, which is then compacted
        if not on_disk(kafka, SECRET):
            break
        submit(label("e-90", OTHER, number))
    assert not on_disk(kafka, SECRET)
    assert on_disk(kafka, OTHER)
    assert said(erase("--id", "e-9", "--yes", "--json"))["uncompacted_records"] == 0


def test_a_trainer_elsewhere_learns_it_from_the_tombstones(kafka: Cluster, submit, erase, tmp_path: Path) -> None:
    submit(label("e-9", SECRET), label("e-9", SECRET, 1), label("e-1", OTHER))
    with LabelStore(tmp_path / "elsewhere.sqlite") as store:
        store.apply(LABELS.name, topic.entries(kafka.bootstrap))
        erase("--id", "e-9", "--yes")
        counts = store.apply(LABELS.name, topic.entries(kafka.bootstrap, store.next_offset(LABELS.name)))
        assert counts == Counts(erased=2)
    held = b"".join(file.read_bytes() for file in tmp_path.glob("elsewhere.sqlite*"))
    assert SECRET.encode() not in held
    assert OTHER.encode() in held


def test_it_asks_first_and_says_what_it_does_not_reach(kafka: Cluster, submit, erase) -> None:
    submit(label("e-9", SECRET))
    refused = erase("--id", "e-9", answer="n\n")
    assert refused.exit_code == 1
    assert "erase 1 labels of 'e-9' for good?" in refused.stderr
    assert len(topic.present(kafka.bootstrap).labels) == 1
    done = erase("--id", "e-9", answer="y\n")
    assert "e-9: 1 labels erased from the topic, 0 from the store\n  1 records lie in the label topic" in done.stdout
    assert "not reached: models that were trained on it" in done.stdout
    assert topic.present(kafka.bootstrap).labels == {}
    again = said(erase("--id", "e-9", "--yes", "--json"))
    assert (again["labels"], again["uncompacted_records"]) == (0, 1)
    assert said(erase("--id", "nobody", "--yes", "--json"))["uncompacted_records"] == 0


def test_labels_under_foreign_keys_go_too_and_late_ones_are_found(kafka: Cluster, submit) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    producer.send(LABELS.name, key=b"mine", value=msgspec.json.encode(label("e-9", SECRET)))
    producer.send(LABELS.name, key=b"e-9:topic:ana:then", value=b"no label, but of its key")
    producer.send(LABELS.name, key=b"e-91:topic:ana:then", value=b"no label")
    producer.close()
    seen = erasure.look(kafka.bootstrap, "e-9")
    assert (seen.labels, seen.records) == ({b"mine", b"e-9:topic:ana:then"}, 2)
    submit(label("e-9", SECRET))  # after the look
    left = erasure.bury(kafka.bootstrap, "e-9", seen)
    assert (len(left.labels), len(left.buried), left.records) == (0, 3, 3)


def test_article_topics_are_told_of_and_cut_where_asked(kafka: Cluster, submit, erase) -> None:
    article = msgspec.json.encode(Article(event_id="e-9", text=SECRET, published_at=WHEN))
    value, letter = deadletter.build(
        reason="timeout", stage="predict", exception="", topic=PUBLISHED.name, partition=1, offset=1, value=article,
        original=(), event_id="e-9",
    )  # fmt: skip
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for number in range(3):
        text = Article(event_id=f"e-{number}", text=OTHER, published_at=WHEN)
        producer.send(PUBLISHED.name, msgspec.json.encode(text), partition=1)
    producer.send(PUBLISHED.name, article, partition=1)
    producer.send(PUBLISHED.name, b"no article", partition=1)
    producer.send(SCORED.name, b'{"event_id": "e-9"}', partition=2)
    producer.send(SHADOWED.name, b'{"event_id": "e-8"}', partition=2)
    producer.send(DEAD.name, value, headers=letter, partition=3)
    producer.close()

    told = said(erase("--id", "e-9", "--yes", "--json"))["articles"]
    assert [(one["topic"], one["partition"], one["records"], one["is_cut"]) for one in told] == [
        (DEAD.name, 3, 1, False), (PUBLISHED.name, 1, 1, False), (SCORED.name, 2, 1, False),
    ]  # fmt: skip
    now = datetime.now(UTC)
    days = {one["topic"]: (datetime.fromisoformat(one["gone_by"]) - now) / timedelta(days=1) for one in told}
    assert days == {DEAD.name: pytest.approx(37, abs=0.1), PUBLISHED.name: pytest.approx(14, abs=0.1),
                    SCORED.name: pytest.approx(37, abs=0.1)}  # fmt: skip

    early = erase("--id", "e-9", "--yes", "--older").exception
    assert isinstance(early, BrokerError)
    assert "partition 1 is not scored up to offset 3" in str(early)
    with connect(kafka.bootstrap) as admin:
        admin.alter_group_offsets(CLASSIFY_GROUP, {TopicPartition(PUBLISHED.name, 1): OffsetAndMetadata(4, "", -1)})
    asked = erase("--id", "e-9", "--older", answer="y\n")
    assert "cut 3 records of it with 3 older ones of other events?" in asked.stderr
    assert f"{PUBLISHED.name} partition 1: 1 records and 3 older ones cut off" in asked.stdout
    reader = KafkaConsumer(bootstrap_servers=kafka.bootstrap)
    assert reader.beginning_offsets([TopicPartition(PUBLISHED.name, 1)]) == {TopicPartition(PUBLISHED.name, 1): 4}
    reader.close()
    assert said(erase("--id", "e-9", "--yes", "--json"))["articles"] == []
