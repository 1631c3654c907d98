"""A topic of its own for each trap, and small Faust apps that step into it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bellwether.broker.cluster import Cluster

WAIT_S = 120
"""Nothing here takes over 15 s on a quiet machine; a busy one may take its time."""

APP = Path(__file__).with_name("faust_app.py")


class App:
    """A process of `faust_app.py`, with what it said so far."""

    def __init__(self, folder: Path, wish: dict[str, Any]) -> None:
        name = uuid4().hex[:6]
        self._said, self._log = folder / f"{name}.said", folder / f"{name}.log"
        with self._said.open("wb") as said, self._log.open("wb") as log:
            environment = {key: value for key, value in os.environ.items() if key != "NO_CYTHON"}
            command = [sys.executable, str(APP), json.dumps(wish)]
            self.process = subprocess.Popen(command, stdout=said, stderr=log, env=environment)

    def texts(self, word: str) -> list[Any]:
        """Texts in the order in which the agent "met" or "handled" them."""
        lines = self._said.read_text().splitlines(keepends=True)
        said = [json.loads(line) for line in lines if line.endswith("\n")]
        return [text for one, text in said if one == word]

    @property
    def log(self) -> str:
        """What Faust logged, from INFO on."""
        return self._log.read_text(errors="replace")

    def wait_for(self, condition: Callable[[], bool], *, may_end: bool = False) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert may_end or self.process.poll() is None, self.log[-3000:]
            assert time.monotonic() < deadline, self.log[-3000:]
            time.sleep(0.05)

    def handles(self, text: Any) -> None:
        """Wait until the agent has handled a text."""
        self.wait_for(lambda: text in self.texts("handled"))

    def stop(self) -> None:
        """End it as an operator would, so that what is acknowledged is committed."""
        self.process.terminate()
        assert self.process.wait(WAIT_S) == 0, self.log[-3000:]


class Place:
    """A topic of one partition on the real broker, and the consumer group that reads it."""

    def __init__(self, bootstrap: str, folder: Path, **config: str) -> None:
        self.bootstrap, self._folder = bootstrap, folder
        self.topic, self.group = (f"trap-{part}-{uuid4().hex[:8]}" for part in ("topic", "group"))
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._admin.create_topics([NewTopic(self.topic, 1, 1, config=config)])[self.topic].result(WAIT_S)
        self._producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": self.group})
        self._partition = TopicPartition(self.topic, 0)

    def close(self) -> None:
        self._consumer.close()
        self._admin.delete_topics([self.topic])[self.topic].result(WAIT_S)
        del self._admin, self._producer  # else they would go on to look for a broker that is gone

    def publish(self, *texts: str) -> None:
        """Append to the topic; returns when the broker has all."""
        for text in texts:
            self._producer.produce(self.topic, text.encode(), b"k", 0)
        assert self._producer.flush(WAIT_S) == 0

    def committed(self) -> int:
        """The offset from which the group's next member would read; 0 where it committed none."""
        return max(0, self._consumer.committed([self._partition], WAIT_S)[0].offset)

    def size(self) -> int:
        """Messages in the topic, where none is a transaction's marker."""
        return self._consumer.get_watermark_offsets(self._partition, WAIT_S)[1]

    @contextmanager
    def app(self, **wish: Any) -> Iterator[App]:
        """A Faust app on this topic; killed at the end where it still runs."""
        app = App(self._folder, {"bootstrap": self.bootstrap, "topic": self.topic, "group": self.group, **wish})
        try:
            yield app
        finally:
            app.process.kill()
            app.process.wait()

    def met_after_restart(self) -> list[str]:
        """What an app that never fails meets when it takes over, up to a last text that is published now."""
        self.publish("last")
        with self.app(fails=False) as app:
            app.handles("last")
            return app.texts("met")[:-1]


@pytest.fixture
def make_place(kafka: Cluster, tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Gives a topic: `make_place(**{"max.message.bytes": "1000"})`."""
    made: list[Place] = []

    def make(**config: str) -> Place:
        made.append(Place(kafka.bootstrap, tmp_path, **config))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    return make_place()
