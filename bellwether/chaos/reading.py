"""Reads whole topics with librdkafka and takes messages apart with the standard library: no line of `wire.codec`.

Fields and headers are spelt out here a second time, on purpose: a codec that writes what it misreads would not show.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bellwether.chaos.entries import DEAD, SCORED, Output, Place
from runtime.errors import BrokerError

TEXT_BYTES = 64 * 1024
"""So much of a text a scored event carries (design §3)."""

KEPT_BYTES = 64 * 1024
"""So much of a value a letter keeps where it cannot keep all."""

SILENT_S = 60.0
"""A broker that says nothing for so long in mid-reading has gone."""

_LOT = 2_000

Message = Any
"""confluent_kafka.Message, which ships no types."""


def messages(bootstrap: str, topic: str) -> Iterator[Message]:
    """All records of a topic from its start to its end, each partition in order.

    Raises:
        BrokerError: the topic is not there or cannot be read.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": "bellwether-chaos-bookkeeper",
            "group.id": f"bellwether-chaos-bookkeeper-{os.getpid()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "check.crcs": True,
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 32 * 1024,
            "log_level": 0,
        }
    )
    try:
        yield from _read(consumer, topic, bootstrap)
    except KafkaException as error:
        raise BrokerError(f"{topic} at {bootstrap} cannot be read: {error.args[0]}; is the broker running?") from error
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str, bootstrap: str) -> Iterator[Message]:
    found = consumer.list_topics(topic, timeout=SILENT_S).topics[topic]
    if found.error is not None or not found.partitions:
        raise BrokerError(f"the cluster at {bootstrap} has no topic {topic}; make it with `bellwether topics create`")
    open_ones = set(found.partitions)
    places = [TopicPartition(topic, number) for number in open_ones]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=SILENT_S)[0]
    consumer.assign(places)
    heard = time.monotonic()
    while open_ones:
        for message in consumer.consume(_LOT, 0.5):
            heard = time.monotonic()
            error = message.error()
            if error is None:
                if message.partition() in open_ones:
                    yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                open_ones.discard(message.partition())
            elif not error.retriable() and error.code() not in {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}:
                raise KafkaException(error)
        if time.monotonic() - heard > SILENT_S:
            raise BrokerError(f"{bootstrap} said nothing for {SILENT_S:.0f} s while {topic} was read; is it running?")


def text_digest(text: str) -> bytes:
    """What two equal texts share, after the cut at `TEXT_BYTES`."""
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) > TEXT_BYTES:
        encoded = encoded[:TEXT_BYTES].decode("utf-8", "ignore").encode("utf-8", "surrogatepass")
    return blake2b(encoded, digest_size=8).digest()


def value_digest(value: bytes | None) -> bytes:
    """SHA-256, of nothing for a tombstone."""
    return sha256(value or b"").digest()


def described(value: bytes | None) -> tuple[str | None, bytes | None]:
    """Id and text digest of a published value, as far as it has them."""
    try:
        content = json.loads(value or b"")
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(content, dict):
        return None, None
    event_id, text = content.get("event_id"), content.get("text")
    return (
        event_id if isinstance(event_id, str) and event_id else None,
        text_digest(text) if isinstance(text, str) else None,
    )


def scored(message: Message) -> tuple[Output, dict[str, Any]]:
    """A scored event, and all that it says; one that cannot be read names no source, which makes it a phantom."""
    try:
        content = json.loads(message.value())
        output = Output(
            topic=SCORED,
            partition=message.partition(),
            offset=message.offset(),
            time_ms=message.timestamp()[1],
            source=(int(content["source_partition"]), int(content["source_offset"])),
            event_id=_string(content, "event_id"),
            key=as_text(message.key()),
            content=text_digest(_string(content, "text")),
            batch_id=_string(content, "batch_id"),
            served_by=(_string(content, "model_version"), _string(content, "engine")),
            worker=_string(content, "worker"),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _unreadable(SCORED, message), {}
    return output, content


def scored_at_ms(content: dict[str, Any]) -> float | None:
    """When the worker says that it scored this, by its own clock; None where it does not say."""
    try:
        return datetime.fromisoformat(content["scored_at"]).timestamp() * 1000
    except (ValueError, TypeError, KeyError):
        return None


def _string(content: dict[str, Any], name: str) -> str:
    value = content[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no string")
    return value


def letter(message: Message, published: str) -> Output:
    """A dead letter; one that cannot be read, or is about another topic, names no source."""
    headers = {name: value for name, value in message.headers() or () if value is not None}
    try:
        source: Place | None = (int(headers["bw_partition"]), int(headers["bw_offset"]))
        if headers["bw_topic"].decode() != published:
            source = None
        digest = _letter_digest(message.value(), headers)
    except (ValueError, KeyError):
        return _unreadable(DEAD, message)
    return Output(
        topic=DEAD,
        partition=message.partition(),
        offset=message.offset(),
        time_ms=message.timestamp()[1],
        source=source,
        event_id=as_text(headers.get("bw_event_id")),
        key=as_text(message.key()),
        content=digest,
    )


def _letter_digest(value: bytes | None, headers: dict[str, bytes]) -> bytes:
    """Of the input's value: counted from the letter's, or its word for it where the letter holds only the beginning."""
    if headers.get("bw_truncated") != b"true":
        return value_digest(value)
    if len(value or b"") != KEPT_BYTES or int(headers["bw_length"]) <= KEPT_BYTES:
        return b""
    return bytes.fromhex(headers["bw_sha256"].decode())


def _unreadable(topic: str, message: Message) -> Output:
    return Output(
        topic=topic,
        partition=message.partition(),
        offset=message.offset(),
        time_ms=message.timestamp()[1],
        source=None,
        event_id=None,
        key=as_text(message.key()),
        content=b"",
    )


def as_text(raw: bytes | None) -> str | None:
    """A key or header; bytes that are no text stay apart from each other."""
    return None if raw is None else raw.decode("utf-8", "backslashreplace")
