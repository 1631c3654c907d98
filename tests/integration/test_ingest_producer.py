"""The producer against a broker that refuses, stops, dies and comes back."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bellwether import topics
from bellwether.broker import cluster as clusters
from bellwether.broker.admin import connect
from bellwether.broker.cluster import Cluster
from runtime.errors import BrokerError
from streams.dead.reader import open_log
from streams.ingest import message
from streams.ingest.article import ArticleBuilder
from streams.ingest.interrupt import Interrupt
from streams.ingest.mapping import RowMapping
from streams.ingest.message import Message
from streams.ingest.producer import Publisher
from streams.ingest.refusal import RowRefusedError
from streams.ingest.report import Report
from streams.ingest.rows import Row, Rows
from streams.ingest.run import Bounds, Ingest
from wire.topics import PUBLISHED

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SMALL = "test.ingest.small"


def builder(source: str = "test") -> ArticleBuilder:
    return ArticleBuilder(RowMapping.parse([]), source=source, now=lambda: NOW)


def event(number: int, text: str = "Norvale opens") -> Message:
    return message.encode(builder().build({"text": text, "id": number}, number, lambda _: ""))


# kafka-python leaves the sockets of a connection that failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed.*:ResourceWarning")


def test_nobody_answering_is_said_with_the_address_and_the_cure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        # In a process of its own: its garbage would surface in the middle of another test.
        script = f"from streams.ingest.producer import Publisher; Publisher({address!r}, connect_timeout_s=1)"

        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert f"runtime.errors.BrokerError: no Kafka answers at {address} (" in done.stderr
    assert "; start one with `bellwether broker start` or name another with --bootstrap" in done.stderr


def test_a_missing_topic_is_said_with_the_cure(kafka: Cluster) -> None:
    with pytest.raises(
        BrokerError, match=r"has no topic 'no.such.topic' .*; create it with `bellwether topics create`"
    ):
        Publisher(kafka.bootstrap, topic="no.such.topic", connect_timeout_s=2)


@pytest.fixture
def small_topic(kafka: Cluster) -> Iterator[str]:
    """A topic whose broker takes less than we think."""
    with connect(kafka.bootstrap) as admin:
        settings = {"max.message.bytes": "2000"}
        admin.create_topics({SMALL: {"num_partitions": 1, "replication_factor": 1, "configs": settings}})
        yield SMALL
        admin.delete_topics([SMALL])


def test_an_event_that_the_broker_refuses_is_refused_and_the_next_ones_arrive(kafka: Cluster, small_topic: str) -> None:
    outcomes: dict[int, Exception | None] = {}
    with Publisher(kafka.bootstrap, topic=small_topic) as publisher:
        for number in range(1, 6):
            text = "x" * 5_000 if number == 3 else "Norvale opens"
            publisher.publish(event(number, text), lambda error, n=number: outcomes.__setitem__(n, error))
        publisher.flush()

        assert publisher.bytes_on_the_way == 0
    assert [number for number, error in outcomes.items() if error is None] == [1, 2, 4, 5]
    refusal = outcomes[3]
    assert isinstance(refusal, RowRefusedError)
    assert refusal.reason == "too_large"
    assert str(refusal) == "the event has 5,478 bytes, test.ingest.small takes 2,000; split the text"


def test_a_full_buffer_makes_a_thread_wait_and_an_event_loop_not(kafka: Cluster) -> None:
    outcomes: list[Exception | None] = []
    size = event(1).size_bytes
    with Publisher(kafka.bootstrap, buffer_bytes=2 * size, delivery_timeout_s=30) as publisher:
        for number in range(50):
            publisher.publish(event(number), outcomes.append)
            assert publisher.bytes_on_the_way <= 2 * size
        publisher.flush()
        assert outcomes == [None] * 50

        for number in range(50):
            publisher.publish(event(number), outcomes.append, may_wait=False)
        publisher.flush()
    refused = [str(error) for error in outcomes[50:] if error is not None]
    assert refused, "fifty events fit nowhere into a buffer of two"
    assert all("acknowledges too slowly; the event was not sent" in sentence for sentence in refused)


class Run:
    """An ingest of numbered rows in a thread."""

    def __init__(
        self, bootstrap: str, source: str, *, delivery_timeout_s: float, count: int, bounds: Bounds | None = None
    ) -> None:
        self.report = Report(lambda _: None)
        self.error: BrokerError | None = None
        self.half = threading.Event()
        """Set when half of the rows are handed over: the moment to do something to the broker."""
        self._builder = builder(source)
        self.go_on = threading.Event()
        self._arguments = (bootstrap, delivery_timeout_s, count, bounds)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _rows(self, count: int) -> Iterator[Row]:
        for number in range(1, count + 1):
            if number == count // 2:
                self.half.set()
                self.go_on.wait(60)
            yield Row(number, {"text": f"row {number}", "id": number, "key": f"K{number % 7}"})

    def _work(self) -> None:
        bootstrap, delivery_timeout_s, count, bounds = self._arguments
        with Publisher(bootstrap, delivery_timeout_s=delivery_timeout_s) as publisher:
            run = Ingest(publisher, self.report, Interrupt())
            try:
                run.run(Rows("x", self._rows(count), lambda _: ""), self._builder, None, bounds)
            except BrokerError as error:
                self.error = error

    def wait(self) -> None:
        self.go_on.set()
        self._thread.join(120)
        assert not self._thread.is_alive()


def ids_in(bootstrap: str) -> list[str]:
    with open_log(bootstrap, PUBLISHED.name) as log:
        return [
            dict[str, Any](record.headers)["ce_id"].decode()
            for partition in log.partitions
            for record in log.records(partition)
            if "ce_id" in dict(record.headers)  # other tests' plain messages share the topic
        ]


@pytest.mark.timeout(600)
def test_a_broker_killed_in_mid_ingest_loses_and_doubles_nothing() -> None:
    with clusters.temporary() as cluster:
        topics.create(cluster.bootstrap, partitions=2)
        run = Run(cluster.bootstrap, "killed", delivery_timeout_s=120, count=2_000)
        assert run.half.wait(60)
        clusters.kill(cluster.folder)
        run.go_on.set()
        clusters.start(cluster.folder)
        run.wait()

        assert run.error is None
        assert run.report.accepted == 2_000
        found = ids_in(cluster.bootstrap)
        assert len(found) == len(set(found)) == 2_000


@pytest.fixture
def frozen(kafka: Cluster) -> Iterator[Callable[[int], None]]:
    """Stops and continues the broker's processes: it stays connected and answers nothing."""

    def send(number: int) -> None:
        for pid in kafka.pids:
            os.kill(pid, number)

    yield send
    send(signal.SIGCONT)


