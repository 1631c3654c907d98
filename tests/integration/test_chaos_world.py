"""Faults on a real broker with real workers: each does what it says, heals, and the line goes on."""

import json
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from bellwether.broker.cluster import Cluster
from bellwether.chaos import faults
from bellwether.chaos.brokers import Broker
from bellwether.chaos.journal import Strike
from bellwether.chaos.scenario import Fault, Scenario
from bellwether.chaos.workers import Workers
from bellwether.chaos.world import World
from wire.topics import DEAD, PUBLISHED, SCORED

pytestmark = pytest.mark.kafka

PARTITIONS = 2
EVENTS = 500
WAIT_S = 120
"""A busy machine takes a minute for what takes 5 s on a quiet one."""


@pytest.fixture(scope="module")
def broker(kafka: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of our own, behind its proxy; `kafka` has shown by then that one can start here."""
    with Broker(tmp_path_factory.mktemp("chaos") / "broker") as found:
        yield found


class Line:
    def __init__(self, broker: Broker, workers: Workers, strikes: list[Strike]) -> None:
        self.broker = broker
        self.workers = workers
        self.strikes = strikes
        self.world = World(broker, workers, strikes.append, random.Random(5), threading.Event())
        self._sent = 0

    def strike(self, do: str, **how: object) -> list[str]:
        before = len(self.strikes)
        faults.strike(Fault(do=do, at=(0, 0), **how), self.world)  # type: ignore[arg-type]
        return [strike.what for strike in self.strikes[before:]]

    def send(self, count: int = EVENTS) -> None:
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "acks": "all"})
        for number in range(self._sent, self._sent + count):
            value = {"text": f"ACME soars {number} [[slow]]", "published_at": "2024-01-01T00:00:00Z"}
            producer.produce(PUBLISHED.name, json.dumps(value).encode(), b"key", number % PARTITIONS)
        assert producer.flush(60) == 0
        self._sent += count

    def answered(self) -> int:
        """How many different inputs have an output."""
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": "x", "enable.auto.commit": False})
        seen: set[tuple[int, int]] = set()
        for topic in (SCORED.name, DEAD.name):
            for number in range(PARTITIONS):
                place = TopicPartition(topic, number, 0)
                end = consumer.get_watermark_offsets(place, 30)[1]
                consumer.assign([place])
                for _ in range(end):
                    message = consumer.poll(30)
                    assert message is not None
                    seen.add((number, json.loads(message.value() or b"")["source_offset"]))
        consumer.close()
        return len(seen)

    def wait_until_answered(self) -> None:
        waiting = threading.Event()
        for _ in range(WAIT_S * 2):
            if self.answered() == self._sent:
                return
            waiting.wait(0.5)
        pytest.fail(f"{self.answered()} of {self._sent}\n{self.workers.log_tail()}")


@pytest.fixture
def start(broker: Broker, tmp_path: Path) -> Iterator[Callable[..., Line]]:
    running: list[Workers] = []

    def begin(number: int = 2, **row: object) -> Line:
        scenario = Scenario(name="row", about="a row", **row)  # type: ignore[arg-type]
        group = f"chaos-{tmp_path.name}"
        broker.fresh_topics(PARTITIONS, group)
        strikes: list[Strike] = []
        workers = Workers(scenario, broker, group, tmp_path, note=strikes.append)
        workers.__enter__()
        running.append(workers)
        workers.start(number)
        workers.wait_until_ready()
        return Line(broker, workers, strikes)

    yield begin
    for workers in running:
        workers.__exit__(None, None, None)


def test_the_line_outlives_deaths_cuts_and_resets(start: Callable[..., Line]):
    line = start(proxied=True)
    before = line.workers.generations()
    line.send()
    assert line.strike("kill-worker") == ["worker-died"]
    assert line.strike("cut", seconds=2, direction="to-worker") == ["network-cut", "network-healed"]
    line.workers.wait_until_ready()  # who starts while connections are reset ends with 75, and is started again
    line.send()
    assert line.strike("reset", seconds=2) == ["network-cut", "network-healed"]
    assert line.strike("kill-engine") == ["engine-died"]
    line.wait_until_answered()
    assert line.workers.restarts == 1
    assert line.workers.generations() > before
    assert line.workers.peak_memory_mib > 20
    assert line.workers.stop() == [0, 0]
