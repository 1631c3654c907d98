"""What aiokafka 0.14 and kafka-python 3.0 do wrong when the broker refuses a batch, shown on the real broker.

Each test says what of ours exists because of it and what may go when it fails. A failure here is news, not a defect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber
from kafka import KafkaProducer
from kafka import errors as kafka_errors

from runtime.errors import BrokerError
from streams.classify.delivery import CHUNK_BYTES, Delivery, kafka_producer
from streams.classify.records import Output

LIMIT = 1_000
"""Bytes that the topics here take in a batch: what is larger is refused by the broker itself."""

WAIT_S = 60
SMALL, LARGE = b"small", b"x" * (2 * LIMIT)


@pytest.fixture
def strict(make_place: Callable[..., Any]) -> Any:
    """A topic that takes only small batches."""
    return make_place(**{"max.message.bytes": str(LIMIT)})


@pytest.fixture
async def producer(strict) -> AsyncIterator[Any]:
    """The worker's own producer."""
    made: Any = kafka_producer(strict.bootstrap)
    await made.start()
    yield made
    await made.stop()


async def sent(producer: Any, topic: str, value: bytes) -> int | type[KafkaError]:
    """The message's offset, or what the broker or the client said instead."""
    batch = producer.create_batch()
    assert batch.append(timestamp=None, key=None, value=value, headers=[]) is not None
    try:
        return (await (await producer.send_batch(batch, topic, partition=0))).offset
    except KafkaError as error:
        return type(error)


async def test_after_one_refused_batch_aiokafkas_idempotent_producer_never_delivers_again(strict, producer) -> None:
    """aiokafka 1017: the refused batch has used up a sequence number, and the next ones leave a gap.

    Why: `Delivery` replaces its producer after any error.
    When it fails: `Delivery.send` may try again with the producer that it has; `REPLACEMENTS` becomes its retries.
    """
    assert await sent(producer, strict.topic, SMALL) == 0
    assert await sent(producer, strict.topic, LARGE) is MessageSizeTooLargeError
    for _ in range(10):
        assert await sent(producer, strict.topic, SMALL) is OutOfOrderSequenceNumber
    fresh = kafka_producer(strict.bootstrap)
    await fresh.start()
    try:
        assert await sent(fresh, strict.topic, SMALL) == 1
    finally:
        await fresh.stop()


async def test_delivery_gets_over_what_its_producer_does_not(strict) -> None:
    """The cure for the above, on the real broker; the unit tests of `Delivery` use a fake producer.

    When it fails: outputs after a refused one do not arrive; do not upgrade.
    """

    async def no_sleep(_: float) -> None:
        return

    def outputs(*values: bytes) -> list[Output]:
        return [Output(strict.topic, 0, None, value, [], 1.0) for value in values]

    delivery = Delivery(lambda: kafka_producer(strict.bootstrap), sleep=no_sleep)
    await delivery.start()
    try:
        await delivery.send(outputs(SMALL))
        with pytest.raises(BrokerError, match="MessageSizeTooLarge"):
            await delivery.send(outputs(LARGE))
        delivered = await delivery.send(outputs(SMALL, SMALL))
    finally:
        await delivery.stop()
    assert [len(chunk) for chunk, _ in delivered] == [2]
    assert strict.size() == 3


async def test_a_batch_takes_a_first_message_of_any_size_and_refuses_what_is_beyond_its_own(producer) -> None:
    """Why: `delivery._filled` never checks that its first message found room; a batch left empty would send nothing.

    When it fails: `_filled` has to.
    """
    batch = producer.create_batch()
    larger = b"x" * (2 * CHUNK_BYTES)
    assert batch.append(timestamp=None, key=None, value=larger, headers=[]) is not None
    assert batch.append(timestamp=None, key=None, value=SMALL, headers=[]) is None
    assert batch.record_count() == 1


@pytest.fixture
def blocking_producer(strict) -> Iterator[Any]:
    """kafka-python's, with the settings of `streams.ingest.producer` that matter here."""
    made = KafkaProducer(
        bootstrap_servers=strict.bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=500,  # long enough for ten messages to meet in one batch
        batch_size=128 * 1024,
    )
    yield made
    made.close(timeout=5)


def test_kafka_pythons_flush_fails_when_the_broker_has_a_batch_split_although_all_of_it_arrives(
    strict, blocking_producer
) -> None:
    """Why: `Publisher.flush` in `streams/ingest/producer.py` counts what is on the way by itself.

    When it fails: `Publisher.flush` may call the client's.
    """
    futures = [blocking_producer.send(strict.topic, b"x" * (LIMIT // 3)) for _ in range(10)]
    with pytest.raises(kafka_errors.UnknownError, match="Future not done"):
        blocking_producer.flush(timeout=WAIT_S)
    assert [future.get(timeout=WAIT_S).offset for future in futures] == list(range(10))


def test_after_one_message_that_is_too_large_kafka_pythons_producer_refuses_all(strict, blocking_producer) -> None:
    """Why: `Publisher` asks the topic for its limit before it sends (`streams/ingest/limit.py`), and makes a new client
    after an error (`Publisher.reconnect`).

    When it fails: `Publisher.reconnect` may go; the limit is still worth knowing before the way to the broker.
    """

    def error_of(value: bytes) -> Exception:
        with pytest.raises(kafka_errors.KafkaError) as raised:
            blocking_producer.send(strict.topic, value).get(timeout=WAIT_S)
        return raised.value

    assert isinstance(error_of(LARGE), kafka_errors.MessageSizeTooLargeError)
    for _ in range(3):
        assert isinstance(error_of(SMALL), kafka_errors.MessageSizeTooLargeError)
    assert strict.size() == 0