def test_a_broker_that_stays_away_ends_the_ingest_which_can_be_resumed(
    kafka: Cluster, frozen: Callable[[int], None]
) -> None:
    before = set(ids_in(kafka.bootstrap))
    run = Run(kafka.bootstrap, "frozen", delivery_timeout_s=5, count=1_000)
    assert run.half.wait(60)
    frozen(signal.SIGSTOP)
    run.wait()
    frozen(signal.SIGCONT)

    assert run.error is not None
    assert f"x: {run.report.accepted:,} rows were acknowledged, {1_000 - run.report.accepted:,} were not" in str(
        run.error
    )
    resume = int(str(run.error).split("resume with --skip ")[1].split()[0])
    again = Run(kafka.bootstrap, "frozen", delivery_timeout_s=60, count=1_000, bounds=Bounds(skip=resume))
    again.wait()

    assert again.error is None
    assert again.report.accepted == 1_000 - resume
    assert len(set(ids_in(kafka.bootstrap)) - before) == 1_000


def test_a_publisher_whose_client_gave_up_works_again_after_it_reconnects(
    kafka: Cluster, frozen: Callable[[int], None]
) -> None:
    outcomes: list[Exception | None] = []
    with Publisher(kafka.bootstrap, delivery_timeout_s=3) as publisher:
        frozen(signal.SIGSTOP)
        publisher.publish(event(1), outcomes.append)
        publisher.flush()
        assert isinstance(outcomes[0], BrokerError)
        assert "did not acknowledge event" in str(outcomes[0])
        assert publisher.is_broken
        frozen(signal.SIGCONT)

        publisher.reconnect()
        assert not publisher.is_broken
        publisher.publish(event(2), outcomes.append)
        publisher.flush()

    assert outcomes[1:] == [None]
