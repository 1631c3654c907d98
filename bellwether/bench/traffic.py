"""Fills the input topic, seats consumer groups, and reads from the outputs how fast they came."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from wire import topics

Offsets = Mapping[int, int]


async def fill(bootstrap: str, values: Iterable[bytes], partitions: int) -> int:
    """Produce to the input topic, evenly over the partitions; returns how many, each acknowledged."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=512 * 1024)
    await producer.start()
    count = 0
    waiting: list[Any] = []
    try:
        for value in values:
            key = b"bench-%d" % (count % 101)
            waiting.append(await producer.send(topics.PUBLISHED.name, value, key=key, partition=count % partitions))
            count += 1
            if len(waiting) >= 4_000:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return count


async def ends(bootstrap: str, topic: str, partitions: int) -> dict[int, int]:
    """Where each partition's log ends."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        found = await consumer.end_offsets([TopicPartition(topic, number) for number in range(partitions)])
    finally:
        await consumer.stop()
    return {place.partition: end for place, end in found.items()}


async def seat(bootstrap: str, group: str, offsets: Offsets) -> None:
    """Let a consumer group begin at these offsets of the input topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        places = {TopicPartition(topics.PUBLISHED.name, number): at for number, at in offsets.items()}
        consumer.assign(list(places))
        await consumer.commit({place: OffsetAndMetadata(at, "") for place, at in places.items()})
    finally:
        await consumer.stop()


async def output_times(bootstrap: str, since: Offsets) -> list[float]:
    """The broker's time in seconds of each scored event after `since`, sorted."""
    until = await ends(bootstrap, topics.SCORED.name, len(since))
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    times: list[float] = []
    wanted = sum(until[number] - at for number, at in since.items())
    try:
        places = {TopicPartition(topics.SCORED.name, number): at for number, at in since.items()}
        consumer.assign(list(places))
        for place, at in places.items():
            consumer.seek(place, at)
        while len(times) < wanted:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                times.extend(record.timestamp / 1000 for record in records)
    finally:
        await consumer.stop()
    return sorted(times)


def rate(times: Sequence[float], skipped: float) -> float:
    """Events per second after the first share `skipped` of them.

    >>> rate([0.0, 1.0, 2.0, 3.0, 4.0], skipped=0.0)
    1.0
    """
    first = int(len(times) * skipped)
    return (len(times) - 1 - first) / (times[-1] - times[first])
