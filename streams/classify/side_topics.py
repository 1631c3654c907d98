"""A worker's talk about models beside its line: says what it serves, and hears that the pointer moved.

None of it is needed to serve, so nothing here ends a worker: a broker that does not answer is asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from runtime import clock, log
from wire import cloudevents, codec, topics
from wire.events import ModelServed

AGAIN_S = 30.0
"""How often a worker says what it serves: a reader takes one that was silent for three times as long for gone."""

RETRY_S = 5.0

FAREWELL_S = 1.0
"""Longest wait for the tombstone of a worker that ends."""

_log = log.get(__name__)


class Announcer:
    """Says on `news.model.served` what this worker serves: at each change, and every `AGAIN_S`.

    Args:
        bootstrap: of Kafka.
        worker: id, the record's key.
        now: for the message's time.
    """

    def __init__(self, bootstrap: str, worker: str, now: clock.Now = clock.now) -> None:
        self._bootstrap = bootstrap
        self._worker = worker
        self._now = now
        self._news = asyncio.Event()
        self._served: ModelServed | None = None
        self._is_silent = False

    def say(self, served: ModelServed) -> None:
        """What is true from now on; never waits."""
        if served != self._served:
            self._served = served
            self._news.set()

    async def run(self) -> None:
        """Speak until cancelled, and then take back what was said."""
        while True:
            producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, client_id="bellwether-served")
            try:
                async with _stopped_at_last(producer):
                    await producer.start()
                    await self._speak(producer)
            except (KafkaError, OSError) as error:
                if not self._is_silent:  # once an outage
                    _log.warning("served_not_told", topic=topics.MODEL_SERVED.name, error=type(error).__name__)
                self._is_silent = True
                self._news.set()
            await asyncio.sleep(RETRY_S)

    async def _speak(self, producer: AIOKafkaProducer) -> None:
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), AGAIN_S)
                self._news.clear()
                if self._served is not None:
                    await self._send(producer, codec.encode(self._served))
        except asyncio.CancelledError:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(self._send(producer, None), FAREWELL_S)
            raise

    async def _send(self, producer: AIOKafkaProducer, value: bytes | None) -> None:
        headers = cloudevents.headers(cloudevents.MODEL_SERVED_TYPE, self._worker, "", self._now())
        await producer.send_and_wait(topics.MODEL_SERVED.name, value, key=self._worker.encode(), headers=headers)
        self._is_silent = False


async def hear_moves(bootstrap: str, heard: Callable[[], None]) -> None:
    """Call `heard` whenever `news.model.published` says that the pointer moved, until cancelled.

    A consumer without a group, because an agent's announcement would reach one worker of the group alone; it reads what
    comes from now on. What was missed is found by those who look at the pointer anyway.
    """
    is_deaf = False
    while True:
        consumer = AIOKafkaConsumer(
            topics.MODEL_PUBLISHED.name,
            bootstrap_servers=bootstrap,
            client_id="bellwether-moves",
            isolation_level="read_committed",
            auto_offset_reset="latest",
            enable_auto_commit=False,
        )
        try:
            async with _stopped_at_last(consumer):
                await consumer.start()
                async for _ in consumer:
                    is_deaf = False
                    heard()
        except (KafkaError, OSError) as error:
            if not is_deaf:  # once an outage
                _log.warning("moves_not_heard", topic=topics.MODEL_PUBLISHED.name, error=type(error).__name__)
            is_deaf = True
        await asyncio.sleep(RETRY_S)


@contextlib.asynccontextmanager
async def _stopped_at_last(client: AIOKafkaProducer | AIOKafkaConsumer) -> AsyncIterator[None]:
    """Aiokafka's own context leaves open what did not start."""
    try:
        yield
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await client.stop()
