# ruff: noqa: ARG002 (fakes keep the signatures of what they stand for)

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, OutOfOrderSequenceNumber

from runtime.errors import BrokerError
from streams.classify.delivery import CHUNK_BYTES, Delivery
from streams.classify.records import Output


def output(name: int, partition: int = 0, size: int = 10) -> Output:
    return Output("scored", partition, b"k", b"%d" % name + b"x" * size, [], 1.0)


class Broker:
    """What all producers of a test share: the log, and what goes wrong next."""

    def __init__(self) -> None:
        self.log: dict[int, list[bytes]] = {}
        self.failures: list[Exception | None] = []
        self.refused_starts = 0
        self.producers: list[FakeProducer] = []

    def make(self) -> "FakeProducer":
        self.producers.append(FakeProducer(self))
        return self.producers[-1]


class FakeBatch(list[bytes]):
    size = 0

    def append(self, *, timestamp: None, key: bytes | None, value: bytes, headers: Any) -> object:  # type: ignore[override]
        if self and self.size + len(value) > CHUNK_BYTES:
            return None
        self.size += len(value)
        super().append(value)
        return self


class FakeProducer:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.stopped = False

    async def start(self) -> None:
        if self.broker.refused_starts:
            self.broker.refused_starts -= 1
            raise KafkaConnectionError("nobody there")

    async def stop(self) -> None:
        self.stopped = True

    def create_batch(self) -> FakeBatch:
        return FakeBatch()

    async def send_batch(self, batch: FakeBatch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        error = self.broker.failures.pop(0) if self.broker.failures else None
        if error is None:
            self.broker.log.setdefault(partition, []).extend(batch)
            result.set_result(type("Metadata", (), {"timestamp": 2_500}))
        else:
            result.set_exception(error)
        return result


async def no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
async def setting() -> Any:
    broker = Broker()
    delivery = Delivery(broker.make, sleep=no_sleep)
    await delivery.start()
    yield broker, delivery
    await delivery.stop()
    assert all(producer.stopped for producer in broker.producers)


async def test_each_partition_keeps_its_order_and_hears_the_brokers_time(setting) -> None:
    broker, delivery = setting
    delivered = await delivery.send([output(n, n % 2) for n in range(6)])
    assert [value[:1] for value in broker.log[0]] == [b"0", b"2", b"4"]
    assert [value[:1] for value in broker.log[1]] == [b"1", b"3", b"5"]
    assert sum(len(outputs) for outputs, _ in delivered) == 6
    assert {time_s for _, time_s in delivered} == {2.5}


async def test_more_than_a_chunk_goes_in_several_in_order(setting) -> None:
    broker, delivery = setting
    await delivery.send([output(n, size=400_000) for n in range(6)])
    assert [value[:1] for value in broker.log[0]] == [b"0", b"1", b"2", b"3", b"4", b"5"]


async def test_what_a_batch_does_not_take_follows_in_the_next(setting) -> None:
    broker, delivery = setting
    outputs = [Output("scored", 0, None, b"%d" % n + b"x" * 460_000, [], 1.0) for n in range(3)]
    await delivery.send(outputs)
    assert [value[:1] for value in broker.log[0]] == [b"0", b"1", b"2"]


async def test_after_a_failure_the_rest_goes_through_a_new_producer(setting) -> None:
    broker, delivery = setting
    broker.failures = [None, OutOfOrderSequenceNumber()]
    await delivery.send([output(0, 0), output(1, 1), output(2, 2)])
    assert {partition: len(values) for partition, values in broker.log.items()} == {0: 1, 1: 1, 2: 1}
    assert len(broker.producers) == 2


async def test_three_new_producers_without_success_end_the_delivery(setting) -> None:
    broker, delivery = setting
    broker.failures = [MessageSizeTooLargeError("2 MiB") for _ in range(4)]
    with pytest.raises(BrokerError, match=r"3 new producers .* MessageSizeTooLargeError.*topics check"):
        await delivery.send([output(0)])
    assert len(broker.producers) == 4


async def test_a_success_between_refusals_starts_the_count_over(setting) -> None:
    broker, delivery = setting
    refused = MessageSizeTooLargeError("2 MiB")
    broker.failures = [refused, refused, refused, None, refused, refused, refused, None]
    await delivery.send([output(0, size=600_000), output(1, size=600_000)])  # two chunks of one partition
    assert [value[:1] for value in broker.log[0]] == [b"0", b"1"]


async def test_a_success_of_another_partition_in_the_same_round_starts_the_count_over_too(setting) -> None:
    broker, delivery = setting
    refused = MessageSizeTooLargeError("2 MiB")
    broker.failures = [refused, refused, refused, refused, refused, refused, None, refused, refused, refused, None]
    await delivery.send([output(0, 0), output(1, 1)])
    assert {partition: len(values) for partition, values in broker.log.items()} == {0: 1, 1: 1}


async def test_the_message_says_how_many_the_broker_has(setting) -> None:
    broker, delivery = setting
    refused = MessageSizeTooLargeError("2 MiB")
    broker.failures = [None, *[refused] * 9]
    with pytest.raises(BrokerError, match=r"it has 2 of 3, the inputs of all come again"):
        await delivery.send([output(0, 0), output(1, 0), output(2, 1)])


@pytest.mark.parametrize("refused_first", [True, False])
async def test_a_retriable_error_beside_a_refusal_does_not_hide_it(setting, refused_first) -> None:
    broker, delivery = setting
    pair = [MessageSizeTooLargeError("2 MiB"), KafkaConnectionError("gone")]
    broker.failures = (pair if refused_first else pair[::-1]) * 4
    with pytest.raises(BrokerError, match="MessageSizeTooLargeError"):
        await delivery.send([output(0, 0), output(1, 1)])


async def test_a_broker_that_is_away_is_waited_for(setting) -> None:
    broker, delivery = setting
    broker.failures = [KafkaConnectionError("gone") for _ in range(9)]
    broker.refused_starts = 5
    await delivery.send([output(0)])
    assert len(broker.log[0]) == 1


async def test_use_before_start_is_a_bug_that_says_so() -> None:
    with pytest.raises(RuntimeError, match="before start"):
        await Delivery(Broker().make).send([output(0)])


async def test_a_crash_point_lies_between_sending_and_waiting_for_acknowledgements() -> None:
    broker = Broker()
    seen: list[tuple[str, int]] = []
    delivery = Delivery(broker.make, passed=lambda point: seen.append((point, sum(map(len, broker.log.values())))))
    await delivery.start()
    await delivery.send([output(0), output(1, partition=1)])
    assert seen == [("sent", 2)]
    await delivery.stop()


async def test_it_says_for_how_long_outputs_wait_for_the_broker() -> None:
    broker, times = Broker(), iter([100.0, 111.0, 112.0])
    broker.failures = [KafkaConnectionError("gone")]
    waited: list[float] = []

    async def sleep(_: float) -> None:
        waited.append(delivery.waiting_s())

    delivery = Delivery(broker.make, sleep=sleep, monotonic=lambda: next(times))
    await delivery.start()
    assert delivery.waiting_s() == 0.0
    await delivery.send([output(0)])
    assert waited == [11.0]
    assert delivery.waiting_s() == 0.0
    await delivery.stop()
