"""What counts as lag on a real broker, where a transaction's marker is the last offset of a log."""

from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bellwether.broker.cluster import Cluster
from streams.classify.generations import Generation
from streams.classify.lag import LagWatch
from streams.classify.records import Record
from streams.classify.watchdog import StallError, Watchdog, Work

pytestmark = pytest.mark.kafka

WAIT_S = 120
ENDS_WITH_MARKER, ENDS_WITH_RECORD = 0, 1


class OverError(Exception):
    """Nothing stood still for ten minutes."""


class Place:
    """A topic of its own; of each partition the record at 0 is done, a marker follows at 1, and in one a record."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap, self.topic = bootstrap, f"markers-{uuid4().hex[:8]}"
        self.current = Generation(1)
        self.time = 0.0
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([NewTopic(self.topic, 2, 1)])[self.topic].result(WAIT_S)
        producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": self.topic})
        producer.init_transactions(WAIT_S)
        producer.begin_transaction()
        for partition in (ENDS_WITH_MARKER, ENDS_WITH_RECORD):
            producer.produce(self.topic, b"done", b"k", partition)
            done = Record(partition=partition, offset=0, key=b"k", value=b"done", headers=(), time_s=1.0)
            self.current.offsets.take([done])
            self.current.offsets.finish([done])
        producer.commit_transaction(WAIT_S)
        plain = Producer({"bootstrap.servers": bootstrap})
        plain.produce(self.topic, b"waits", b"k", ENDS_WITH_RECORD)
        assert plain.flush(WAIT_S) == 0

    async def watch(self, *partitions: int) -> LagWatch:
        """Look every two seconds of a clock of our own for ten minutes."""

        async def sleep(seconds: float) -> None:
            self.time += seconds
            if self.time > 600:
                raise OverError

        async def readmit() -> None: ...

        def clock() -> float:
            return self.time

        assignments: Any = self
        watch = LagWatch(
            self.bootstrap,
            self.topic,
            self.topic,
            (),
            assigned=lambda: partitions,
            assignments=assignments,
            readmit=readmit,
            work=lambda: Work(calls=0, is_scoring=False, in_flight=()),
            watchdog=Watchdog(clock),
            monotonic=clock,
            sleep=sleep,
        )
        with pytest.raises(OverError):
            await watch.run()
        return watch


@pytest.fixture
def place(kafka: Cluster) -> Place:
    return Place(kafka.bootstrap)


async def test_a_marker_behind_the_last_record_is_no_lag(place: Place) -> None:
    watch = await place.watch(ENDS_WITH_MARKER)
    assert watch.stalls() == []
    assert [(one.partition, one.records) for one in watch.lags()] == [(ENDS_WITH_MARKER, 0)]


async def test_a_record_behind_a_marker_that_nobody_takes_ends_the_worker(place: Place) -> None:
    with pytest.raises(
        StallError,
        match=rf"answers: partition {ENDS_WITH_RECORD} has 2 inputs waiting and has not moved for 60 s\. This",
    ):
        await place.watch(ENDS_WITH_MARKER, ENDS_WITH_RECORD)
