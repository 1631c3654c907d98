"""A broker that comes back without its log while a worker runs: the worker says what was lost, and ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer

from bellwether import topics
from bellwether.broker import cluster
from bellwether.broker.cluster import Cluster, temporary
from wire.topics import PUBLISHED

pytestmark = pytest.mark.kafka

WAIT_S = 180
"""A busy machine takes a minute for what takes 5 s on a quiet one."""

EVENT = json.dumps(
    {"event_id": "e", "text": "ACME soars", "published_at": "2024-01-01T00:00:00Z", "source": "test"}
).encode()


class Worker:
    """One worker process with its log."""

    def __init__(self, bootstrap: str, folder: Path, *arguments: str) -> None:
        self.port_file = folder / "port"
        self.log = folder / "worker.log"
        command = [sys.executable, "-m", "bellwether", "worker", "--bootstrap", bootstrap, "--model", "scripted"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--port-file", str(self.port_file), *arguments],
                stderr=log,
                stdout=log,
                env=os.environ | {"BELLWETHER_HOME": str(folder / "home")},
            )

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-5000:]

    def scored(self) -> float:
        """Events that it has scored; 0 while it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{int(self.port_file.read_text())}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except (URLError, OSError, ValueError):
            return 0.0
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("bellwether_events_total"))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)


@contextmanager
def worker(bootstrap: str, folder: Path, *arguments: str) -> Iterator[Worker]:
    folder.mkdir(exist_ok=True)
    one = Worker(bootstrap, folder, *arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def own() -> Iterator[Cluster]:
    with temporary() as made:
        topics.create(made.bootstrap, partitions=2)
        yield made


@contextmanager
def dead_member(bootstrap: str, group: str) -> Iterator[None]:
    """A member that stopped without leaving: the broker keeps it for its session."""
    code = """if True:
        import sys
        from confluent_kafka import Consumer
        bootstrap, group, topic = sys.argv[1:]
        names = {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False}
        consumer = Consumer(names | {"session.timeout.ms": 10_000})
        consumer.subscribe([topic], on_assign=lambda *_: print("joined", flush=True))
        while True:
            consumer.poll(1)
    """
    command = [sys.executable, "-c", code, bootstrap, group, PUBLISHED.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as member:
        try:
            assert member.stdout is not None
            assert member.stdout.readline() == "joined\n"
            member.send_signal(signal.SIGSTOP)
            yield
        finally:
            member.kill()


def publish(bootstrap: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for number in range(count):
        producer.produce(PUBLISHED.name, EVENT, b"k", number % 2)
    assert producer.flush(60) == 0


def empty(own: Cluster, cluster_id: str | None = None) -> None:
    """End the broker and all that it remembers, and start it again on the same port."""
    cluster.kill(own.folder)
    for node in own.folder.glob("node-*"):
        shutil.rmtree(node)
    blueprint = own.folder / "cluster.json"
    if cluster_id is not None:
        blueprint.write_text(json.dumps(json.loads(blueprint.read_text()) | {"cluster_id": cluster_id}))
    again = cluster.start(own.folder)
    assert again.bootstrap == own.bootstrap


def test_another_cluster_ends_the_worker_whatever_it_accepted_at_its_start(own: Cluster, tmp_path: Path) -> None:
    other = "AAAAAAAAAAAAAAAAAAAAAA"
    publish(own.bootstrap, 10)
    with worker(own.bootstrap, tmp_path, "--accept-reset") as one:
        one.wait_for(lambda: one.scored() == 10)
        empty(own, other)
        assert one.process.wait(WAIT_S) == 1, one.said()
        assert f"is '{other}' now, it was '" in one.said()
        assert "Go on with this log by --accept-reset, but first: topic" in one.said()
        assert "bellwether topics create" in one.said()
    topics.create(own.bootstrap, partitions=2)
    publish(own.bootstrap, 4)
    with worker(own.bootstrap, tmp_path) as one:
        assert one.process.wait(WAIT_S) == 1, one.said()
        assert f"is '{other}' now, it was '" in one.said()
    with worker(own.bootstrap, tmp_path, "--accept-reset") as one:
        one.wait_for(lambda: one.scored() == 4)


def test_the_same_cluster_with_an_empty_log_ends_the_worker(own: Cluster, tmp_path: Path) -> None:
    publish(own.bootstrap, 10)
    with worker(own.bootstrap, tmp_path) as one:
        one.wait_for(lambda: one.scored() == 10)
        one.process.send_signal(signal.SIGSTOP)  # it shall see the topics that the new log gets, and no time without
        empty(own)
        topics.create(own.bootstrap, partitions=2, group="another-group")
        one.process.send_signal(signal.SIGCONT)
        assert one.process.wait(WAIT_S) == 1, one.said()
        assert "group 'bellwether-classify' has no committed offset" in one.said()


def test_an_accepted_reset_waits_for_members_that_died_without_leaving(own: Cluster, tmp_path: Path) -> None:
    publish(own.bootstrap, 2)
    group = "new"
    with dead_member(own.bootstrap, group), worker(own.bootstrap, tmp_path, "--accept-reset", "--group", group) as one:
        one.wait_for(lambda: one.scored() == 2)
        assert "group_has_members" in one.said()


def test_a_log_that_was_made_anew_with_the_groups_offsets_ends_the_worker_and_the_next(
    own: Cluster, tmp_path: Path
) -> None:
    publish(own.bootstrap, 10)
    with worker(own.bootstrap, tmp_path) as one:
        one.wait_for(lambda: one.scored() == 10)
        one.process.send_signal(signal.SIGSTOP)
        publish(own.bootstrap, 6)
        empty(own)
        topics.create(own.bootstrap, partitions=2)
        one.process.send_signal(signal.SIGCONT)
        assert one.process.wait(WAIT_S) == 1, one.said()
        assert f"topic {PUBLISHED.name} was made anew" in one.said()
        assert "by partition: 0: 5, 1: 5" in one.said()
        assert "--accept-reset" in one.said()
    publish(own.bootstrap, 4)
    with worker(own.bootstrap, tmp_path) as one:
        assert one.process.wait(WAIT_S) == 1, one.said()
        assert f"topic {PUBLISHED.name} was made anew" in one.said()
        assert "--accept-reset" in one.said()
    with worker(own.bootstrap, tmp_path, "--accept-reset") as one:
        one.wait_for(lambda: one.scored() == 4)
    publish(own.bootstrap, 2)
    with worker(own.bootstrap, tmp_path) as one:
        one.wait_for(lambda: one.scored() >= 2)
