"""Tells workers that the pointer moved, and reads what they say that they serve: both on Kafka, beside the store."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from models.pointer import Pointer
from runtime import clock
from runtime.errors import BrokerError
from runtime.topic_reader import open_reader
from streams.classify.side_topics import AGAIN_S
from wire import cloudevents, codec, topics
from wire.events import ModelPublished, ModelServed

KEY = b"pointer"

ANNOUNCE_S = 5.0
"""Longest wait for a broker: the move is made already, and workers find it by looking."""

GONE_AFTER = timedelta(seconds=3 * AGAIN_S)
"""A worker that was silent for so long was killed, or cannot reach its broker."""


@dataclass(frozen=True)
class Seen:
    """What a worker said last.

    Attributes:
        served: its words.
        at: the broker's time of them.
        is_silent: it should have spoken again since.
    """

    served: ModelServed
    at: datetime
    is_silent: bool


def announce(bootstrap: str, pointer: Pointer) -> None:
    """Say on `news.model.published` that the pointer moved, so that workers look at once.

    Raises:
        BrokerError: the broker did not take it within `ANNOUNCE_S`.
    """
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    told = f"workers were not told of generation {pointer.generation}"
    if not _answers(bootstrap):
        raise BrokerError(f"{told}: no broker at {bootstrap}; they look at the pointer by themselves every few seconds")
    event = ModelPublished(
        generation=pointer.generation,
        champion=pointer.champion,
        previous=pointer.previous,
        staged=pointer.staged,
        challenger=pointer.challenger,
    )
    headers = cloudevents.headers(cloudevents.MODEL_PUBLISHED_TYPE, f"{pointer.generation}", "", clock.now())
    config: dict[str, Any] = {
        "bootstrap_servers": bootstrap.split(","),
        "acks": "all",
        "max_block_ms": int(ANNOUNCE_S * 1000),
        "delivery_timeout_ms": int(ANNOUNCE_S * 1000),
        "request_timeout_ms": int(ANNOUNCE_S * 1000) - 1000,
        "bootstrap_timeout_ms": int(ANNOUNCE_S * 1000),
    }
    producer = None
    try:
        producer = KafkaProducer(**config)
        producer.send(topics.MODEL_PUBLISHED.name, value=codec.encode(event), key=KEY, headers=headers).get(
            timeout=ANNOUNCE_S
        )
    except (KafkaError, OSError, ValueError) as error:
        raise BrokerError(
            f"{told}: {bootstrap} did not take the announcement ({type(error).__name__}: {error}); they look at the "
            "pointer by themselves every few seconds"
        ) from error
    finally:
        if producer is not None:
            producer.close(timeout=1.0)


def _answers(bootstrap: str) -> bool:
    """Whether anybody listens there: Kafka's client would try for its whole time."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        with contextlib.suppress(OSError, ValueError), socket.create_connection((host.strip("[]"), int(port)), 1.0):
            return True
    return False


def served(bootstrap: str, now: datetime) -> list[Seen]:
    """What every worker that did not say good-bye serves, by worker.

    Raises:
        BrokerError: nobody answers, or the topic does not exist.
    """
    with open_reader(bootstrap, (topics.MODEL_SERVED.name,)) as reader:
        starts = reader.starts()
        reader.begin(starts)
        return latest(reader.until(reader.ends()), now)


def latest(records: Iterable[Any], now: datetime) -> list[Seen]:
    """The last words of each worker, those that said good-bye left out; foreign words are passed over."""
    by_worker: dict[bytes, Seen] = {}
    for record in records:
        if record.value is None:
            by_worker.pop(record.key, None)
            continue
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        try:
            said = msgspec.json.decode(record.value, type=ModelServed)
        except codec.UNDECODABLE:
            continue
        by_worker[record.key] = Seen(said, at, now - at > GONE_AFTER)
    return [by_worker[key] for key in sorted(by_worker)]
