"""Tells lag that no consumer can ever be given from records that wait: a transaction's marker takes an offset too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime import log

PROBE_S = 2.0
"""Most that the search for a record may take, of the 5 s of a look; what it did not settle is looked at again."""

POLL_MS = 200
"""Between two looks at how far that search has come."""

CLOSE_S = 5.0
"""Longest wait for a client to close."""

_log = log.get(__name__)


async def without_records(
    client: AIOKafkaConsumer, topic: str, idle: Mapping[int, tuple[int, int]]
) -> dict[int, tuple[int, int]]:
    """Those of these partitions that hold no record from the first offset to the end.

    A transaction ends with a marker, which takes an offset and which no consumer is ever given: lag that is only
    markers stays for ever, and says nothing of who waits for the next record.

    Args:
        client: not started, without a group and for this search alone: what is assigned to it is fetched on and on.
        topic: of the partitions.
        idle: first and last offset by partition.
    """
    left = {TopicPartition(topic, number): between for number, between in idle.items()}
    empty: dict[int, tuple[int, int]] = {}
    try:
        async with asyncio.timeout(PROBE_S):
            await client.start()
            client.assign(list(left))
            for place, (at, _) in left.items():
                client.seek(place, at)
            while left:
                found = await client.getmany(*left, timeout_ms=POLL_MS)
                for place, (at, end) in list(left.items()):
                    if place not in found and await client.position(place) >= end:
                        empty[place.partition] = (at, end)
                    if place in found or place.partition in empty:
                        del left[place]
    except (KafkaError, TimeoutError, OSError) as error:  # what is not known to be empty counts as holding one
        _log.warning("record_search_unfinished", partitions=[place.partition for place in left], detail=str(error))
    finally:
        await closed(client)
    return empty


async def closed(client: AIOKafkaConsumer | None) -> None:
    """Close a client, if there is one, whatever it says to that."""
    if client is not None:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(client.stop(), CLOSE_S)
