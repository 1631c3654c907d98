"""Takes what is labelled of one event out of the label topic: a tombstone for each of its keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from runtime.errors import BrokerError
from runtime.topic_reader import open_reader
from streams.ingest.message import FRAMING_BYTES, Message
from streams.ingest.producer import Publisher
from wire import codec
from wire.topics import LABELS

TRIES = 3
"""A label that comes while its event is erased is found by the next look."""


class Kept(NamedTuple):
    """What the label topic holds of an event."""

    labels: frozenset[bytes]
    """Keys of labels that are not erased."""
    buried: frozenset[bytes]
    """Keys of those that are, and whose text a reader of the topic can still get until it is compacted."""
    records: int
    """That still hold a label, a text or both."""


class _Named(msgspec.Struct):
    event_id: str


def look(bootstrap: str, event_id: str) -> Kept:
    """Read the label topic up to its present end.

    Raises:
        BrokerError: nobody answers, or the topic does not exist.
    """
    is_live: dict[bytes, bool] = {}
    records = 0
    with open_reader(bootstrap, (LABELS.name,)) as reader:
        reader.begin(reader.starts())
        for record in reader.until(reader.ends()):
            if record.value is None:
                if record.key in is_live:
                    is_live[record.key] = False
            elif _is_of(record, event_id):
                records += 1
                is_live[record.key] = True
    live = frozenset(key for key, yes in is_live.items() if yes)
    return Kept(live, frozenset(is_live) - live, records)


def bury(bootstrap: str, event_id: str, kept: Kept) -> Kept:
    """Produce tombstones for all that is kept, look again, and do it again for labels that came meanwhile.

    Keys that are buried already get another one: on a quiet topic it is a new record that lets Kafka close the segment
    with the text, and only closed segments are compacted.

    Returns:
        what the topic holds then: no label any more, and records until compaction.

    Raises:
        BrokerError: nobody answers, a tombstone was not acknowledged, or labels of the event keep coming.
    """
    keys: Collection[bytes] = kept.labels | kept.buried
    for _ in range(TRIES):
        _produce(bootstrap, event_id, keys)
        left = look(bootstrap, event_id)
        if not left.labels:
            return left
        keys = left.labels
    raise BrokerError(f"labels of {event_id!r} keep coming to {LABELS.name}; stop who submits them and erase it again")


def _is_of(record: Any, event_id: str) -> bool:
    """Whether a record is of this event by its key or, where somebody keyed it otherwise, by its value."""
    if (record.key or b"").startswith(quote(event_id, safe="").encode("ascii") + b":"):
        return True
    try:
        return msgspec.json.decode(record.value, type=_Named).event_id == event_id
    except codec.UNDECODABLE:
        return False


def _produce(bootstrap: str, event_id: str, keys: Collection[bytes]) -> None:
    failed: list[Exception] = []

    def settled(error: Exception | None) -> None:
        if error is not None:
            failed.append(error)

    with Publisher(bootstrap, topic=LABELS.name) as publisher:
        for key in sorted(keys):
            publisher.publish(Message(event_id, key, None, [], len(key) + FRAMING_BYTES), settled)
        publisher.flush()
    if failed:
        told = f"{len(failed)} of {len(keys)} tombstones for {event_id!r} were not acknowledged"
        raise BrokerError(f"{told}: {failed[0]}; erase it again")
