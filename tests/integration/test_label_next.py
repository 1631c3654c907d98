"""What `label next` chooses from a real scored topic is filled in, imported and exported with its probability."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer
from pyarrow import parquet
from typer.testing import CliRunner, Result

from bellwether.broker.cluster import Cluster
from bellwether.cli.app import app
from runtime.errors import InputError
from wire.events import Scored, TaskScore
from wire.topics import SCORED

WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def scored(number: int, top: int) -> Scored:
    shares = {"positive": top, "negative": 10_000 - top}
    return Scored(
        event_id=f"e-{number}", text=f"story {number:b} of {number:x}{number:o}", published_at=WHEN, source="test",
        model_version="v-0123456789", engine="noop", cleaning="2", batch_id="b", worker="w", source_partition=0,
        source_offset=number, scored_at=WHEN,
        tasks={"sentiment": TaskScore(label="positive", probabilities=shares, abstained=False)},
    )  # fmt: skip


@pytest.fixture
def call(kafka: Cluster, make_topics: Callable[..., None]) -> Callable[..., Result]:
    make_topics()
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for number in range(60):
        event = scored(number, 5_000 + 10 * number if number < 10 else 9_900)
        producer.send(SCORED.name, msgspec.json.encode(event), partition=number % 4)
    producer.send(SCORED.name, b"no event", partition=0)
    producer.send(SCORED.name, msgspec.json.encode(scored(0, 5_000)), partition=0)  # again, as after a crash
    producer.close()
    return lambda *words: CliRunner().invoke(app, ["label", *words, "--bootstrap", kafka.bootstrap])


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


def test_what_is_chosen_and_filled_in_keeps_its_probability_to_the_end(call, tmp_path: Path) -> None:
    result = call("next", "10", "--jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.stderr == ""
    unsure = [row for row in rows if row["why"] == "unsure"]
    audit = [row for row in rows if row["why"] == "audit"]
    assert {row["event_id"] for row in unsure} <= {f"e-{number}" for number in range(10)}
    assert len(unsure) == 8
    assert {row["sampling_probability"] for row in audit} == {2 / 52}

    (tmp_path / "todo.jsonl").write_text("".join(json.dumps(row | {"label": "negative"}) + "\n" for row in rows[1:]))
    with (tmp_path / "todo.jsonl").open("a") as file:
        file.write(json.dumps(rows[0]) + "\n")  # nobody filled this one in
    told = said(call("import", str(tmp_path / "todo.jsonl"), "--labeller", "ana", "--now", "--json"))
    assert told == {"published": 9, "failed": 0, "refused": 1}

    again = said(call("next", "100", "--json"))
    assert again["candidates"] == 51
    assert len(again["chosen"]) == 51
    assert not {row["event_id"] for row in again["chosen"]} & {row["event_id"] for row in rows[1:]}

    assert said(call("export", str(tmp_path / "labels.parquet"), "--json"))["written"] == 9
    table = parquet.read_table(tmp_path / "labels.parquet").to_pylist()
    exported = {row["event_id"]: row for row in table}
    for row in rows[1:]:
        found = exported[row["event_id"]]
        assert found["sampling_probability"] == row["sampling_probability"]
        assert (found["text"], found["model_version"]) == (row["text"], "v-0123456789")
        assert dict(found["probabilities"]) == row["probabilities"]
        assert (found["published_at"], found["labelled_at"].tzinfo is not None) == (WHEN, True)


def test_only_the_recent_part_is_read_and_a_person_gets_a_table(call) -> None:
    recent = said(call("next", "3", "--recent", "20", "--json"))
    assert 16 <= recent["candidates"] <= 21
    assert all(int(row["event_id"][2:]) >= 30 or row["event_id"] == "e-0" for row in recent["chosen"])
    shown = call("next", "3", "--audit", "1").stdout
    assert "3 audit, of 60 without a label" in shown
    assert "5.00%" in shown
    nothing = call("next", "3", "--task", "mood")
    assert "no scored event is left to be labelled for mood" in nothing.stderr
    assert isinstance(call("next", "3", "--json", "--jsonl").exception, InputError)
