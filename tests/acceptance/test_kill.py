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
from models.fakes import SLOW_S
from streams.classify.agent import COMMIT_S
from streams.classify.pipeline import MAX_IN_FLIGHT
from wire.topics import DEAD, PUBLISHED, SCORED

EVENTS = 6_000
PARTITIONS = 4
BATCH = 64
WAIT_S = 280
"""Four deaths of a worker cost about 8 s each on a quiet machine; a busy one takes several times as long."""

VERSIONS = ("v-0123456789", "v-9876543210")
"""What the two workers serve: outputs of both under one batch id would be a mixed batch."""

KILLS_OF_WORKERS = 2
DISTURBANCES = 3
"""What one kill can repeat from: the death, the survivor's rebalance then, and the one when the worker is back."""

MOST_REPEATS = KILLS_OF_WORKERS * DISTURBANCES * int(MAX_IN_FLIGHT * BATCH + COMMIT_S / SLOW_S)
"""Each disturbance: what is in flight, and what was delivered and not yet committed at 1 / SLOW_S events a second."""

Place = tuple[int, int]


@contextmanager
def workers(bootstrap: str, folder: Path) -> Iterator[list[psutil.Process]]:
    """Two parents with one worker each, because the children of one parent all serve the same version."""
    settings = {
        "BELLWETHER_HOME": str(folder / "home"), "BELLWETHER_BATCH_RECORDS": str(BATCH), "TMPDIR": str(folder),
    }  # fmt: skip
    command = [sys.executable, "-m", "bellwether", "worker", "--bootstrap", bootstrap, "--processes", "1"]
    with (folder / "log").open("wb") as log:
        parents = [
            subprocess.Popen(
                [*command, "--model", f"scripted@{version}"], stdout=log, stderr=log, env=os.environ | settings
            )
            for version in VERSIONS
        ]
    try:
        yield [psutil.Process(parent.pid) for parent in parents]
        for parent in parents:
            parent.send_signal(signal.SIGTERM)
        assert [parent.wait(60) for parent in parents] == [0, 0], (folder / "log").read_text()[-3000:]
    finally:
        for parent in parents:
            parent.kill()
            parent.wait()


def fill(bootstrap: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for number in range(count):
        text = "[[error]]" if number % 1_000 == 500 else f"ACME soars for the {number}th time [[slow]]"
        value = {"text": text, "published_at": "2024-01-01T00:00:00Z", "event_id": f"e{number}"}
        producer.produce(PUBLISHED.name, json.dumps(value).encode(), b"%d" % (number % 7), number % PARTITIONS)
        producer.poll(0)
    assert producer.flush(60) == 0


def place_of(number: int) -> Place:
    """Where event `number` stands: what an event's own id says, whatever an output says of itself."""
    return number % PARTITIONS, number // PARTITIONS


class Reader:
    """Applies the reader's rule of promise 2 (one integer a partition), then judges by the ids that we gave."""

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
        """What a reader that follows the rule has of each event, and what was wrong on the way."""
        kept: Counter[Place] = Counter()
        raw = misplaced = 0
        highest = dict.fromkeys(range(PARTITIONS), -1)
        origins: dict[str, set[str]] = {}
        for partition, value, _ in self._read(SCORED.name):
            event = json.loads(value)
            raw += 1
            origins.setdefault(event["batch_id"], set()).add(event["model_version"])
            place = place_of(int(event["event_id"].removeprefix("e")))
            misplaced += place != (partition, event["source_offset"]) or partition != event["source_partition"]
            if event["source_offset"] > highest[partition]:
                highest[partition] = event["source_offset"]
                kept[place] += 1
        buried: Counter[Place] = Counter()
        highest = dict.fromkeys(range(PARTITIONS), -1)
        for partition, value, headers in self._read(DEAD.name):
            place = place_of(int(json.loads(value)["event_id"].removeprefix("e")))
            misplaced += place != (partition, int(headers["bw_offset"])) or partition != int(headers["bw_partition"])
            if int(headers["bw_offset"]) > highest[partition]:
                highest[partition] = int(headers["bw_offset"])
                buried[place] += 1
        inputs = set(map(place_of, range(EVENTS)))
        return {
            "lost": len(inputs - set(kept) - set(buried)),
            "phantom": len((set(kept) | set(buried)) - inputs),
            "both": len(set(kept) & set(buried)),
            "duplicates": (kept + buried).total() - len(kept) - len(buried),
            "misplaced": misplaced,
            "mixed": sum(len(versions) > 1 for versions in origins.values()),
            "unseen": len(set(VERSIONS) - set().union(*origins.values())),
            "dead": buried.total(),
            "repeats": raw - kept.total(),
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


def victims(parents: list[psutil.Process], kind: str) -> list[psutil.Process]:
    children = [child for parent in parents for child in parent.children()]
    ours = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
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
    with workers(kafka.bootstrap, tmp_path) as parents:
        deadline = time.monotonic() + WAIT_S
        while len(killed) < 4 or (found := reader.outputs()) < EVENTS or not settled(reader, found):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-3000:]
            if len(killed) < 4 and reader.outputs() > EVENTS * (len(killed) + 1) // 12:
                kind = next(deaths)
                while not (living := victims(parents, kind)):
                    time.sleep(0.1)
                living[-1].kill()
                killed.append(kind)
            time.sleep(0.1)
    verdict = reader.judge()
    repeats = verdict.pop("repeats")
    assert verdict == {
        "lost": 0, "phantom": 0, "both": 0, "duplicates": 0, "misplaced": 0, "mixed": 0, "unseen": 0,
        "dead": EVENTS // 1_000,
    }  # fmt: skip
    assert repeats <= MOST_REPEATS < EVENTS
    print(f"repeats {repeats} of at most {MOST_REPEATS}")


def settled(reader: Reader, found: int) -> bool:
    """Whether everything has an output, repeats aside; asked only when there are as many outputs as inputs."""
    verdict = reader.judge()
    return verdict["lost"] == 0 and reader.outputs() == found
