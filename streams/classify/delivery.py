"""Brings outputs to the broker and returns when it has acknowledged each of them, in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from runtime import clock, log
from runtime.crashpoints import Pass, unharmed
from runtime.errors import BrokerError
from streams.classify.records import Output
from wire import topics

REPLACEMENTS = 3
"""New producers without a success between them, after which the process ends: a fourth would meet the same refusal."""

CHUNK_BYTES = 900 * 1024
"""Aimed size of one produced batch: under a broker's usual 1 MiB; a single larger message goes alone."""

RETRY_S = 0.5
"""Pause before the next producer: a broker that comes back needs seconds, and nothing is lost by asking it twice."""

CLOSE_S = 2.0
"""How long a broken producer may take to close; it has nothing left that we wait for."""

_log = log.get(__name__)

Delivered = tuple[Sequence[Output], float | None]
"""Messages of one produced batch and the broker's time of it in seconds; None where the broker did not say."""


class Producer(Protocol):
    """What delivery needs of `aiokafka.AIOKafkaProducer`."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Flush and disconnect."""
        ...

    def create_batch(self) -> Any:
        """An empty batch to fill."""
        ...

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Awaitable[Any]:
        """Submit a batch; the result resolves when the broker has acknowledged it."""
        ...


def kafka_producer(bootstrap: str) -> Producer:
    """An idempotent producer that waits for all replicas and retries for as long as the broker has a leader."""
    producer: Producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id="bellwether-worker",
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=CHUNK_BYTES,
        max_request_size=topics.MAX_MESSAGE_BYTES,
        retry_backoff_ms=100,
        request_timeout_ms=15_000,
        metadata_max_age_ms=30_000,
    )
    return producer


class Delivery:
    """Owns the producer; one caller at a time.

    A retriable error is the client's business (an idempotent batch whose partition has a leader never expires). After
    any error that still reaches us, the producer is replaced: aiokafka's idempotent one answers
    OutOfOrderSequenceNumber for ever once a batch of its has failed (aiokafka 1017).

    Args:
        make: makes a producer that is not yet started.
        replaced: told of each producer that was given up.
        sleep: waits between attempts; an argument for tests.
        passed: told of the point `sent`.
        monotonic: for how long an acknowledgement takes.
    """

    def __init__(
        self,
        make: Callable[[], Producer],
        *,
        replaced: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        passed: Pass = unharmed,
        monotonic: clock.Monotonic = clock.monotonic,
    ) -> None:
        self._make = make
        self._sleep = sleep or asyncio.sleep
        self._replaced = replaced
        self._passed = passed
        self._monotonic = monotonic
        self._began: float | None = None
        self._producer: Producer | None = None

    def waiting_s(self) -> float:
        """Seconds for which outputs have been waiting for the broker; 0 while none are."""
        return 0.0 if self._began is None else self._monotonic() - self._began

    async def start(self) -> None:
        """Connect; waits for a broker as long as it takes."""
        if self._producer is None:
            self._producer = await self._connected()

    async def stop(self) -> None:
        """Disconnect; a second call does nothing."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _closed(producer)

    async def send(self, outputs: Sequence[Output]) -> list[Delivered]:
        """Produce messages and return when the broker has acknowledged all of them.

        Messages of one partition keep their order: the next chunk leaves when the one before it is acknowledged.

        Raises:
            BrokerError: the broker refused, and so it did with three new producers.
        """
        self._began = self._monotonic()
        try:
            return await self._sent(outputs)
        finally:
            self._began = None

    async def _sent(self, outputs: Sequence[Output]) -> list[Delivered]:
        waiting = _chunks(outputs)
        done: list[Delivered] = []
        refusals = 0
        while waiting:
            before = len(done)
            error = await self._round(waiting, done)
            if len(done) > before:
                refusals = 0  # it ends all the same: each success leaves fewer to send
            if error is None:
                continue
            if not error.retriable:
                refusals += 1
            if refusals > REPLACEMENTS:
                acknowledged = sum(len(chunk) for chunk, _ in done)
                raise BrokerError(
                    f"Kafka refused outputs with {REPLACEMENTS} new producers in a row, last {type(error).__name__}: "
                    f"{error}; it has {acknowledged} of {len(outputs)}, the inputs of all come again. Check the output "
                    "topics' settings with `bellwether topics check`"
                ) from error
            _log.warning("producer_replaced", error=type(error).__name__, detail=str(error), refusals=refusals)
            self._replaced()
            await self.stop()
            await self._sleep(RETRY_S)
            await self.start()
        return done

    async def _round(
        self, waiting: dict[tuple[str, int], list[list[Output]]], done: list[Delivered]
    ) -> KafkaError | None:
        """Send the next chunk of each partition; what was acknowledged moves from `waiting` to `done`.

        Returns:
            What went wrong: a refusal, where there was one, because a retriable error beside it needs no person.
        """
        producer = self._producer
        if producer is None:
            raise RuntimeError("delivery was used before start() or after stop(); this is a bug")
        sent: list[tuple[tuple[str, int], Awaitable[Any]]] = []
        failure: KafkaError | None = None
        for place, chunks in waiting.items():
            try:
                batch = _filled(producer, chunks)
                sent.append((place, await producer.send_batch(batch, place[0], partition=place[1])))
            except KafkaError as error:
                failure = error  # the first
                break
        self._passed("sent")
        for place, acknowledgement in sent:
            try:
                metadata = await acknowledgement
            except KafkaError as error:
                if failure is None or (failure.retriable and not error.retriable):
                    failure = error
                continue
            done.append((waiting[place].pop(0), _time_s(metadata)))
            if not waiting[place]:
                del waiting[place]
        return failure

    async def _connected(self) -> Producer:
        while True:
            producer = self._make()
            try:
                await producer.start()
            except KafkaError as error:
                _log.warning("broker_not_reached", error=type(error).__name__, detail=str(error))
                await _closed(producer)
                await self._sleep(RETRY_S)
            else:
                return producer


def _chunks(outputs: Sequence[Output]) -> dict[tuple[str, int], list[list[Output]]]:
    """Messages by topic and partition, each partition's in chunks of about `CHUNK_BYTES`, order kept."""
    chunks: dict[tuple[str, int], list[list[Output]]] = {}
    room: dict[tuple[str, int], int] = {}
    for output in outputs:
        place = (output.topic, output.partition)
        size = len(output.value or b"") + len(output.key or b"") + 512
        left = room.get(place, 0) - size
        if left < 0:
            chunks.setdefault(place, []).append([])
            left = CHUNK_BYTES - size
        room[place] = left
        chunks[place][-1].append(output)
    return chunks


def _filled(producer: Producer, chunks: list[list[Output]]) -> Any:
    """The first chunk as a batch; what does not fit becomes the second chunk. A first message always fits."""
    batch = producer.create_batch()
    append = batch.append
    chunk = chunks[0]
    for position, output in enumerate(chunk):
        if append(timestamp=None, key=output.key, value=output.value, headers=output.headers) is None:
            chunks[:1] = [chunk[:position], chunk[position:]]
            break
    return batch


def _time_s(metadata: Any) -> float | None:
    timestamp = getattr(metadata, "timestamp", None)
    return None if timestamp is None or timestamp < 0 else timestamp / 1000


async def _closed(producer: Producer) -> None:
    try:
        await asyncio.wait_for(producer.stop(), CLOSE_S)
    except (KafkaError, OSError, TimeoutError):
        # It cannot flush what its broker does not take; only the connections are left to close.
        client = getattr(producer, "client", None)
        if client is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(client.close(), CLOSE_S)
