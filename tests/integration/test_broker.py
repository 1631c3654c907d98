"""A real Kafka: its start, its end, and what its data survives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from bellwether.broker import artefacts, cluster
from bellwether.broker.admin import connect
from bellwether.broker.cluster import Cluster
from runtime.errors import ArtefactError, BrokerError

pytestmark = pytest.mark.kafka

OWNER = """
import sys, time
from bellwether.broker.cluster import temporary
with temporary() as found:
    print(found.folder, *found.pids, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def own(kafka: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker that a test may kill; `kafka` has shown by then that one can start here."""
    folder = tmp_path_factory.mktemp("own") / "broker"
    try:
        yield cluster.start(folder)
    finally:
        cluster.kill(folder)


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), acks="all", retries=20)
    try:
        for sent in [producer.send(topic, value) for value in values]:
            sent.get(timeout=30)
    finally:
        producer.close()


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), consumer_timeout_ms=20_000)
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        return [record.value for record, _ in zip(consumer, range(count), strict=False)]
    finally:
        consumer.close()


def create_topic(bootstrap: str, name: str, replicas: int = 1) -> None:
    with connect(bootstrap) as admin:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": replicas}}, wait_for_metadata=True)


def wait_until(holds: Callable[[], bool], wait_s: float = 20.0) -> bool:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_data_survives_kill_9_and_restart_at_the_same_address(own: Cluster):
    create_topic(own.bootstrap, "survives")
    values = [b"%d" % number for number in range(100)]
    produce(own.bootstrap, "survives", values)
    os.kill(own.pids[0], signal.SIGKILL)  # and no pause: it is still dying when we start it again
    again = cluster.start(own.folder)
    assert again.bootstrap == own.bootstrap
    assert again.pids != own.pids
    assert read(again.bootstrap, "survives", 100) == values


def test_starting_what_runs_changes_nothing(own: Cluster):
    before = cluster.status(own.folder)
    assert before.answers
    assert cluster.start(own.folder).pids == before.pids


def test_a_running_broker_is_not_moved_to_another_port(own: Cluster):
    with pytest.raises(BrokerError, match=r"runs already, at 127\.0\.0\.1:\d+ and not at port 29999; stop it first"):
        cluster.start(own.folder, port=29_999)


def test_a_taken_port_names_who_has_it(kafka: Cluster, tmp_path: Path):
    port = int(kafka.bootstrap.rpartition(":")[2])
    with pytest.raises(BrokerError, match=rf"port {port} of 127\.0\.0\.1 is taken by process {kafka.pids[0]} \(java\)"):
        cluster.start(tmp_path / "second", port=port)


def test_a_jar_with_a_flipped_byte_never_runs(kafka: Cluster, tmp_path: Path):
    copy = Path(shutil.copytree(artefacts.cache_folder(), tmp_path / "jars"))
    jar = copy / "kafka-clients-4.4.0.jar"
    content = bytearray(jar.read_bytes())
    content[len(content) // 2] ^= 1
    jar.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"kafka-clients-4\.4\.0\.jar has SHA-256 .* is pinned"):
        cluster.start(tmp_path / "broker", jars=copy)
    assert not (tmp_path / "broker" / "node-1").exists()


def test_a_node_that_dies_at_its_start_shows_the_end_of_its_log(kafka: Cluster, tmp_path: Path):
    folder = tmp_path / "broker"
    cluster.start(folder)
    cluster.stop(folder)
    identity = folder / "node-1" / "data" / "meta.properties"
    identity.write_text(identity.read_text().replace("node.id=1", "node.id=77"))
    with pytest.raises(BrokerError, match=r"(?s)node 1 of the broker died.*last lines of .*broker\.log.*77"):
        cluster.start(folder)


@pytest.mark.timeout(900)  # six Java machines: 20 s of CPU, on an overloaded machine minutes
def test_three_nodes_keep_acknowledging_when_one_is_killed(kafka: Cluster):
    with cluster.temporary(nodes=3) as three:
        create_topic(three.bootstrap, "replicated", replicas=3)
        os.kill(three.pids[0], signal.SIGKILL)
        values = [b"%d" % number for number in range(20)]
        produce(three.bootstrap, "replicated", values)
        assert read(three.bootstrap, "replicated", 20) == values
        assert len(cluster.status(three.folder).pids) == 2
        assert not cluster.status(three.folder).answers
        whole = cluster.start(three.folder, nodes=3)
        assert whole.bootstrap == three.bootstrap
        assert whole.pids[1:] == three.pids[1:]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_temporary_broker_ends_with_its_owner(kafka: Cluster, end: signal.Signals):
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as owner:
        assert owner.stdout
        folder, pid = owner.stdout.readline().decode().split()
        assert psutil.pid_exists(int(pid))
        owner.send_signal(end)
        owner.wait(timeout=30)
    assert wait_until(lambda: not Path(folder).exists())
    assert wait_until(lambda: not psutil.pid_exists(int(pid)))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "bellwether", "broker", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.timeout(600)
def test_the_command_starts_shows_and_stops_a_broker_that_outlives_it(kafka: Cluster, tmp_path: Path):
    folder = str(tmp_path / "broker")
    try:
        started = command("start", "--folder", folder, "--port", "0", "--json")
        assert started.returncode == 0, started.stderr
        said = json.loads(started.stdout)
        assert (said["nodes"], len(said["pids"]), said["folder"]) == (1, 1, folder)
        shown = command("status", "--folder", folder, "--json")
        assert shown.returncode == 0
        assert json.loads(shown.stdout) == {
            "bootstrap": said["bootstrap"],
            "folder": folder,
            "nodes": 1,
            "pids": said["pids"],
            "answers": True,
        }
    finally:
        stopped = command("stop", "--folder", folder)
    assert stopped.returncode == 0, stopped.stderr
    assert not psutil.pid_exists(said["pids"][0])
    gone = command("status", "--folder", folder)
    assert gone.returncode == 1
    assert "does not answer; 0 of 1 nodes run" in gone.stdout


def test_a_failed_command_says_one_line_and_no_traceback(tmp_path: Path):
    failed = command("stop", "--folder", str(tmp_path))
    assert failed.returncode == 1
    assert failed.stderr == f"error: no broker in {tmp_path}; name its folder with --folder\n"
