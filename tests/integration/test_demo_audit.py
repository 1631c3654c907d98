"""The independent reader on a real Kafka: it must find what is wrong, not only praise what is right."""

import json
import subprocess
import sys
from typing import Any

import pytest

from bellwether.demo.audit import count, offsets_to_json
from bellwether.demo.count import Tally
from runtime.errors import BrokerError
from runtime.topic_reader import open_reader
from wire import topics

PUBLISHED, SCORED, DEAD = topics.PUBLISHED.name, topics.SCORED.name, topics.DEAD.name


@pytest.fixture
def produce(kafka, make_topics):
    """Write one record and know its offset."""
    from kafka import KafkaProducer

    make_topics(partitions=2)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)

    def write(topic: str, partition: int, value: Any, headers: Any = ()) -> int:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        sent = producer.send(topic, value=raw, partition=partition, headers=list(headers))
        return int(sent.get(timeout=30).offset)

    yield write
    producer.close()


def scored(partition: int, offset: int, event_id: str) -> dict[str, object]:
    return {
        "event_id": event_id, "source_partition": partition, "source_offset": offset, "batch_id": "b",
        "model_version": "v-1", "engine": "noop",
    }  # fmt: skip


def letter(partition: int, offset: int, event_id: str | None = None) -> list[tuple[str, bytes]]:
    named = [("bw_event_id", event_id.encode())] if event_id else []
    return [("bw_partition", b"%d" % partition), ("bw_offset", b"%d" % offset), *named]


def test_everything_is_found_in_its_place(kafka, produce) -> None:
    for number in range(4):
        produce(PUBLISHED, number % 2, {"event_id": f"e{number}"})
    produce(PUBLISHED, 0, b"\xff no json")
    produce(SCORED, 0, scored(0, 0, "e0"))
    produce(SCORED, 0, scored(0, 0, "e0"))  # came again after a crash
    produce(SCORED, 1, scored(1, 0, "e1"))
    produce(DEAD, 0, b"\xff no json", letter(0, 2))
    produce(SCORED, 1, scored(1, 5, "e9"))  # nobody asked
    assert count(kafka.bootstrap) == Tally(
        events=5, scored=2, dead=1, lost=2, duplicates=0, repeats=1, phantoms=1, misplaced=0, mixed_batches=0,
        producer_repeats=0, lost_places=((0, 1), (1, 1)), served_by={"v-1 noop": 2},
    )  # fmt: skip


def test_an_id_in_the_header_counts(kafka, produce) -> None:
    produce(PUBLISHED, 0, {"text": "x"}, [("ce_id", b"from-header")])
    produce(SCORED, 0, scored(0, 0, "another"))
    tally = count(kafka.bootstrap)
    assert (tally.phantoms, tally.lost) == (1, 1)


def test_what_lies_before_since_is_left_out(kafka, produce, tmp_path) -> None:
    produce(PUBLISHED, 0, {"event_id": "old"})
    with open_reader(kafka.bootstrap, (PUBLISHED, SCORED, DEAD)) as reader:
        since = reader.ends()
    produce(SCORED, 0, scored(0, 0, "old"))  # a late answer to what came before
    produce(PUBLISHED, 0, {"event_id": "new"})
    produce(SCORED, 0, scored(0, 1, "new"))
    tally = count(kafka.bootstrap, since)
    assert (tally.events, tally.scored, tally.phantoms, tally.broken) == (1, 1, 0, [])


def test_it_runs_as_a_process_of_its_own_and_keeps_what_a_reader_accepts(kafka, produce, tmp_path) -> None:
    produce(PUBLISHED, 0, {"event_id": "e0"})
    produce(SCORED, 0, scored(0, 0, "e0"))
    produce(SCORED, 0, scored(0, 0, "e0"))
    since, out = tmp_path / "since.json", tmp_path / "accepted.jsonl"
    since.write_text(offsets_to_json({}))
    command = [sys.executable, "-m", "bellwether.demo.audit", kafka.bootstrap, "--since", str(since), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["repeats"] == 1
    assert [json.loads(row)["event_id"] for row in out.read_text().splitlines()] == ["e0"]


def test_a_topic_that_does_not_exist_is_named(kafka) -> None:
    wanted = r"the cluster has no topic news\.missing; make it with `bellwether topics create`"
    with pytest.raises(BrokerError, match=wanted), open_reader(kafka.bootstrap, ("news.missing",)):
        pass
