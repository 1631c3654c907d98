"""kill -9 of workers and of their engines in mid-stream, on a real Kafka, judged by an independent reader."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from bellwether.broker.cluster import Cluster
from wire.topics import DEAD, PUBLISHED, SCORED

EVENTS = 6_000
PARTITIONS = 4
WAIT_S = 280
"""Four deaths of a worker cost about 8 s each on a quiet machine; a busy one takes several times as long."""

Place = tuple[int, int]


@contextmanager
def workers(bootstrap: str, folder: Path) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "bellwether", "worker", "--bootstrap", bootstrap, "--model", "scripted"]
    settings = {"BELLWETHER_HOME": str(folder / "home"), "BELLWETHER_BATCH_RECORDS": "64", "TMPDIR": str(folder)}
    with (folder / "log").open("wb") as log:
        parent = subprocess.Popen([*command, "--processes", "2"], stdout=log, stderr=log, env=os.environ | settings)
    try:
        yield psutil.Process(parent.pid)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(60) == 0, (folder / "log").read_text()[-3000:]
    finally:
        parent.kill()
        parent.wait()


def fill(bootstrap: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for number in range(count):
        text = "[[error]]" if number % 1_000 == 500 else f"ACME soars for the {number}th time"
        value = {"text": text, "published_at": "2024-01-01T00:00:00Z", "event_id": f"e{number}"}
        producer.produce(PUBLISHED.name, json.dumps(value).encode(), b"%d" % (number % 7), number % PARTITIONS)
        producer.poll(0)
    assert producer.flush(60) == 0


class Reader:
    """Knows coordinates and offsets only: the reader's rule of promise 2 needs one integer a partition."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def outputs(self) -> int:
        """How many outputs there are, repeats included."""
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": "count"})
        places = [TopicPartition(topic.name, n) for topic in (SCORED, DEAD) for n in range(PARTITIONS)]
        total = sum(consumer.get_watermark_offsets(place, 30)[1] for place in places)
        consumer.close()
        return total

    def judge(self) -> dict[str, int]:
        kept: Counter[Place] = Counter()
        raw, highest, reordered = 0, dict.fromkeys(range(PARTITIONS), -1), 0
        mixed: dict[str, set[tuple[str, str]]] = {}
        for partition, value, _ in self._read(SCORED.name):
            event = json.loads(value)
            raw += 1
            reordered += event["source_partition"] != partition
            mixed.setdefault(event["batch_id"], set()).add((event["model_version"], event["engine"]))
            if event["source_offset"] > highest[partition]:
                highest[partition] = event["source_offset"]
                kept[partition, event["source_offset"]] += 1
        dead = {(int(headers["bw_partition"]), int(headers["bw_offset"])) for _, _, headers in self._read(DEAD.name)}
        inputs = {(n % PARTITIONS, n // PARTITIONS) for n in range(EVENTS)}
        return {
            "lost": len(inputs - set(kept) - dead),
            "phantom": len((set(kept) | dead) - inputs),
            "both": len(set(kept) & dead),
            "duplicates": sum(count - 1 for count in kept.values()),
            "reordered": reordered,
            "mixed": sum(len(versions) > 1 for versions in mixed.values()),
            "dead": len(dead),
            "repeats": raw - len(kept),
        }

    def _read(self, topic: str) -> Iterator[tuple[int, bytes, dict[str, bytes]]]:
        consumer = Consumer({"bootstrap.servers": self._bootstrap, "group.id": "judge", "enable.auto.commit": False})
        for number in range(PARTITIONS):
            place = TopicPartition(topic, number, 0)
            end = consumer.get_watermark_offsets(place, 30)[1]
            consumer.assign([place])
            for _ in range(end):
                message = consumer.poll(30)
                assert message is not None
                yield number, message.value() or b"", dict(message.headers() or [])
        consumer.close()


def victims(parent: psutil.Process, kind: str) -> list[psutil.Process]:
    ours = [child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE]
    if kind == "worker":
        return ours
    return [engine for one in ours for engine in one.children() if "models.child" in " ".join(engine.cmdline())]


def test_nothing_is_lost_or_doubled_when_workers_and_engines_are_killed(
    kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path
) -> None:
    make_topics(partitions=PARTITIONS)
    fill(kafka.bootstrap, EVENTS)
    reader = Reader(kafka.bootstrap)
    deaths = iter(("engine", "worker", "engine", "worker"))
    killed: list[str] = []
    with workers(kafka.bootstrap, tmp_path) as parent:
        deadline = time.monotonic() + WAIT_S
        while len(killed) < 4 or (found := reader.outputs()) < EVENTS or not settled(reader, found):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-3000:]
            if len(killed) < 4 and reader.outputs() > EVENTS * (len(killed) + 1) // 12:
                kind = next(deaths)
                while not (living := victims(parent, kind)):
                    time.sleep(0.1)
                living[-1].kill()
                killed.append(kind)
            time.sleep(0.1)
    verdict = reader.judge()
    repeats = verdict.pop("repeats")
    assert verdict == {
        "lost": 0, "phantom": 0, "both": 0, "duplicates": 0, "reordered": 0, "mixed": 0, "dead": EVENTS // 1_000,
    }  # fmt: skip
    assert repeats <= 2 * 2 * (4 * 64 + 4_000)  # kills of a worker x workers x (4 batches + a second's events)


def settled(reader: Reader, found: int) -> bool:
    """Whether everything has an output, repeats aside; asked only when there are as many outputs as inputs."""
    verdict = reader.judge()
    return verdict["lost"] == 0 and reader.outputs() == found
