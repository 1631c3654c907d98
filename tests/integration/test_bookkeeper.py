"""Producer and bookkeeper as processes on a real Kafka: zeros for a clean line, and every planted anomaly is found."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from bellwether.broker.cluster import Cluster
from bellwether.chaos import journal
from bellwether.chaos.journal import BookOrder, LoadOrder, Progress, Strike, Verdict, Written
from bellwether.chaos.reading import messages
from models import text
from models.fakes import ScriptedEngine
from wire.topics import CLASSIFY_GROUP, DEAD, PUBLISHED, SCORED, SHADOWED

EVENTS = 500
PARTITIONS = 2
MIX = {"poison": 0.06, "oversize": 0.01, "repeat": 0.02, "conflict": 0.02, "slow": 0.01}
PID = 42

Answer = tuple[str, int, bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Topic, partition, key, value and headers of an output."""


def shares(row: Any) -> list[int]:
    return [round(float(probability) * 10_000) for probability in row]


class Run:
    """One row by hand: produce, answer as a worker would, judge."""

    def __init__(self, kafka: Cluster, folder: Path) -> None:
        self.bootstrap, self.folder = kafka.bootstrap, folder
        order = LoadOrder(
            bootstrap=kafka.bootstrap, topic=PUBLISHED.name, folder=str(folder), seed=5, events=EVENTS, rate=5_000.0,
            mix=MIX,
        )  # fmt: skip
        self.summary = json.loads(self._process("load", msgspec.json.encode(order)))
        self.acked = {(one.partition, one.offset): one for one in journal.read(folder / journal.ACKED, Written)}
        self.values = {(one.partition(), one.offset()): one for one in messages(kafka.bootstrap, PUBLISHED.name)}
        self.worker = f"host:{PID}:66a0"
        self._engine = ScriptedEngine()

    def answers(self) -> list[Answer]:
        """What a worker that makes no mistake writes; whatever may be either is a dead letter."""
        inputs = sorted(self.values.items())
        return [self.scored(place) if self.acked[place].fate == "scored" else self.letter(place) for place, _ in inputs]

    def scored(self, place: tuple[int, int], **changes: Any) -> Answer:
        published = json.loads(self.values[place].value())
        scores = self._engine.score([text.clean(published["text"])])
        tasks = {
            name: {
                "label": task.labels[int(scores[name][0].argmax())],
                "probabilities": dict(zip(task.labels, shares(scores[name][0]), strict=True)),
            }
            for name, task in self._engine.tasks.items()
        }  # fmt: skip
        event = {
            "event_id": published["event_id"], "text": published["text"], "tasks": tasks, "cleaning": "fake",
            "model_version": self._engine.version, "engine": "scripted", "batch_id": f"b{place[0]}-{place[1] // 16}",
            "worker": self.worker, "source_partition": place[0], "source_offset": place[1],
        }  # fmt: skip
        value = json.dumps(event | changes).encode()
        return SCORED.name, place[0], self.values[place].key(), value, []

    def letter(self, place: tuple[int, int]) -> Answer:
        value = self.values[place].value()
        headers = {
            "bw_topic": PUBLISHED.name, "bw_partition": str(place[0]), "bw_offset": str(place[1]),
            "bw_sha256": sha256(value or b"").hexdigest(), "bw_length": str(len(value or b"")),
        }  # fmt: skip
        encoded = [(name, found.encode()) for name, found in headers.items()]
        return DEAD.name, place[0], self.values[place].key(), value, encoded

    def write(self, answers: list[Answer]) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "acks": "all", "enable.idempotence": True})
        for topic, partition, key, value, headers in answers:
            producer.produce(topic, value, key, partition, headers=list(headers))
        assert producer.flush(30) == 0

    def commit(self) -> None:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": CLASSIFY_GROUP})
        ends = [1 + max(offset for at, offset in self.values if at == partition) for partition in range(PARTITIONS)]
        places = [TopicPartition(PUBLISHED.name, partition, end) for partition, end in enumerate(ends)]
        consumer.commit(offsets=places, asynchronous=False)
        consumer.close()

    def verdict(self, patience: float = 60.0) -> tuple[list[Progress], Verdict]:
        order = BookOrder(
            bootstrap=self.bootstrap, probe=self.bootstrap, group=CLASSIFY_GROUP, published=PUBLISHED.name,
            scored=SCORED.name, dead=DEAD.name, shadowed=SHADOWED.name,
            folder=str(self.folder), registry="/nowhere", trust="/nowhere", seed=5,
            sample=10_000, patience=patience,
        )  # fmt: skip
        printed = self._process("bookkeeper", msgspec.json.encode(order), b"done\n").splitlines()
        *progress, verdict = [msgspec.json.decode(line, type=Progress | Verdict) for line in printed]
        assert isinstance(verdict, Verdict)
        return [line for line in progress if isinstance(line, Progress)], verdict

    def _process(self, module: str, order: bytes, said: bytes = b"") -> bytes:
        path = self.folder / f"{module}.json"
        path.write_bytes(order)
        command = [sys.executable, "-m", f"bellwether.chaos.{module}", str(path)]
        done = subprocess.run(command, input=said, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()[-3_000:]
        return done.stdout


@pytest.fixture
def row(kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path) -> Run:
    make_topics(partitions=PARTITIONS)
    return Run(kafka, tmp_path)


def counts(verdict: Verdict) -> dict[str, int]:
    names = (
        "lost", "phantom", "both", "duplicates", "duplicates_read", "reordered", "mixed", "wrong", "misfiled", "stuck",
    )  # fmt: skip
    return {name: found for name in names if (found := getattr(verdict, name))}


def test_a_clean_line_counts_as_zeros(row: Run) -> None:
    assert row.summary == {"acked": 495, "unknown": 0, "refused": 5}
    refused = list(journal.read(row.folder / journal.REFUSED, Written))
    assert {(one.kind, one.error.split(":")[0]) for one in refused} == {("oversize", "MSG_SIZE_TOO_LARGE")}

    answers = row.answers()
    row.write([answer for place, answer in zip(sorted(row.values), answers, strict=True) if place[1] < 100])
    died = Strike(time=time.time() + 0.001, what="worker-died", pid=PID)
    (row.folder / journal.STRIKES).write_bytes(msgspec.json.encode(died) + b"\n")
    time.sleep(0.05)
    row.worker = f"host:{PID + 1}:66a0"
    answers = row.answers()
    row.write([answer for place, answer in zip(sorted(row.values), answers, strict=True) if place[1] >= 100])
    row.commit()
    progress, verdict = row.verdict()

    assert counts(verdict) == {}
    assert (verdict.events, verdict.scored + verdict.dead, verdict.refused) == (495, 495, 5)
    assert verdict.quiet
    assert verdict.dead >= 10
    assert verdict.examples == {}
    assert verdict.peak_rate > 0
    assert verdict.recovery_seconds is not None
    assert verdict.recovery_seconds > 0
    assert verdict.return_seconds is None
    assert verdict.age_p99_s >= verdict.age_p50_s > 0
    assert (progress[-1].committed, progress[-1].produced, progress[-1].lag) == (495, 495, 0)


def test_each_planted_anomaly_is_found(row: Run) -> None:
    answers = row.answers()
    places = sorted(row.values)
    plain = [place for place in places if row.acked[place].kind == "plain"]
    # Two neighbours of one key change places: one is reordered, and a reader loses it and what lies between.
    by_number = {(row.acked[place].key, row.acked[place].sequence): place for place in plain if row.acked[place].key}
    early, late = next(
        (place, by_number[key, sequence + 1])
        for (key, sequence), place in by_number.items()
        if (key, sequence + 1) in by_number
    )
    one, other = places.index(early), places.index(late)
    answers[one], answers[other] = answers[other], answers[one]
    free = [place for place in plain if not early <= place <= late]
    lost, misfiled, wrong, repeated, mixed, phantom = free[10:70:10]
    # Without a key: a late letter would else be one more that stands after those of its key's later inputs.
    both = next(place for place in free[70:] if row.acked[place].key is None)
    answers[places.index(misfiled)] = row.letter(misfiled)
    tasks = json.loads(row.scored(wrong)[3] or b"")["tasks"]
    tasks["topic"]["label"] = next(
        label for label in tasks["topic"]["probabilities"] if label != tasks["topic"]["label"]
    )
    answers[places.index(wrong)] = row.scored(wrong, tasks=tasks)
    answers[places.index(mixed)] = row.scored(mixed, model_version="v-0000000001")
    row.write([
        *(answer for place, answer in zip(places, answers, strict=True) if place != lost),
        row.scored(repeated), row.letter(both), row.scored(phantom, event_id="nobody's"),
    ])  # fmt: skip

    progress, verdict = row.verdict(patience=2.0)

    found = counts(verdict)
    dropped = sum(early < place < late and row.acked[place].fate == "scored" for place in places)
    assert found.pop("lost") == 1 + 1 + dropped
    assert found == {
        "phantom": 1, "both": 1, "duplicates": 1, "reordered": 1, "mixed": 1, "wrong": 1, "misfiled": 1,
    }  # fmt: skip
    assert f"input {lost[0]}:{lost[1]} ({row.acked[lost].event_id}): no output answers it" in verdict.examples["lost"]
    assert verdict.examples["wrong"][0].startswith(f"{row.acked[wrong].event_id} ({wrong[0]}:{wrong[1]}): topic: label")
    assert not verdict.quiet  # nothing was committed
    assert progress[-1].lag == 495


def test_a_bookkeeper_whose_runner_has_gone_ends(
    kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path
) -> None:
    make_topics(partitions=PARTITIONS)
    order = BookOrder(
        bootstrap=kafka.bootstrap, probe=kafka.bootstrap, group=CLASSIFY_GROUP, published=PUBLISHED.name,
        scored=SCORED.name, dead=DEAD.name, shadowed=SHADOWED.name,
            folder=str(tmp_path), registry="/nowhere", trust="/nowhere", seed=5,
    )  # fmt: skip
    path = tmp_path / "order.json"
    path.write_bytes(msgspec.json.encode(order))

    command = [sys.executable, "-m", "bellwether.chaos.bookkeeper", str(path)]
    done = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=60)

    assert done.returncode == 1
    assert b"standard input ended without `done`" in done.stderr
