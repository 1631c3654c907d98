"""An event as it goes to Kafka: key, value, CloudEvents headers, and the size that the broker will count."""

from __future__ import annotations

from dataclasses import dataclass

from streams.ingest.article import Built
from streams.ingest.refusal import TOO_LARGE, RowRefusedError
from wire import cloudevents, codec
from wire.topics import PUBLISHED

MAX_BYTES = PUBLISHED.max_message_bytes
"""What the broker takes as one message of the published topic."""
FRAMING_BYTES = 128
"""Upper bound of what a record and its batch add: 61 for the batch, at most 21 + 10 a header for varints."""


@dataclass(frozen=True, slots=True)
class Message:
    """What the producer sends."""

    event_id: str
    key: bytes
    value: bytes | None
    """None is a tombstone."""
    headers: list[tuple[str, bytes]]
    size_bytes: int
    """Not less than what the broker counts."""


def encode(built: Built) -> Message:
    """The message of one event.

    Raises:
        RowRefusedError: it is larger than the broker takes.
    """
    article = built.article
    key, value = built.key.encode(), codec.encode(article)
    headers = cloudevents.headers(cloudevents.PUBLISHED_TYPE, article.event_id, article.source, article.published_at)
    size = len(key) + len(value) + sum([len(name) + len(content) for name, content in headers]) + FRAMING_BYTES
    if size > MAX_BYTES:
        raise RowRefusedError(
            TOO_LARGE, f"the event has {size:,} bytes, the broker takes {MAX_BYTES:,}; split the text"
        )
    return Message(article.event_id, key, value, headers, size)
