"""A real worker follows the pointer of a real store: commands move it, Kafka and the worker show what came of it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from bellwether import moves
from bellwether.broker.cluster import Cluster
from models import build, keys, manifest, registry, tiny
from runtime import clock
from streams.classify.records import Record
from streams.classify.slot import is_within
from wire.topics import PUBLISHED, SCORED, SHADOWED

WAIT_S = 180
PARTITIONS = 2
EVENTS = 200


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A home with two versions of tiny models, signed and trusted: its folder and the versions' names."""
    home = tmp_path_factory.mktemp("machine")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    source = tiny.write(home / "source")
    order = build.Order(
        trained=source.trained, encoder=source.encoder, registry=home / "registry", keys=home / "keys",
        min_agreement=0.0,
    )  # fmt: skip
    first = build.build(order)
    second = "v-00000000aa"
    shutil.copytree(home / "registry" / first, home / "registry" / second)
    facts = manifest.read(home / "registry" / second)
    changed = {field: getattr(facts, field) for field in facts.__struct_fields__} | {"version": second}
    manifest.write_signed(home / "registry" / second, manifest.Manifest(**changed), home / "keys")
    assert registry.verified(home / "registry" / second, home / "keys" / keys.TRUST_FILE).version == second
    return home, first, second


class Line:
    """A machine that moves the pointer, another that serves, and Kafka between them."""

    def __init__(self, machine: tuple[Path, str, str], bootstrap: str, folder: Path) -> None:
        home, self.first, self.second = machine
        self.bootstrap = bootstrap
        self.mover, self.server = folder / "mover", folder / "server"
        shutil.copytree(home, self.mover)
        shutil.copytree(home / "keys", self.server / "keys")
        self.store = self.mover / "store"
        self.logs: list[Path] = []
        self.sent = 0

    def models(self, *words: str) -> Any:
        environment = os.environ | {"BELLWETHER_HOME": str(self.mover), "BELLWETHER_BOOTSTRAP": self.bootstrap}
        command = [sys.executable, "-m", "bellwether", "models", *words, "--json"]
        said = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=WAIT_S, check=False)
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        log = self.server / f"worker-{len(self.logs)}.log"
        self.logs.append(log)
        environment = os.environ | {"BELLWETHER_HOME": str(self.server), "BELLWETHER_STORE": str(self.store)}
        command = [sys.executable, "-m", "bellwether", "worker", "--bootstrap", self.bootstrap, "--model", "champion"]
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        try:
            yield process
        finally:
            process.terminate()  # one that is killed stays a member of its group for a while
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def said(self) -> str:
        return self.logs[-1].read_text(errors="replace")

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, self.said()[-3000:]
            time.sleep(0.3)

    def until_served(self, **wanted: Any) -> None:
        def is_so() -> bool:
            workers = [one.served for one in moves.served(self.bootstrap, clock.now())]
            return len(workers) == 1 and all(getattr(workers[0], name) == value for name, value in wanted.items())

        self.until(is_so)

    def publish(self, count: int = EVENTS) -> None:
        """Keyed by number, so that each key has one event; returns when all were scored."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "acks": "all"})
        for number in range(self.sent, self.sent + count):
            event = {"event_id": f"e{number}", "text": f"ACME rises {number} times",
                     "published_at": "2024-01-01T00:00:00Z", "source": "test"}  # fmt: skip
            producer.produce(PUBLISHED.name, json.dumps(event), f"key-{number}", number % PARTITIONS)
        assert producer.flush(60) == 0
        self.sent += count
        self.until(lambda: len(read(self.bootstrap, SCORED.name)) >= self.sent)


def read(bootstrap: str, topic: str) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    found: list[Message] = []
    try:
        for number in range(PARTITIONS):
            place = TopicPartition(topic, number, 0)
            _, end = consumer.get_watermark_offsets(place, 30)
            consumer.assign([place])
            for _ in range(end):
                message = consumer.poll(30)
                assert message is not None
                assert message.error() is None
                found.append(message)
    finally:
        consumer.close()
    return found


def events(bootstrap: str, topic: str) -> list[dict[str, Any]]:
    return [json.loads(message.value() or b"") for message in read(bootstrap, topic)]


@pytest.fixture
def line(machine: tuple[Path, str, str], kafka: Cluster, make_topics: Callable[..., None], tmp_path: Path) -> Line:
    make_topics(partitions=PARTITIONS)
    return Line(machine, kafka.bootstrap, tmp_path)


def test_a_worker_follows_stage_promote_and_rollback_and_says_so(line: Line) -> None:
    line.models("promote", line.first, "--why", "the first", "--yes")
    with line.worker() as process:
        line.until_served(version=line.first, generation=1)
        line.publish()
        line.models("stage", line.second, "--why", "trained anew")
        line.until_served(version=line.first, ready=line.second, generation=2)
        line.models("promote", line.second, "--why", "better", "--yes")
        line.until_served(version=line.second, ready=None, generation=3)
        (told,) = line.models("served")["workers"]
        assert (told["version"], told["silent"]) == (line.second, False)
        assert {"worker", "version", "since"} <= set(told)
        line.publish()
        line.models("rollback", "--why", "alarms", "--yes")
        line.until_served(version=line.first, generation=4)
        line.publish()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, line.said()
    found = events(line.bootstrap, SCORED.name)
    assert len(found) == len({one["event_id"] for one in found}) == 3 * EVENTS
    by_number = {int(one["event_id"][1:]): one["model_version"] for one in found}
    served = [by_number[number] for number in range(3 * EVENTS)]
    assert served == [line.first] * EVENTS + [line.second] * EVENTS + [line.first] * EVENTS
    assert line.said().count('"event": "swapped"') == 2
    assert line.models("served")["workers"] == [], "a worker that ended takes its word back"


def test_a_shadow_scores_the_same_offsets_unseen_and_a_canary_serves_its_share_of_the_keys(line: Line) -> None:
    line.models("promote", line.first, "--why", "the first", "--yes")
    with line.worker():
        line.until_served(version=line.first)
        line.models("challenge", line.second, "--mode", "shadow", "--share", "1", "--why", "is it sound?")
        line.until_served(challenger=line.second)
        line.publish()
        line.until(lambda: len(read(line.bootstrap, SHADOWED.name)) == EVENTS)
        shadowed, scored = events(line.bootstrap, SHADOWED.name), events(line.bootstrap, SCORED.name)
        line.models("challenge", line.second, "--mode", "canary", "--share", "0.3", "--why", "it is")
        line.until(lambda: '"mode": "canary"' in line.said())
        line.publish()
        line.models("challenge", "--end", "--why", "enough")
        line.until_served(challenger=None)
        line.publish()
    places = [{(one["source_partition"], one["source_offset"]) for one in found} for found in (shadowed, scored)]
    assert places[0] == places[1]
    assert {one["model_version"] for one in shadowed} == {line.second}
    assert {one["model_version"] for one in scored} == {line.first}
    parts: list[set[str]] = [set(), set(), set()]
    for one in events(line.bootstrap, SCORED.name):
        number = int(one["event_id"][1:])
        record = Record(0, 0, f"key-{number}".encode(), b"", (), 0.0)
        is_canary = number // EVENTS == 1 and is_within(record, 0.3, line.second)
        assert one["model_version"] == (line.second if is_canary else line.first)
        parts[number // EVENTS].add(one["model_version"])
    assert parts == [{line.first}, {line.first, line.second}, {line.first}]


def test_a_worker_starts_from_its_own_copy_when_the_store_is_gone_and_follows_when_it_is_back(line: Line) -> None:
    line.models("promote", line.first, "--why", "the first", "--yes")
    with line.worker() as process:
        line.until_served(version=line.first)
        line.models("promote", line.second, "--why", "better", "--yes")
        line.until_served(version=line.second, generation=2)
        process.kill()
    line.store.rename(line.mover / "away")
    with line.worker():
        line.until(lambda: '"event": "engine_loaded"' in line.said())
        assert "champion_not_served" in line.said()
        line.publish()
        assert {one["model_version"] for one in events(line.bootstrap, SCORED.name)} == {line.second}
        (line.mover / "away").rename(line.store)
        line.models("rollback", "--why", "the store is back", "--yes")
        line.until(lambda: '"event": "swapped"' in line.said())
        line.publish()
    last = [one["model_version"] for one in events(line.bootstrap, SCORED.name) if int(one["event_id"][1:]) >= EVENTS]
    assert set(last) == {line.first}
