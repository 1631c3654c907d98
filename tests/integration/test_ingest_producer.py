"""The producer against a broker that refuses, stops, dies and comes back."""

import gc
import socket
import threading
from collections.abc import Iterator
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


def builder() -> ArticleBuilder:
    return ArticleBuilder(RowMapping.parse([]), source="test", now=lambda: NOW)


def event(number: int, text: str = "Norvale opens") -> Message:
    return message.encode(builder().build({"text": text, "id": number}, number, lambda _: ""))


@pytest.mark.filterwarnings("ignore:unclosed.*:ResourceWarning")  # kafka-python leaves its wake-up sockets open here
def test_nobody_answering_is_said_with_the_address_and_the_cure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

        with pytest.raises(
            BrokerError, match=rf"no Kafka answers at {address} .*; start one with `bellwether broker start`"
        ):
            Publisher(address, connect_timeout_s=1)
    gc.collect()


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

    def __init__(self, bootstrap: str, delivery_timeout_s: float, count: int, bounds: Bounds | None = None) -> None:
        self.report = Report(lambda _: None)
        self.error: BrokerError | None = None
        self.half = threading.Event()
        """Set when half of the rows are handed over: the moment to do something to the broker."""
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
                run.run(Rows("x", self._rows(count), lambda _: ""), builder(), None, bounds)
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
        ]


def test_a_broker_killed_in_mid_ingest_loses_and_doubles_nothing() -> None:
    with clusters.temporary() as cluster:
        topics.create(cluster.bootstrap, partitions=2)
        run = Run(cluster.bootstrap, delivery_timeout_s=60, count=4_000)
        assert run.half.wait(60)
        clusters.kill(cluster.folder)
        run.go_on.set()
        clusters.start(cluster.folder)
        run.wait()

        assert run.error is None
        assert run.report.accepted == 4_000
        found = ids_in(cluster.bootstrap)
        assert len(found) == len(set(found)) == 4_000

        # The second half: it stays away for longer than the delivery time-out.
        lost = Run(cluster.bootstrap, delivery_timeout_s=4, count=1_000, bounds=Bounds(skip=4))
        assert lost.half.wait(60)
        clusters.kill(cluster.folder)
        lost.wait()
        assert lost.error is not None
        assert f"x: {lost.report.accepted:,} rows were acknowledged, " in str(lost.error)
        resume = int(str(lost.error).split("resume with --skip ")[1].split()[0])
        clusters.start(cluster.folder)
        again = Run(cluster.bootstrap, delivery_timeout_s=60, count=1_000, bounds=Bounds(skip=resume))
        again.wait()

        assert again.error is None
        assert len(set(ids_in(cluster.bootstrap))) == 4_000
