"""Labels go into the topic of a real broker and come out as they were, by the commands that people use."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner, Result

from bellwether.broker.cluster import Cluster
from bellwether.cli.app import app
from bellwether.labels import topic
from runtime.errors import InputError, PromiseError
from trainer.labels.effective import Subject, effective
from trainer.labels.store import LabelStore
from wire.events import Scored, TaskScore
from wire.topics import LABELS, SCORED

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)

ROWS = [
    {"event_id": "e-1", "text": "Ostra soars", "label": "positive", "labelled_at": "2026-01-05T12:00:00Z"},
    {"event_id": "e-1", "text": "Ostra soars", "label": "neutral", "labelled_at": "2026-01-05T11:00:00Z"},
    {"event_id": "e-2", "label": "Macro", "labelled_at": "2026-01-05T12:00:00Z"},
    {"event_id": "e-3", "label": "splendid", "labelled_at": "2026-01-05T12:00:00Z"},
]


@pytest.fixture
def call(kafka: Cluster, make_topics: Callable[..., None]) -> Callable[..., Result]:
    make_topics()
    return lambda *words: CliRunner().invoke(app, ["label", *words, "--bootstrap", kafka.bootstrap])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path / "labels.jsonl"


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


def test_what_is_imported_is_exported_and_rebuilds_the_store(call, kafka: Cluster, file: Path, tmp_path: Path) -> None:
    result = call("import", str(file), "--labeller", "desk", "--json")
    assert said(result) == {"published": 3, "failed": 0, "refused": 1}
    assert "line 4: it names no task, and 'splendid' is no label" in result.stderr
    assert said(call("import", str(file), "--labeller", "desk", "--json"))["published"] == 3

    assert said(call("export", str(tmp_path / "out.jsonl"), "--json")) == {"written": 2, "labels": 3}
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(one["event_id"], one["task"], one["label"], one["labeller"]) for one in lines] == [
        ("e-1", "sentiment", "positive", "desk"), ("e-2", "topic", "Macro", "desk"),
    ]  # fmt: skip
    assert said(call("export", str(tmp_path / "all.jsonl"), "--all", "--json"))["written"] == 3

    with LabelStore(tmp_path / "labels.sqlite") as store:
        counts = store.apply(LABELS.name, topic.entries(kafka.bootstrap, store.next_offset(LABELS.name)))
        assert (counts.new, counts.repeated, counts.late, counts.parked) == (3, 3, 1, 1)
        assert effective(store.labels(), store.ranks)[Subject("e-1", "sentiment")].label == "positive"
        assert store.parked() == ["e-2"]
        assert list(topic.entries(kafka.bootstrap, store.next_offset(LABELS.name))) == []


def test_an_export_is_imported_again_as_it_is(call, file: Path, tmp_path: Path) -> None:
    call("import", str(file), "--labeller", "desk")
    call("export", str(tmp_path / "out.jsonl"), "--all")
    assert said(call("import", str(tmp_path / "out.jsonl"), "--strict", "--json"))["refused"] == 0
    assert said(call("export", str(tmp_path / "again.jsonl"), "--all", "--json"))["labels"] == 3
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()


def test_refusals_are_errors_that_say_so(call, file: Path, tmp_path: Path) -> None:
    strict = call("import", str(file), "--labeller", "desk", "--strict")
    assert isinstance(strict.exception, PromiseError)
    assert "1 rows were refused" in str(strict.exception)
    assert isinstance(call("export", str(file)).exception, InputError)
    (tmp_path / "labels.xls").touch()
    assert "the name tells no format; add --format jsonl" in str(call("import", str(tmp_path / "labels.xls")).exception)


def test_an_event_is_labelled_with_what_the_scored_topic_says_of_it(call, kafka: Cluster) -> None:
    said_before = Scored(
        event_id="e-7", text="Vertano cuts jobs", published_at=WHEN, source="test", model_version="v-0123456789",
        engine="noop", cleaning="2", batch_id="b", worker="w", source_partition=0, source_offset=0, scored_at=WHEN,
        tasks={"sentiment": TaskScore(label="neutral", probabilities={"neutral": 6_000, "negative": 4_000},
                                      abstained=False)},
    )  # fmt: skip
    newer = msgspec.structs.replace(said_before, model_version="v-aaaaaaaaaa")
    other = msgspec.structs.replace(said_before, event_id="e-8", text='it quotes e-7 and says "e-7"')
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for event in (said_before, newer, other):
        producer.send(SCORED.name, msgspec.json.encode(event), partition=0)
    producer.close()

    made = said(call("add", "e-7", "negative", "--labeller", "ana", "--json"))
    assert (made["text"], made["model_version"], made["task"]) == ("Vertano cuts jobs", "v-aaaaaaaaaa", "sentiment")
    assert made["probabilities"] == {"neutral": 6_000, "negative": 4_000}
    assert made["source"] == "test"
    assert call("add", "e-7", "negative", "--labeller", "bo").stdout == (
        "e-7: sentiment negative; v-aaaaaaaaaa said neutral (60%)\n"
    )
    assert call("add", "e-9", "Macro", "--labeller", "bo", "--text", "rates rise").exit_code == 0
    found = [entry.label for entry in topic.entries(kafka.bootstrap)]
    assert [(one.event_id, one.labeller, one.label) for one in found if one] == [
        ("e-7", "ana", "negative"), ("e-7", "bo", "negative"), ("e-9", "bo", "Macro"),
    ]  # fmt: skip
    gone = call("add", "e-9", "Macro", "--labeller", "bo")
    assert "no scored event 'e-9' at" in str(gone.exception)
    assert "is no label of sentiment or topic" in str(call("add", "e-7", "bad", "--labeller", "bo").exception)


def test_the_topic_tells_who_is_believed_and_why_another_is_not(call, tmp_path: Path) -> None:
    policy = tmp_path / "labellers.toml"
    policy.write_text('gold = ["desk"]\n')
    rows = [
        {"event_id": f"e-{n}", "text": f"Ostra plant {n}", "label": "neutral", "labeller": name,
         "labelled_at": f"2026-01-05T12:{n:02}:00Z" if name != "machine" else "2026-01-05T13:00:00Z"}
        for name, count in (("desk", 8), ("ana", 10), ("machine", 80)) for n in range(count)
    ]  # fmt: skip
    rows[8]["label"] = "positive"
    (tmp_path / "who.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert said(call("import", str(tmp_path / "who.jsonl"), "--json"))["published"] == 98

    found = said(call("status", "--labellers", str(policy), "--json"))
    ana, machine = found["labellers"]["ana"], found["labellers"]["machine"]
    assert (ana["labels"], ana["asked"], ana["right"], ana["agreement"]) == (10, 8, 7, 0.875)
    assert ana["weight"] == pytest.approx((15.5 / 18 - 0.6) / 0.4)
    assert machine["quarantine"] == "more than 60 labels within a minute"
    assert (found["labellers"]["desk"]["is_exempt"], found["subjects"]) == (True, 10)
    assert found["refused"] == {"quarantined": 80, "wrong on a gold question": 1}
    shown = call("status", "--labellers", str(policy)).stdout
    assert "7 of 8" in shown
    assert "more than 60 labels within a minute" in shown
    policy.write_text('trusted = ["machine"]\n')
    assert said(call("status", "--labellers", str(policy), "--json"))["labellers"]["machine"]["weight"] == 1


def test_records_that_are_no_labels_stop_nobody_and_are_counted(call, kafka: Cluster, file: Path) -> None:
    assert said(call("import", str(file), "--labeller", "desk", "--json"))["published"] == 3
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for value in (b"{", b'{"event_id": "e-1"}'):
        producer.send(LABELS.name, value, b"stray").get(timeout=10)
    producer.close()
    found = said(call("status", "--json"))
    assert (found["unreadable"], found["labellers"]["desk"]["labels"]) == (2, 3)
    assert "2 records are no labels" in call("status").stdout
