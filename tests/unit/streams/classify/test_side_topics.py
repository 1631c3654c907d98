"""A worker says again and again what it serves, takes it back when it ends, and hears every move."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from streams.classify import side_topics
from streams.classify.side_topics import Announcer, hear_moves
from wire import codec, topics
from wire.events import ModelServed

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SERVED = ModelServed(worker="host:1:0", version="v-0123456789", engine="noop", since=NOW)


class Broker:
    """Stands for aiokafka's producer and consumer; the first so many starts fail."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[tuple[str, bytes | None, bytes]] = []
        self.moves: asyncio.Queue[object] = asyncio.Queue()
        self.stopped = 0

    def __call__(self, *_: Any, **__: Any) -> "Broker":
        return self

    async def start(self) -> None:
        if self.failures:
            self.failures -= 1
            raise KafkaConnectionError("nobody there")

    async def stop(self) -> None:
        self.stopped += 1

    async def send_and_wait(self, topic: str, value: bytes | None, *, key: bytes, headers: object) -> None:
        assert headers
        self.sent.append((topic, value, key))

    async def __aiter__(self) -> AsyncIterator[object]:
        while True:
            yield await self.moves.get()


async def until(is_so: Any) -> None:
    for _ in range(2_000):
        if is_so():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came")


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker(failures=2)
    monkeypatch.setattr(side_topics, "AIOKafkaProducer", made)
    monkeypatch.setattr(side_topics, "AIOKafkaConsumer", made)
    monkeypatch.setattr(side_topics, "RETRY_S", 0.001)
    monkeypatch.setattr(side_topics, "AGAIN_S", 0.002)
    return made


async def test_what_is_served_is_said_again_without_news_and_taken_back_at_the_end(broker: Broker) -> None:
    announcer = Announcer("nowhere:1", "host:1:0", now=lambda: NOW)
    announcer.say(SERVED)
    with capture_logs() as logs:
        task = asyncio.create_task(announcer.run())
        await until(lambda: len(broker.sent) >= 3)
    task.cancel()
    await asyncio.wait([task])
    said = (topics.MODEL_SERVED.name, codec.encode(SERVED), b"host:1:0")
    assert broker.sent[:3] == [said] * 3
    assert broker.sent[-1] == (topics.MODEL_SERVED.name, None, b"host:1:0")
    assert [line["event"] for line in logs] == ["served_not_told"], "once an outage"
    assert broker.stopped == 3


async def test_news_are_said_at_once(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_topics, "AGAIN_S", 60.0)
    announcer = Announcer("nowhere:1", "host:1:0", now=lambda: NOW)
    announcer.say(SERVED)
    task = asyncio.create_task(announcer.run())
    await until(lambda: len(broker.sent) == 1)
    announcer.say(SERVED)
    await asyncio.sleep(0.01)
    assert len(broker.sent) == 1, "the same is no news"
    announcer.say(ModelServed(worker="host:1:0", version="v-aaaaaaaaaa", engine="noop", since=NOW))
    await until(lambda: len(broker.sent) == 2)
    task.cancel()
    await asyncio.wait([task])


async def test_every_move_is_heard_also_after_an_outage(broker: Broker) -> None:
    heard: list[int] = []
    with capture_logs() as logs:
        task = asyncio.create_task(hear_moves("nowhere:1", lambda: heard.append(1)))
        for _ in range(2):
            broker.moves.put_nowait(object())
        await until(lambda: len(heard) == 2)
    task.cancel()
    await asyncio.wait([task])
    assert [line["event"] for line in logs] == ["moves_not_heard"]
    assert broker.stopped == 3
